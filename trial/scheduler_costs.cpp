// What the scheduler does to threads: a sleep of fixed length, and two threads that want one core.
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <ctime>
#include <thread>
#include <vector>

#include "reprise/trial/chunks.hpp"
#include "reprise/trial/core.hpp"
#include "reprise/trial/instrument.hpp"

namespace reprise::trial {
namespace {

using engine::Duration;
using engine::Expected;
using engine::Instant;
using traffic::monotonic_now;

constexpr int kSleeps = 60;
constexpr std::int64_t kSleepNs = 50'000;
constexpr int kYields = 2000;
constexpr Duration kBusy = engine::milliseconds(100);
/// A busy thread that does not see the clock for so long did not have its core. Interrupts and the
/// host's own pauses are shorter, mostly.
constexpr Duration kGap{300'000};

double sleep_slack_ns() {
  std::vector<double> slacks;
  for (int sleep = 0; sleep < kSleeps; ++sleep) {
    const timespec length{0, kSleepNs};
    const Instant begin = monotonic_now();
    ::clock_nanosleep(CLOCK_MONOTONIC, 0, &length, nullptr);
    slacks.push_back(static_cast<double>((monotonic_now() - begin).ns - kSleepNs));
  }
  return median(std::move(slacks));
}

/// A thread that yields until it is told to end, counting its turns.
void yield_on(std::atomic<std::uint64_t>& turns, const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    turns.fetch_add(1, std::memory_order_relaxed);
    ::sched_yield();
  }
}

class SchedulerCosts final : public Instrument {
 public:
  explicit SchedulerCosts(unsigned core) : core_(core) {}

  Expected<void> read(Readings& readings) override {
    readings["sleep_slack_ns"] = sleep_slack_ns();
    if (auto done = read_switch(readings); !done) return done;
    return read_slice(readings);
  }

 private:
  /// A yield in which the other thread has run once took two switches and that thread's yield.
  Expected<void> read_switch(Readings& readings) const {
    const double alone_ns = chunked_ns(50, 20, [] { ::sched_yield(); });
    std::atomic<std::uint64_t> turns = 0;
    const std::jthread other =
        start_on(core_, [&](const std::stop_token& stop) { yield_on(turns, stop); });
    std::vector<double> times;
    const Instant end = monotonic_now() + kPatience;
    for (int yield = 0; yield < kYields && monotonic_now() < end; ++yield) {
      const std::uint64_t turns_before = turns.load(std::memory_order_relaxed);
      const Instant begin = monotonic_now();
      ::sched_yield();
      const Instant back = monotonic_now();
      if (turns.load(std::memory_order_relaxed) == turns_before + 1)
        times.push_back(static_cast<double>((back - begin).ns));
    }
    if (times.empty()) {
      return engine::failure("switches: two threads on one core never took turns; try again");
    }
    readings["switch_ns"] = median(std::move(times)) / 2 - alone_ns;
    readings["yield_alone_ns"] = alone_ns;
    return {};
  }

  Expected<void> read_slice(Readings& readings) const {
    std::atomic<bool> is_over = false;
    const std::jthread other = start_on(core_, [&](const std::stop_token&) {
      while (!is_over.load(std::memory_order_relaxed)) {
      }
    });
    std::vector<double> runs;
    const Instant end = monotonic_now() + kBusy;
    Instant before = monotonic_now();
    Instant run_begin = engine::kNever;  // the first run began before anyone looked
    while (before < end) {
      const Instant now = monotonic_now();
      if (now - before > kGap) {
        if (run_begin != engine::kNever)
          runs.push_back(static_cast<double>((before - run_begin).ns));
        run_begin = now;
      }
      before = now;
    }
    is_over.store(true, std::memory_order_relaxed);
    if (runs.empty()) {
      return engine::failure("slices: two busy threads on one core never took turns; try again");
    }
    readings["slice_ns"] = median(std::move(runs));
    return {};
  }

  unsigned core_;
};

}  // namespace

MadeInstrument make_scheduler_costs(unsigned core) {
  return std::make_unique<SchedulerCosts>(core);
}

}  // namespace reprise::trial
