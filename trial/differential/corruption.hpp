// Traces of a real kernel with one completion falsified, which no kernel can have produced. What a
// belief set admits of them it admits wrongly.
//
// Falsified is only what must be wrong, whatever the model left open:
//   - provided regions are taken in the order in which they were given, so that two datagrams
//     cannot come in the other order, and none can be missing before another;
//   - an operation has exactly one last completion, and none after it;
//   - a send whose port is open is never refused by ICMP; every byte is taken, or none;
//   - what was never submitted never ends, what was never sent never arrives.
// Left alone is what could as well have happened: the last datagram of a trace may have met a full
// queue, and two sends on different sockets may end in either order.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "reprise/trial/differential/trace.hpp"

namespace reprise::trial {

struct Corruption {
  std::string what;  ///< in words
  Trace trace;
};

/// One of those that are possible here, by `draw`; none where the trace offers nothing.
std::optional<Corruption> corrupt(const Trace& trace, std::uint64_t draw);

}  // namespace reprise::trial
