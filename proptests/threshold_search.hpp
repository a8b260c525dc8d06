// Looks for refusals in a turn world (sim/turn_world.hpp): along given picks, along all there are,
// and along random ones, which RapidCheck then shrinks.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "reprise/sim/turn_world.hpp"

namespace reprise::proptests {

/// The first refusal of a run.
struct Refusal {
  std::uint64_t steps = 0;     ///< up to it, it included
  std::uint64_t turn = 0;      ///< from 1
  bool between_turns = false;  ///< before the turn's first phase: between it and the one before
};

/// Steps until something is refused, or until `turns` have begun.
std::optional<Refusal> run_pressed(sim::TurnWorld& world, sim::Choices& choices,
                                   std::uint64_t turns);

/// What trying every sequence of picks found.
struct Exhausted {
  std::optional<Refusal> shortest;  ///< nothing: no sequence of any length refuses a datagram
  std::uint64_t worlds = 0;         ///< that differ in what decides their future
  std::uint64_t compared = 0;  ///< pairs with equal keys whose every next step was found the same
  bool is_complete = false;    ///< else there are more than `worlds_max`, or a pair differs
};

/// Breadth first over copies of the world, one of those with equal keys each. One of 16 that are
/// left out is compared with the one that was kept.
Exhausted try_all(std::shared_ptr<const sim::TurnWorldConfig> config, std::uint64_t worlds_max);

/// What RapidCheck found and shrank.
struct Counterexample {
  std::vector<std::uint32_t> picks;  ///< arrivals before each phase at which some may come
  Refusal refusal;
  int tries = 0;  ///< sequences that refused nothing, before
};

/// Tries random sequences of picks and shrinks the first that refuses something.
std::optional<Counterexample> find_and_shrink(std::shared_ptr<const sim::TurnWorldConfig> config,
                                              std::uint64_t seed);

}  // namespace reprise::proptests
