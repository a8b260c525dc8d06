// The checking sink: receives numbered datagrams and says what became of them.
//
// A damaged datagram counts as *corrupted* and nothing else: its header cannot be trusted, so it
// belongs to no stream, and the stream it came from shows one lost. Anything that reaches the input
// and is not an intact numbered datagram is corrupted. See sequence_tracker.hpp for the other
// words.
//
// Latency is arrival time − embedded send time, on CLOCK_MONOTONIC: it means something only where
// generator and sink share a host. Arrival is when a batch was read, send time when a burst was
// built; bursts add their own length, so measure latency at a low rate.
//
// One call runs in one thread; the stop flag may be written by others.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <vector>

#include "reprise/engine/endpoint.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/traffic/latency.hpp"
#include "reprise/traffic/sequence_tracker.hpp"

namespace reprise::traffic {

struct ReceiverOptions {
  engine::Endpoint input;     ///< multicast with its interface, or one of the host's addresses
  std::uint64_t count = 0;    ///< ends after this many received or corrupted; 0: no such end
  engine::Duration linger{};  ///< after `count`, goes on until nothing came for this long (late
                              ///< duplicates)
  engine::Duration idle_before_first{};  ///< ends when nothing came at all; 0: waits for ever
  engine::Duration idle_after_first{};   ///< ends when nothing came since the last; 0: never
  std::uint32_t receive_buffer_bytes = 32U << 20U;  ///< asked for; the host may grant less
  /// Where to publish received + corrupted, after every batch (a generator's window); nullptr:
  /// nowhere.
  std::atomic<std::uint64_t>* published = nullptr;
  /// Called once, when the socket is open and joined; may be empty.
  std::function<void()> ready;
};

enum class ReceiverEnd : std::uint8_t { count_reached, idle, stopped };

struct StreamResult {
  std::uint32_t stream = 0;
  SequenceCounts counts;
  std::uint64_t lost = 0;  ///< between the lowest and the highest sequence received
};

struct ReceiverResult {
  std::uint64_t received = 0;  ///< this and the next four are sums over the streams
  std::uint64_t lost = 0;
  std::uint64_t reordered = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t stale = 0;
  std::uint64_t corrupted = 0;
  std::uint64_t unexpected_streams = 0;    ///< intact datagrams of streams beyond kStreamsMax
  std::uint64_t kernel_drops = 0;          ///< lost at this sink's own socket, not on the way to it
  std::uint32_t receive_buffer_bytes = 0;  ///< granted, as the kernel counts it
  engine::Duration duration;               ///< from the first arrival to the last
  LatencyPercentiles latency;
  ReceiverEnd end = ReceiverEnd::stopped;
  std::vector<StreamResult> streams;  ///< by stream number
};

/// Each stream costs a window of memory, and stream numbers come from the network.
inline constexpr std::size_t kStreamsMax = 64;

/// Receives until an end condition holds. An error means that the input could not be opened.
engine::Expected<ReceiverResult> receive(const ReceiverOptions& options,
                                         const std::atomic<bool>& stop);

}  // namespace reprise::traffic
