// A run of a turn world as a table for people: turn by turn, where the buffers are after each
// arrival and each phase that moves one.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "reprise/sim/turn_world.hpp"

namespace reprise::proptests {

struct Picture {
  std::vector<std::string> lines;  ///< a heading, then one for each change
  std::uint64_t refused = 0;
  sim::PlaceCounts last{};  ///< where the buffers are at the end
};

/// Follows `picks` until something is refused, or until `turns` are over.
Picture picture_of(std::shared_ptr<const sim::TurnWorldConfig> config,
                   const std::vector<std::uint32_t>& picks, std::uint64_t turns);

}  // namespace reprise::proptests
