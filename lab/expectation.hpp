// What a scenario expects of its run: limits on the fields of its JSON result, checked after it.
//
// In the table [expect] a field's own name means "equal", `<field>_min` and `<field>_max` mean "at
// least" and "at most". A field whose own name ends so is found first: `outstanding_max = 5` means
// equal, `outstanding_max_max = 5` at most.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"

namespace reprise::lab {

struct RunResult;

enum class Limit : std::uint8_t { equal, least, most };

struct Expectation {
  std::string field;  ///< of to_json(RunResult), a number or true or false
  Limit limit = Limit::equal;
  nlohmann::ordered_json expected;  ///< a number; true or false for a field that is one

  /// As [expect] writes it: "no_buffer_max".
  [[nodiscard]] std::string key() const;
  friend bool operator==(const Expectation&, const Expectation&) = default;
};

struct ExpectationResult {
  Expectation expectation;
  nlohmann::ordered_json found;
  bool held = true;
};

/// A result as far as its fields and their kinds go.
const nlohmann::ordered_json& example_result();

/// The expectation that a key of [expect] and its value mean. The error says what is wrong with
/// them, without a place.
engine::Expected<Expectation> make_expectation(std::string_view key,
                                               const nlohmann::ordered_json& expected);

/// Each one's result, in order; behind them that laws_hold, which every run is expected to. Of an
/// interrupted run they judge what was simulated.
std::vector<ExpectationResult> check(const std::vector<Expectation>& expectations,
                                     const RunResult& result);

/// Whether every one of them held.
bool all_held(const std::vector<ExpectationResult>& results);

/// [{"field":"no_buffer_max","expected":5,"found":7,"held":false},…]
nlohmann::ordered_json to_json(const std::vector<ExpectationResult>& results);

/// For people: a line for each that failed; one that says that all held; empty where there are none
/// but the implied one, and it held.
std::string to_text(const std::vector<ExpectationResult>& results);

}  // namespace reprise::lab
