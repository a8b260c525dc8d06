#include "reprise/lab/expectation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "reprise/lab/result.hpp"

namespace reprise::lab {
namespace {

using nlohmann::ordered_json;

constexpr std::array<std::pair<Limit, std::string_view>, 3> kSuffixes{
    {{Limit::equal, ""}, {Limit::least, "_min"}, {Limit::most, "_max"}}};

std::string_view suffix_of(Limit limit) {
  return std::ranges::find(kSuffixes, limit, &std::pair<Limit, std::string_view>::first)->second;
}

bool takes_expectation(const ordered_json& value) {
  return value.is_number() || value.is_boolean();
}

std::string known_fields() {
  std::string text;
  for (const auto& [field, value] : example_result().items()) {
    if (takes_expectation(value)) text += fmt::format("{}{}", text.empty() ? "" : ", ", field);
  }
  return text;
}

/// The field that a key limits, and how.
std::optional<std::pair<std::string, Limit>> field_of(std::string_view key) {
  for (const auto& [limit, suffix] : kSuffixes) {
    if (!key.ends_with(suffix)) continue;
    const std::string field(key.substr(0, key.size() - suffix.size()));
    const auto known = example_result().find(field);
    if (known == example_result().end() || !takes_expectation(*known)) continue;
    if (known->is_boolean() && limit != Limit::equal) continue;
    return std::pair{field, limit};
  }
  return std::nullopt;
}

bool holds(const Expectation& expectation, const ordered_json& found) {
  switch (expectation.limit) {
    case Limit::equal: return found == expectation.expected;
    case Limit::least: return found >= expectation.expected;
    case Limit::most: return found <= expectation.expected;
  }
  return false;
}

}  // namespace

const ordered_json& example_result() {
  static const ordered_json example = [] {
    RunResult result;
    result.hops.resize(1);
    return to_json(result);
  }();
  return example;
}

std::string Expectation::key() const { return field + std::string(suffix_of(limit)); }

engine::Expected<Expectation> make_expectation(std::string_view key, const ordered_json& expected) {
  const auto field = field_of(key);
  if (!field) {
    return engine::failure(fmt::format(
        "{}: no such field of a run's result; expected one of {}, or a number's with _min or _max",
        key, known_fields()));
  }
  const bool is_flag = example_result()[field->first].is_boolean();
  if (is_flag ? !expected.is_boolean() : !expected.is_number()) {
    return engine::failure(fmt::format("{} = {}: expected {}", key, expected.dump(),
                                       is_flag ? "true or false" : "a number"));
  }
  return Expectation{field->first, field->second, expected};
}

std::vector<ExpectationResult> check(const std::vector<Expectation>& expectations,
                                     const RunResult& result) {
  const ordered_json json = to_json(result);
  std::vector<Expectation> all = expectations;
  const Expectation implied{"laws_hold", Limit::equal, true};
  if (std::ranges::find(all, implied) == all.end()) all.push_back(implied);
  std::vector<ExpectationResult> results;
  results.reserve(all.size());
  for (Expectation& expectation : all) {
    const ordered_json& found = json.at(expectation.field);
    const bool held = holds(expectation, found);
    results.push_back({std::move(expectation), found, held});
  }
  return results;
}

bool all_held(const std::vector<ExpectationResult>& results) {
  return std::ranges::all_of(results, &ExpectationResult::held);
}

ordered_json to_json(const std::vector<ExpectationResult>& results) {
  ordered_json json = ordered_json::array();
  for (const ExpectationResult& result : results) {
    json.push_back({{"field", result.expectation.key()},
                    {"expected", result.expectation.expected},
                    {"found", result.found},
                    {"held", result.held}});
  }
  return json;
}

std::string to_text(const std::vector<ExpectationResult>& results) {
  std::string text;
  for (const ExpectationResult& result : results) {
    if (result.held) continue;
    text += fmt::format("  {:<22}{}: expected {}, found {}\n", "not as expected",
                        result.expectation.key(), result.expectation.expected.dump(),
                        result.found.dump());
  }
  if (text.empty() && results.size() > 1) {
    text = fmt::format("  {:<22}all {} expectations\n", "held", results.size());
  }
  return text;
}

}  // namespace reprise::lab
