// The cost of an act too short to be timed alone: chunks of it are, and their median counts, so
// that an interruption spoils one chunk and not the value.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/trial/readings.hpp"

namespace reprise::trial {

/// Nanoseconds of one `act()`, of which a chunk has `length`.
template <class Act>
double chunked_ns(std::uint32_t chunks, std::uint32_t length, Act act) {
  std::vector<double> times;
  times.reserve(chunks);
  for (std::uint32_t chunk = 0; chunk < chunks; ++chunk) {
    const engine::Instant begin = traffic::monotonic_now();
    for (std::uint32_t count = 0; count < length; ++count) act();
    times.push_back(static_cast<double>((traffic::monotonic_now() - begin).ns) / length);
  }
  return median(std::move(times));
}

}  // namespace reprise::trial
