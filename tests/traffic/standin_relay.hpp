// A relay of one thread and two plain sockets, for tests of the demo itself. It can misbehave on
// purpose, so that the sink has something to find.
#pragma once

#include <cstdint>

#include "reprise/traffic/demo.hpp"

namespace reprise::traffic {

/// What to do wrong, by the number of the datagram, counted from 0.
struct StandinFaults {
  std::uint64_t drop_every = 0;       ///< 0: never; n: datagrams n−1, 2n−1, …; likewise the others
  std::uint64_t duplicate_every = 0;  ///< sends it twice in a row
  std::uint64_t corrupt_every = 0;    ///< changes its last byte
  std::uint64_t delay_every = 0;      ///< sends it after the next one
};

/// A relay function for run_demo().
DemoRelay standin_relay(const StandinFaults& faults = {});

}  // namespace reprise::traffic
