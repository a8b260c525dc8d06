// Which of the differences between two scenarios changes a metric, and by how much: every mix of
// the two (a corner) is simulated, and the change attributed exactly (attribution.hpp).
//
// Values are rounded once, where a corner is simulated, to thousandths of the metric's unit.
// Beyond kFactorsMax differences, delta debugging first finds few that carry most of the change;
// all others become one factor, "others".
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/lab/attribution.hpp"
#include "reprise/lab/parallel.hpp"
#include "reprise/lab/written_scenario.hpp"

namespace reprise::lab {

/// Virtual time of the run for each datagram that left the last relay: 1e9 / egress_pps.
inline constexpr std::string_view kNanosecondsPerDatagram = "ns_per_datagram";
/// Delta debugging looks for factors that carry so much of the change.
inline constexpr std::int64_t kCarriedPercent = 90;

struct ExplainRequest {
  std::string from_path;
  std::string to_path;
  std::string costs_path = {};    ///< costs of both; empty: the scenarios'
  std::string profile_path = {};  ///< kernel profile of both; empty: the scenarios'
  std::vector<Setting> settings = {};
  std::string metric{kNanosecondsPerDatagram};  ///< or a number of a run's JSON result
  std::optional<std::uint64_t> seed = {};       ///< of every corner; unset: that of `from`
  std::uint64_t seeds = 1;                      ///< so many from `seed` on; a value is their mean
};

struct ExplainedFactor {
  std::string name;          ///< its key; with its table where the key alone is not unique
  std::string symbol;        ///< from the scenarios' [factors]; may be empty
  std::vector<Factor> keys;  ///< one; of "others" several
};

/// Least and most over the seeds, in thousandths.
struct Spread {
  std::int64_t least = 0;
  std::int64_t most = 0;
};

struct Corner {
  std::int64_t value = 0;  ///< thousandths of the metric's unit
  Spread spread;
};

struct Explanation {
  ExplainRequest request;
  std::uint64_t seed = 1;  ///< the first one
  std::vector<ExplainedFactor> factors;
  std::vector<std::optional<Corner>> corners;  ///< by group: bit i for factor i
  std::optional<Attribution> attribution;      ///< none where interrupted
  std::vector<Spread> shapley_spread;          ///< of each factor
  /// Where there were more differences than kFactorsMax: how many, and the thousandths of the
  /// change that the factors but "others" carry alone.
  std::size_t differences = 0;
  std::optional<std::int64_t> carried;
  bool laws_hold = true;

  [[nodiscard]] std::size_t corners_done() const;
  /// All corners ran, and the conservation laws held.
  [[nodiscard]] bool held() const { return attribution.has_value() && laws_hold; }
};

/// Both files, and every corner, are checked before the first one runs.
engine::Expected<Explanation> explain(const ExplainRequest& request,
                                      const ParallelControl& control = {});

/// A factor's value as a command line has it: words without quotes.
std::string plain_value(const std::string& value);

/// What the dividends say, in one sentence; what counts as nothing behind it.
std::string sentence(const Explanation& explanation);

/// {"metric", "from", "to", "corners": [{"on", "value"}], "factors": [{"name", "shapley"}],
/// "dividends": [{"factors", "value"}]}, and more (docs/EXPLAIN.md).
nlohmann::ordered_json to_json(const Explanation& explanation);

/// For people: the sentence, shares, dividends and corners.
std::string to_text(const Explanation& explanation);

}  // namespace reprise::lab
