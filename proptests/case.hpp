// A case: everything that decides one run of a simulated world, and the property tried on it.
//
// Its text is JSON. It is what a failure prints, and what a file in regressions/ holds: to keep a
// failure from coming back, save what it printed there.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/world.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::proptests {

struct Case {
  std::string property;  ///< a name in kProperties (properties.hpp)
  sim::WorldConfig config;
  sim::Timing timing = sim::Timing::timed;
  std::uint64_t seed = 0;             ///< of the picks; 0: they are listed
  std::vector<std::uint32_t> picks;   ///< with seed == 0; 0 after their end
  std::uint32_t stop_at_step = 0;     ///< World::stop() after so many steps; 0: never
  std::uint32_t abandon_at_step = 0;  ///< World::stop(abandon) after so many steps; 0: never
};

/// The source of picks that the case names.
std::unique_ptr<sim::Choices> choices_of(const Case& tried);

/// JSON, one line for each node, flow and top-level field.
std::string to_text(const Case& tried);

/// Reads what to_text() writes. A field that is left out has its default; costs always have. The
/// error names a field that is unknown or has a wrong value, or what check() finds.
engine::Expected<Case> parse_case(std::string_view text);

/// How RapidCheck shows a counterexample.
void showValue(const Case& tried, std::ostream& stream);

}  // namespace reprise::proptests
