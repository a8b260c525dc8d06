// The test source: sends numbered datagrams to one endpoint at a rate.
//
// Datagrams leave one by one (sendmmsg, never segmented), so that what arrives is what a plain
// program sends. A datagram that the kernel refuses is tried again with the same sequence: a gap in
// the sequences is always a loss on the way, never here.
//
// Pacing is by absolute deadlines: the k-th burst is due at start + k · burst / rate, so delays do
// not add up; a generator that falls behind catches up. Bursts are as small as 100 µs of the rate,
// one datagram up to 10,000 per second, and at most 32.
//
// One call runs in one thread; the stop flag and the window's counter may be written by others.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>

#include "reprise/engine/endpoint.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/time.hpp"

namespace reprise::traffic {

/// Bounds how far the generator may run ahead of a receiver on the same host.
struct Window {
  /// How many arrived, published by the receiver; in shared memory where that is another process.
  /// The caller keeps it alive. nullptr: no window.
  const std::atomic<std::uint64_t>* received = nullptr;
  std::uint64_t received_before = 0;  ///< what of it is not this generator's
  std::uint32_t datagrams = 256;      ///< at most this many unreceived ones at a time, 1 or more
  /// With no room for this long, what is missing counts as lost and the window opens again: a
  /// stall.
  engine::Duration stall_timeout = engine::milliseconds(200);
};

struct GeneratorOptions {
  engine::Endpoint destination;  ///< a source in it is the address to send from
  std::uint32_t stream = 1;
  std::uint64_t first_sequence = 0;
  std::uint64_t count = 0;              ///< 0: until stopped
  std::uint32_t payload_bytes = 1400;   ///< kPayloadBytesMin…kPayloadBytesMax
  std::uint64_t rate_per_second = 0;    ///< 0: as fast as possible
  std::uint8_t hops = 16;               ///< TTL or hop limit, 1…255
  std::uint32_t send_buffer_bytes = 0;  ///< 0: the host's default
  bool fragment = false;                ///< true: may exceed the MTU and is then fragmented
  Window window;
  /// Gives up when for this long nothing could be sent, or with a window nothing arrived.
  engine::Duration patience = engine::seconds(5);
  /// Where to publish the count sent, for a progress line; nullptr: nowhere.
  std::atomic<std::uint64_t>* published = nullptr;
};

struct GeneratorResult {
  std::uint64_t sent = 0;                ///< accepted by the kernel
  std::map<int, std::uint64_t> refused;  ///< send calls that failed, by errno
  std::uint64_t cut_bursts = 0;          ///< taken in part only; sendmmsg(2) does not say why
  std::uint64_t stalls = 0;              ///< times that the window ran into its time-out
  bool gave_up = false;                  ///< ended by `patience` before `count`
  engine::Duration duration;             ///< from the first burst to the end of the last
};

/// Sends until `count`, `stop` or `patience`. An error means that nothing could be sent at all: bad
/// options, no socket, or a payload above the MTU.
engine::Expected<GeneratorResult> generate(const GeneratorOptions& options,
                                           const std::atomic<bool>& stop);

}  // namespace reprise::traffic
