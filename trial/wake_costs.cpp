// The measured thread sleeps in submit_and_wait(); a thread on another core calls wake() some time
// later.
//
// wake_ns counts from the return of wake(): what the waker spends is wake_call_ns.
#include <algorithm>
#include <atomic>
#include <thread>
#include <utility>
#include <vector>

#include "reprise/trial/bench_ring.hpp"
#include "reprise/trial/core.hpp"
#include "reprise/trial/instrument.hpp"

namespace reprise::trial {
namespace {

using engine::Duration;
using engine::Expected;
using engine::Instant;

constexpr std::uint32_t kWakes = 100;
constexpr Duration kShortSleep{50'000};
constexpr std::uint32_t kLongWakes = 20;
constexpr Duration kLongSleep{1'000'000};

/// What reading the clock adds to a time between two readings.
std::int64_t clock_ns() {
  std::vector<double> times;
  for (int reading = 0; reading < 200; ++reading) {
    const Instant begin = traffic::monotonic_now();
    times.push_back(static_cast<double>((traffic::monotonic_now() - begin).ns));
  }
  return static_cast<std::int64_t>(median(std::move(times)));
}

class WakeCosts final : public Instrument {
 public:
  WakeCosts(BenchRing ring, unsigned other_core)
      : ring_(std::move(ring)),
        thread_(start_on(other_core, [this](const std::stop_token& stop) { run(stop); })) {}

  Expected<void> read(Readings& readings) override {
    const auto near = measure(kWakes, kShortSleep);
    if (!near) return std::unexpected(near.error());
    const auto far = measure(kLongWakes, kLongSleep);
    if (!far) return std::unexpected(far.error());
    readings["wake_ns"] = near->after_return_ns;
    readings["wake_call_ns"] = near->call_ns;
    readings["wake_from_its_call_ns"] = near->from_call_ns;
    readings["wake_after_1_ms_asleep_ns"] = far->after_return_ns;
    return {};
  }

 private:
  struct Times {
    double call_ns = 0;
    double after_return_ns = 0;
    double from_call_ns = 0;
  };

  Expected<Times> measure(std::uint32_t wakes, Duration sleep) {
    const std::int64_t clock = clock_ns();
    std::vector<double> call;
    std::vector<double> after;
    std::vector<double> from;
    for (std::uint32_t wake = 0; wake < wakes; ++wake) {
      sleep_.store(sleep.ns, std::memory_order_relaxed);
      const std::uint64_t number = asked_.load(std::memory_order_relaxed) + 1;
      asked_.store(number, std::memory_order_release);
      const auto result = ring_.backend->submit_and_wait(1, traffic::monotonic_now() + kPatience);
      const Instant returned = traffic::monotonic_now();
      ring_.backend->reap(batch_);
      const bool is_over =
          spin_until([&] { return woken_.load(std::memory_order_acquire) == number; });
      if (!is_over) break;
      if (!result.woken) continue;
      call.push_back(static_cast<double>((call_returned_at_ - called_at_).ns - clock));
      after.push_back(static_cast<double>((returned - call_returned_at_).ns));
      from.push_back(static_cast<double>((returned - called_at_).ns - clock));
    }
    if (call.empty()) {
      return engine::failure("wake-ups: the waking thread does not get its core; try again");
    }
    return Times{median(std::move(call)), median(std::move(after)), median(std::move(from))};
  }

  void run(const std::stop_token& stop) {
    std::uint64_t done = 0;
    for (std::uint32_t looks = 0; !stop.stop_requested(); ++looks) {
      if (asked_.load(std::memory_order_acquire) == done) {
        // While nobody asks for long, it leaves its core to others.
        if (looks > 100'000) std::this_thread::sleep_for(std::chrono::microseconds(200));
        continue;
      }
      looks = 0;
      const Instant due =
          traffic::monotonic_now() + Duration{sleep_.load(std::memory_order_relaxed)};
      while (traffic::monotonic_now() < due) {
      }
      called_at_ = traffic::monotonic_now();
      ring_.backend->wake();
      call_returned_at_ = traffic::monotonic_now();
      woken_.store(++done, std::memory_order_release);
    }
  }

  BenchRing ring_;
  engine::CompletionBatch batch_{64, 64};
  std::atomic<std::uint64_t> asked_ = 0;
  std::atomic<std::uint64_t> woken_ = 0;
  std::atomic<std::int64_t> sleep_ = 0;
  Instant called_at_;         ///< published by woken_
  Instant call_returned_at_;  ///< when the call returned; the same
  std::jthread thread_;       ///< last: ends first
};

}  // namespace

MadeInstrument make_wake_costs(unsigned other_core) {
  engine::StageConfig config;
  config.pool = 16;
  auto ring = BenchRing::create(config);
  if (!ring) return std::unexpected(ring.error());
  return std::make_unique<WakeCosts>(std::move(*ring), other_core);
}

}  // namespace reprise::trial
