// The smallest pool, ring, batch or socket buffer that refuses nothing, at each point of a grid.
//
// Found by simulating, not proved. Bisection assumes that what refuses nothing still does when it
// grows; so values above the one found are simulated too, and where one of them refuses something,
// the search goes on above it and says so. What is tried depends on scenario and seed alone.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/lab/parallel.hpp"

namespace reprise::lab {

/// What can be sized, by its key.
inline constexpr std::array<std::string_view, 5> kSizedKeys{
    "pool", "ring", "batch", "send_buffer_bytes", "receive_buffer_bytes"};
/// What counts as refused when this is sized, in words: fields of a run's result.
std::string_view refusals_counted(std::string_view of);

struct SizeRequest {
  std::string scenario_path;
  std::string of = "pool";  ///< one of kSizedKeys
  std::string costs_path = {};
  std::string profile_path = {};
  std::vector<Setting> settings = {};
  std::vector<Variation> variations = {};  ///< none: the scenario alone
  std::optional<std::uint64_t> seed = {};  ///< unset: the scenario's
  std::uint64_t seeds = 1;  ///< so many from the first one on; none of them may refuse
};

/// A value that was simulated, and how many it refused over all seeds.
struct SizeTrial {
  std::uint64_t value = 0;
  std::uint64_t refused = 0;
};

struct SizePoint {
  std::vector<Setting> vary;
  /// Above it, all that was tried refuses nothing. None: even the largest possible value refuses.
  std::optional<std::uint64_t> smallest_safe;
  std::optional<SizeTrial> below;  ///< one less; none where no smaller value is possible
  std::vector<SizeTrial> above;
  /// Values above a smaller one that refused nothing, but which refuse something.
  std::vector<SizeTrial> fails_again;
  std::optional<std::uint64_t> first_safe;  ///< the one found first, where some fail again
  std::vector<SizeTrial> trials;            ///< all, by value

  [[nodiscard]] bool monotone() const { return fails_again.empty(); }
};

/// The possible values, and the one to start from.
struct SizeSpan {
  std::uint64_t least = 1;
  std::uint64_t start = 1;
  std::uint64_t most = 1;
};
/// How many a value refuses; none: interrupted.
using RefusedAt = std::function<std::optional<std::uint64_t>(std::uint64_t value)>;
/// Asks for each value at most once; `seed` chooses the random ones. None where interrupted.
std::optional<SizePoint> find_smallest(const SizeSpan& span, std::uint64_t seed,
                                       const RefusedAt& refused_at);

struct Frontier {
  SizeRequest request;
  std::uint64_t seed = 1;         ///< the first one
  std::vector<SizePoint> points;  ///< in grid order; where interrupted, those that finished
  std::size_t points_of = 0;
  bool laws_hold = true;

  [[nodiscard]] bool complete() const { return points.size() == points_of; }
  /// All points have a smallest value.
  [[nodiscard]] bool held() const;
};

/// Every point is read and checked before the first one runs.
engine::Expected<Frontier> size(const SizeRequest& request, const ParallelControl& control = {});

/// {"of", "frontier": [{"vary", "smallest_safe", "below", "above", "monotone", "evidence"}]}
nlohmann::ordered_json to_json(const Frontier& frontier);

/// For people: one row a point.
std::string to_text(const Frontier& frontier);

}  // namespace reprise::lab
