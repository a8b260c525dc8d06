// What two scenarios differ in, and taking it over.
#include <algorithm>
#include <utility>

#include "reprise/lab/toml_file.hpp"
#include "reprise/lab/written_scenario.hpp"

namespace reprise::lab {
namespace {

constexpr std::string_view kTraffic = "traffic";

template <class Draft>
std::string value_of_key(const Key<Draft>& key, const Draft& draft) {
  const std::optional<Scalar> value = key.read(draft);
  return value ? shown(*value) : "";
}

/// Two keys that are set and unset together, and make one factor: "stall", "quiet"; else empty.
std::string_view pair_of(std::string_view key) {
  for (const std::string_view pair : {"stall", "quiet"}) {
    const bool is_of_pair =
        key.starts_with(pair) && key.size() > pair.size() &&
        (key.substr(pair.size()) == "_start_ns" || key.substr(pair.size()) == "_length_ns");
    if (is_of_pair) return pair;
  }
  return {};
}

void take_key(WrittenScenario& scenario, const WrittenScenario& other,
              const Key<ScenarioDraft>& key) {
  if (const auto value = key.read(other.draft)) {
    key.apply(scenario.draft, *value);
  } else if (pair_of(key.name) == "stall") {
    scenario.draft.node.link.stalls = other.draft.node.link.stalls;
  } else {
    scenario.draft.quiet = other.draft.quiet;
  }
  const std::string name{key.name};
  if (other.places.contains(name)) {
    scenario.places[name] = other.places.at(name);
  } else {
    scenario.places.erase(name);
  }
}

/// All entries on one line, with what is not as by default.
std::string in_one_line(const std::vector<TrafficDraft>& traffic) {
  std::string text;
  for (const TrafficDraft& draft : traffic) {
    std::string entry;
    for (const Key<TrafficDraft>& key : traffic_keys()) {
      const std::string value = value_of_key(key, draft);
      if (value == value_of_key(key, TrafficDraft{})) continue;
      entry += (entry.empty() ? "" : ", ") + std::string(key.name) + " = " + value;
    }
    text += (text.empty() ? "{ " : ", { ") + entry + " }";
  }
  return text;
}

}  // namespace

std::vector<Factor> factors_between(const WrittenScenario& from, const WrittenScenario& to) {
  std::vector<Factor> factors;
  const std::string traffic = in_one_line(from.traffic);
  const std::string other_traffic = in_one_line(to.traffic);
  if (traffic != other_traffic) factors.push_back({std::string(kTraffic), traffic, other_traffic});
  std::string_view last_pair;
  for (const Table& table : scenario_tables()) {
    for (const Key<ScenarioDraft>& key : table.keys) {
      std::string value = value_of_key(key, from.draft);
      std::string other = value_of_key(key, to.draft);
      if (value == other) continue;
      const std::string_view pair = pair_of(key.name);
      if (!pair.empty() && std::exchange(last_pair, pair) == pair) continue;
      factors.push_back({std::string(table.name) + '.' + std::string(key.name), std::move(value),
                         std::move(other)});
    }
  }
  return factors;
}

void take_factor(WrittenScenario& scenario, const WrittenScenario& other, const Factor& factor) {
  if (factor.key == kTraffic) {
    scenario.traffic = other.traffic;
    return;
  }
  for (const Table& table : scenario_tables()) {
    for (const Key<ScenarioDraft>& key : table.keys) {
      const std::string_view pair = pair_of(key.name);
      const bool named = factor.key == std::string(table.name) + '.' + std::string(key.name);
      const bool paired =
          !pair.empty() && pair_of(factor.key.substr(factor.key.find('.') + 1)) == pair;
      if (named || paired) take_key(scenario, other, key);
    }
  }
}

}  // namespace reprise::lab
