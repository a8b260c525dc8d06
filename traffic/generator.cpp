#include "reprise/traffic/generator.hpp"

#include <fmt/format.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/traffic/numbered.hpp"
#include "reprise/traffic/system_error.hpp"
#include "reprise/traffic/udp_socket.hpp"

namespace reprise::traffic {
namespace {

using engine::Duration;
using engine::Expected;
using engine::Instant;

constexpr std::uint32_t kBurstMax = 32;
constexpr std::uint64_t kBurstsPerSecond = 10'000;
constexpr Duration kLongestSleep = engine::milliseconds(100);  ///< how late a stop may be seen
constexpr Duration kRetryPause{1'000'000};
constexpr Duration kWindowPoll{20'000};
constexpr std::uint64_t kNanosecondsPerSecond = 1'000'000'000;

std::uint32_t burst_for(std::uint64_t rate_per_second) {
  if (rate_per_second == 0) return kBurstMax;
  return static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(rate_per_second / kBurstsPerSecond, 1, kBurstMax));
}

/// When each datagram is due. No error accumulates: every deadline is computed from the start.
class Schedule {
 public:
  Schedule(Instant start, std::uint64_t rate_per_second)
      : start_(start), rate_per_second_(rate_per_second) {}

  [[nodiscard]] Instant due(std::uint64_t index) const {
    if (rate_per_second_ == 0) return start_;
    const std::uint64_t whole_seconds = index / rate_per_second_;
    const std::uint64_t rest = index % rate_per_second_;
    // The rest is below the rate; splitting keeps the product within 64 bits for any sane rate.
    const auto rest_ns = static_cast<std::uint64_t>(static_cast<__uint128_t>(rest) *
                                                    kNanosecondsPerSecond / rate_per_second_);
    return start_ +
           Duration{static_cast<std::int64_t>(whole_seconds * kNanosecondsPerSecond + rest_ns)};
  }

  /// Datagrams that could not leave for this long are not made up for by a burst.
  void postpone(Duration delay) { start_ = start_ + delay; }

 private:
  Instant start_;
  std::uint64_t rate_per_second_;
};

/// Payload buffers and the kernel's description of them, laid out once.
class Burst {
 public:
  explicit Burst(std::uint32_t payload_bytes)
      : payload_bytes_(payload_bytes), payloads_(std::size_t{payload_bytes} * kBurstMax) {
    for (std::size_t i = 0; i < kBurstMax; ++i) {
      vectors_[i] = {payload(i).data(), payload_bytes_};
      headers_[i].msg_hdr.msg_iov = &vectors_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  std::span<std::byte> payload(std::size_t index) {
    return std::span(payloads_).subspan(index * payload_bytes_, payload_bytes_);
  }

  /// Returns how many the kernel took of the first `count`, or −1 with errno when it took none.
  int send(int descriptor, std::uint32_t count) {
    return ::sendmmsg(descriptor, headers_.data(), count, 0);
  }

 private:
  std::size_t payload_bytes_;
  std::vector<std::byte> payloads_;
  std::array<iovec, kBurstMax> vectors_{};
  std::array<mmsghdr, kBurstMax> headers_{};
};

/// The window's bookkeeping: what was sent but neither arrived nor was given up.
class WindowGate {
 public:
  explicit WindowGate(const Window& window) : window_(window) {}

  [[nodiscard]] std::uint64_t room(std::uint64_t sent) const {
    if (window_.received == nullptr) return kBurstMax;
    const std::uint64_t settled = received() + given_up_;
    const std::uint64_t missing = sent > settled ? sent - settled : 0;
    return missing < window_.datagrams ? window_.datagrams - missing : 0;
  }
  [[nodiscard]] std::uint64_t received() const {
    return window_.received == nullptr
               ? 0
               : window_.received->load(std::memory_order_acquire) - window_.received_before;
  }
  [[nodiscard]] Duration stall_timeout() const { return window_.stall_timeout; }
  void open_after_stall(std::uint64_t sent) {
    const std::uint64_t arrived = received();
    given_up_ = sent > arrived ? sent - arrived : 0;
  }

 private:
  const Window& window_;
  std::uint64_t given_up_ = 0;
};

class Generator {
 public:
  Generator(const GeneratorOptions& options, const std::atomic<bool>& stop,
            posix::Descriptor socket)
      : options_(options),
        stop_(stop),
        socket_(std::move(socket)),
        burst_(options.payload_bytes),
        gate_(options.window),
        start_(monotonic_now()),
        schedule_(start_, options.rate_per_second) {}

  Expected<GeneratorResult> run() {
    const std::uint32_t burst = burst_for(options_.rate_per_second);
    while (!finished()) {
      wait_until_due();
      const auto wanted = static_cast<std::uint32_t>(std::min<std::uint64_t>(burst, left()));
      const std::uint32_t allowed = wait_for_room(wanted);
      if (allowed == 0 || finished()) continue;
      if (const auto outcome = send(allowed); !outcome) return std::unexpected(outcome.error());
    }
    result_.duration = monotonic_now() - start_;
    return result_;
  }

 private:
  [[nodiscard]] bool finished() const {
    return left() == 0 || result_.gave_up || stop_.load(std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t left() const {
    return options_.count == 0 ? kBurstMax : options_.count - result_.sent;
  }

  void wait_until_due() {
    const Instant due = schedule_.due(result_.sent);
    for (Instant now = monotonic_now(); now < due && !finished(); now = monotonic_now()) {
      sleep_until(std::min(due, now + kLongestSleep));
    }
  }

  /// Returns how many of `wanted` fit, after waiting until it is all of them (or half a window,
  /// where that is less), and 0 after a stall.
  std::uint32_t wait_for_room(std::uint32_t wanted) {
    const std::uint64_t enough =
        std::min<std::uint64_t>(wanted, std::max(1U, options_.window.datagrams / 2));
    const Instant begin = monotonic_now();
    while (!stop_.load(std::memory_order_relaxed)) {
      note_arrivals();
      const std::uint64_t room = gate_.room(result_.sent);
      if (room >= enough) {
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(room, wanted));
      }
      const Instant now = monotonic_now();
      if (now - begin >= gate_.stall_timeout()) {
        count_stall(begin, now);
        return 0;
      }
      sleep_until(now + kWindowPoll);
    }
    return 0;
  }

  void note_arrivals() {
    const std::uint64_t received = gate_.received();
    if (received != last_received_) stuck_since_.reset();
    last_received_ = received;
  }

  void count_stall(Instant begin, Instant now) {
    ++result_.stalls;
    gate_.open_after_stall(result_.sent);
    schedule_.postpone(now - begin);
    give_up_when_stuck(begin, now);
  }

  void give_up_when_stuck(Instant since, Instant now) {
    if (!stuck_since_) stuck_since_ = since;
    if (now - *stuck_since_ >= options_.patience) result_.gave_up = true;
  }

  Expected<void> send(std::uint32_t count) {
    const Instant now = monotonic_now();
    for (std::uint32_t i = 0; i < count; ++i) {
      build_numbered({options_.stream, options_.first_sequence + result_.sent + i, now},
                     burst_.payload(i));
    }
    const int taken = burst_.send(socket_.get(), count);
    if (taken < 0) return handle_refusal(errno);
    result_.sent += static_cast<std::uint64_t>(taken);
    if (static_cast<std::uint32_t>(taken) < count) ++result_.cut_bursts;
    if (options_.window.received == nullptr) stuck_since_.reset();
    if (options_.published != nullptr) {
      options_.published->store(result_.sent, std::memory_order_relaxed);
    }
    return {};
  }

  Expected<void> handle_refusal(int errno_value) {
    if (errno_value == EINTR) return {};
    if (errno_value == EMSGSIZE) {
      return system_failure(
          fmt::format("{}: a payload of {} bytes exceeds the interface's MTU (send less, or allow "
                      "fragments)",
                      to_string(options_.destination), options_.payload_bytes),
          errno_value);
    }
    ++result_.refused[errno_value];
    // A closed port's answer to an earlier datagram: this call sent nothing, the next one will.
    if (errno_value == ECONNREFUSED) return {};
    const Instant refused = monotonic_now();
    sleep_until(refused + kRetryPause);
    schedule_.postpone(kRetryPause);
    give_up_when_stuck(refused, monotonic_now());
    return {};
  }

  const GeneratorOptions& options_;
  const std::atomic<bool>& stop_;
  posix::Descriptor socket_;
  Burst burst_;
  WindowGate gate_;
  Instant start_;
  Schedule schedule_;
  std::optional<Instant> stuck_since_;  ///< since when nothing leaves or, with a window, arrives
  std::uint64_t last_received_ = 0;
  GeneratorResult result_;
};

Expected<void> check(const GeneratorOptions& options) {
  if (options.payload_bytes < kPayloadBytesMin || options.payload_bytes > kPayloadBytesMax) {
    return engine::failure(fmt::format("payload size {}: expected {} to {} bytes",
                                       options.payload_bytes, kPayloadBytesMin, kPayloadBytesMax));
  }
  if (options.hops == 0) return engine::failure("hops 0: expected 1 to 255");
  if (options.window.received != nullptr && options.window.datagrams == 0) {
    return engine::failure("window 0: expected at least 1 datagram");
  }
  return {};
}

}  // namespace

Expected<GeneratorResult> generate(const GeneratorOptions& options, const std::atomic<bool>& stop) {
  if (auto checked = check(options); !checked) return std::unexpected(checked.error());
  auto socket = open_udp_sender({.destination = options.destination,
                                 .hops = options.hops,
                                 .send_buffer_bytes = options.send_buffer_bytes,
                                 .fragment = options.fragment});
  if (!socket) return std::unexpected(socket.error());
  // The default slack of 50 µs is half a burst interval.
  prctl(PR_SET_TIMERSLACK, 1UL);
  return Generator(options, stop, std::move(*socket)).run();
}

}  // namespace reprise::traffic
