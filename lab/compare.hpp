// One scenario at every point of a grid of settings, side by side.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "reprise/lab/expectation.hpp"
#include "reprise/lab/parallel.hpp"

namespace reprise::lab {

struct CompareRequest {
  std::string scenario_path;
  std::string costs_path = {};        ///< costs for every point; empty: the scenario's
  std::string profile_path = {};      ///< kernel profile of every point; empty: the scenario's
  std::vector<Setting> settings;      ///< at every point
  std::vector<Variation> variations;  ///< at least one
  std::optional<std::uint64_t> seed;  ///< the same at every point; unset: the scenario's
  std::uint32_t series_points = 0;    ///< of each result's series, as of RunControl
};

struct ComparePoint {
  std::vector<Setting> vary;
  RunResult result;
  std::vector<ExpectationResult> expectations;  ///< told, but no reason that it does not hold
};

struct Comparison {
  std::vector<ComparePoint> points;  ///< in grid order; where interrupted, those that finished
  std::size_t points_of = 0;         ///< how many the grid has
  [[nodiscard]] bool complete() const { return points.size() == points_of; }
  /// All points ran, and the conservation laws held.
  [[nodiscard]] bool held() const;
};

/// Every point is read and checked before the first one runs.
engine::Expected<Comparison> compare(const CompareRequest& request,
                                     const ParallelControl& control = {});

/// {"results": [{"vary": {key: value}, …the fields of a run…}]}
nlohmann::ordered_json to_json(const Comparison& comparison);

/// A table for people, one row a point.
std::string to_text(const Comparison& comparison);

}  // namespace reprise::lab
