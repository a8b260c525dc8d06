// Who looks on while a run goes: series, traces, captures. An observer changes nothing; the run
// calls it in its own thread and does not own it.
#pragma once

#include <cstdint>
#include <string_view>

#include "reprise/lab/measurement.hpp"
#include "reprise/sim/world.hpp"

namespace reprise::lab {

class RunObserver {
 public:
  RunObserver() = default;
  RunObserver(const RunObserver&) = delete;
  RunObserver& operator=(const RunObserver&) = delete;
  virtual ~RunObserver() = default;

  /// After each event; `measured` has taken it in already.
  virtual void see(const sim::World& world, const Measurement& measured,
                   const sim::Event& event) = 0;
};

/// The node that an event happened at. What leaves it may reach the next one in the same event.
inline std::uint32_t node_of(const sim::World& world, const sim::Event& event) {
  const bool is_arrival = event.kind == sim::EventKind::arrival;
  return is_arrival ? world.config().entry_of(event.index) : event.index;
}

/// What a node is, for people: one of a chain, or one of several side by side.
inline std::string_view kind_of_node(const sim::WorldConfig& config) {
  return config.arrangement == sim::Arrangement::workers ? "worker" : "relay";
}

}  // namespace reprise::lab
