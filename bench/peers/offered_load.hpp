// The generator of the throughput rounds: cheap datagrams, one by one (sendmmsg, never segmented),
// flows interleaved one by one, at a rate or as fast as it goes.
//
// Pacing is by absolute deadlines, in bursts of 100 µs of the rate, at most 32; a generator that
// falls behind catches up. What it could not offer shows in its result.
#pragma once

#include <atomic>
#include <cstdint>

#include "reprise/engine/error.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/posix/descriptor.hpp"
#include "scenario.hpp"

namespace reprise::bench::peers {

struct Offered {
  std::uint64_t sent = 0;
  engine::Duration duration;
};

/// Sends from the calling thread's namespace for this long.
engine::Expected<Offered> offer(const Scenario& scenario, engine::Duration duration,
                                const std::atomic<bool>& stop);

/// Sends single datagrams of the last flow, to see whether a relay is there.
class Probe {
 public:
  /// From the calling thread's namespace.
  static engine::Expected<Probe> open(const Scenario& scenario);
  void send() const;

 private:
  posix::Descriptor socket_;
  std::uint32_t payload_bytes_ = 0;
};

}  // namespace reprise::bench::peers
