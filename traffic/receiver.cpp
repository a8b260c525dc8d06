#include "reprise/traffic/receiver.hpp"

#include <fmt/format.h>
#include <sys/socket.h>

#include <array>
#include <cstddef>
#include <map>
#include <optional>
#include <span>

#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/traffic/numbered.hpp"
#include "reprise/traffic/system_error.hpp"
#include "reprise/traffic/udp_socket.hpp"

namespace reprise::traffic {
namespace {

using engine::Duration;
using engine::Expected;
using engine::Instant;

constexpr std::uint32_t kBatchMax = 64;
/// Room for any UDP payload. The odd 23 cache lines keep the buffers' first bytes, the part that is
/// used, from all falling into the same few cache sets.
constexpr std::size_t kBufferStrideBytes = 65'536 + std::size_t{23} * 64;

/// Receive buffers and the kernel's description of them, laid out once.
class Batch {
 public:
  Batch() : bytes_(kBatchMax * kBufferStrideBytes) {
    for (std::size_t i = 0; i < kBatchMax; ++i) {
      vectors_[i] = {bytes_.data() + i * kBufferStrideBytes, kBufferStrideBytes};
      headers_[i].msg_hdr.msg_iov = &vectors_[i];
      headers_[i].msg_hdr.msg_iovlen = 1;
    }
  }

  /// Waits for one datagram (at most the socket's time-out), then takes what is there. Returns how
  /// many, or −1 with errno.
  int receive(int descriptor) {
    return ::recvmmsg(descriptor, headers_.data(), kBatchMax, MSG_WAITFORONE, nullptr);
  }

  [[nodiscard]] std::span<const std::byte> payload(std::size_t index) const {
    return std::span(bytes_).subspan(index * kBufferStrideBytes, headers_[index].msg_len);
  }

 private:
  std::vector<std::byte> bytes_;
  std::array<iovec, kBatchMax> vectors_{};
  std::array<mmsghdr, kBatchMax> headers_{};
};

/// What arrived, by stream.
class Tally {
 public:
  void add(std::span<const std::byte> payload, Instant arrival) {
    const auto numbered = verify_numbered(payload);
    if (!numbered) {
      ++corrupted_;
      return;
    }
    SequenceTracker* const tracker = tracker_of(numbered->stream);
    if (tracker == nullptr) {
      ++unexpected_streams_;
      return;
    }
    const std::uint64_t before = tracker->counts().received;
    tracker->accept(numbered->sequence);
    if (tracker->counts().received == before) return;
    ++received_;
    latency_.add((arrival - numbered->sent).ns);
  }

  /// What a sender may count on as arrived: neither duplicates nor stale ones.
  [[nodiscard]] std::uint64_t arrived() const { return received_ + corrupted_; }

  [[nodiscard]] ReceiverResult result() const {
    ReceiverResult result;
    for (const auto& [stream, tracker] : trackers_) {
      const SequenceCounts& counts = tracker.counts();
      result.streams.push_back({stream, counts, tracker.lost_between()});
      result.received += counts.received;
      result.lost += tracker.lost_between();
      result.reordered += counts.reordered;
      result.duplicated += counts.duplicated;
      result.stale += counts.stale;
    }
    result.corrupted = corrupted_;
    result.unexpected_streams = unexpected_streams_;
    result.latency = percentiles_of(latency_);
    return result;
  }

 private:
  SequenceTracker* tracker_of(std::uint32_t stream) {
    const auto found = trackers_.find(stream);
    if (found != trackers_.end()) return &found->second;
    if (trackers_.size() == kStreamsMax) return nullptr;
    return &trackers_.try_emplace(stream).first->second;
  }

  std::map<std::uint32_t, SequenceTracker> trackers_;
  engine::DurationHistogram latency_;
  std::uint64_t received_ = 0;
  std::uint64_t corrupted_ = 0;
  std::uint64_t unexpected_streams_ = 0;
};

/// When it is time to end.
class EndCondition {
 public:
  EndCondition(const ReceiverOptions& options, Instant start) : options_(options), last_(start) {}

  void note_arrival(Instant now) {
    last_ = now;
    any_ = true;
  }

  [[nodiscard]] std::optional<ReceiverEnd> met(std::uint64_t arrived, Instant now) const {
    const Duration silence = now - last_;
    if (options_.count != 0 && arrived >= options_.count && silence >= options_.linger) {
      return ReceiverEnd::count_reached;
    }
    const Duration patience = any_ ? options_.idle_after_first : options_.idle_before_first;
    if (patience != Duration{} && silence >= patience) return ReceiverEnd::idle;
    return std::nullopt;
  }

 private:
  const ReceiverOptions& options_;
  Instant last_;
  bool any_ = false;
};

Expected<ReceiverEnd> collect(const ReceiverOptions& options, const std::atomic<bool>& stop,
                              int socket, Tally& tally, Duration& duration) {
  Batch batch;
  std::optional<Instant> first;
  EndCondition end(options, monotonic_now());
  while (!stop.load(std::memory_order_relaxed)) {
    const int taken = batch.receive(socket);
    const int errno_value = errno;
    const Instant now = monotonic_now();
    // A time-out, a signal and an ICMP answer leave nothing to do but to look at the end condition.
    const bool harmless =
        errno_value == EAGAIN || errno_value == EINTR || errno_value == ECONNREFUSED;
    if (taken < 0 && !harmless) {
      return system_failure(fmt::format("{}: cannot receive", to_string(options.input)),
                            errno_value);
    }
    for (int i = 0; i < taken; ++i) tally.add(batch.payload(static_cast<std::size_t>(i)), now);
    if (taken > 0) {
      first = first.value_or(now);
      duration = now - *first;
      end.note_arrival(now);
      if (options.published != nullptr) {
        options.published->store(tally.arrived(), std::memory_order_release);
      }
    }
    if (const auto met = end.met(tally.arrived(), now)) return *met;
  }
  return ReceiverEnd::stopped;
}

}  // namespace

Expected<ReceiverResult> receive(const ReceiverOptions& options, const std::atomic<bool>& stop) {
  const auto socket =
      open_udp_sink({.input = options.input, .receive_buffer_bytes = options.receive_buffer_bytes});
  if (!socket) return std::unexpected(socket.error());
  if (options.ready) options.ready();

  Tally tally;
  Duration duration;
  const auto end = collect(options, stop, socket->get(), tally, duration);
  if (!end) return std::unexpected(end.error());

  ReceiverResult result = tally.result();
  result.end = *end;
  result.duration = duration;
  result.kernel_drops = kernel_drops(socket->get());
  result.receive_buffer_bytes = granted_receive_buffer_bytes(socket->get());
  return result;
}

}  // namespace reprise::traffic
