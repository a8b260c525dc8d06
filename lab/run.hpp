// Running a scenario, once or over a grid of settings.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/lab/result.hpp"
#include "reprise/lab/run_observer.hpp"
#include "reprise/lab/scenario.hpp"
#include "reprise/sim/choices.hpp"

namespace reprise::lab {

/// How a long run stays in touch with who started it. All may be empty.
struct RunControl {
  const std::atomic<bool>* stop = nullptr;  ///< set: end soon, with what there is
  std::function<void(std::uint64_t offered, std::uint64_t of)> progress = {};  ///< now and then
  std::vector<RunObserver*> observers =
      {};                           ///< see every event, in this order; they outlive the run
  sim::Choices* choices = nullptr;  ///< picked from instead of from the seed; outlives the run
  const bool* over = nullptr;       ///< looked at after every event: true ends the run there
  std::uint32_t series_points = 0;  ///< of the result's series, 2…kSeriesPointsMax; 0: none
};

/// Simulates until nothing can happen any more. The result depends on scenario and seed alone.
RunResult run(const Scenario& scenario, std::uint64_t seed, const RunControl& control = {});

/// "policy=synchronous,deferred": one key and the values it takes.
struct Variation {
  std::string key;
  std::vector<std::string> values;
};
engine::Expected<Variation> parse_variation(std::string_view text);

/// Every combination of the variations' values, the last one varying fastest.
std::vector<std::vector<Setting>> grid(const std::vector<Variation>& variations);

}  // namespace reprise::lab
