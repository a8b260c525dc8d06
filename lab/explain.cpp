// Mixing two scenarios and simulating the mixes; what is said of them is explain_report.cpp.
#include "reprise/lab/explain.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "reprise/lab/delta_debugging.hpp"

namespace reprise::lab {
namespace {

using engine::Expected;
using engine::failure;

constexpr std::string_view kOthers = "others";

std::string key_alone(const Factor& factor) { return factor.key.substr(factor.key.find('.') + 1); }

/// Its key alone, or with its table where another table has such a key.
std::string name_of(const Factor& factor) {
  const std::string alone = key_alone(factor);
  const auto tables = std::ranges::count_if(scenario_tables(), [&](const Table& table) {
    return std::ranges::any_of(table.keys, [&](const auto& key) { return key.name == alone; });
  });
  return tables > 1 ? factor.key : alone;
}

std::string symbol_of(const Factor& factor, const WrittenScenario& from,
                      const WrittenScenario& to) {
  for (const WrittenScenario* scenario : {&from, &to}) {
    const auto symbol = scenario->factor_symbols.find(key_alone(factor));
    if (symbol != scenario->factor_symbols.end()) return symbol->second;
  }
  return {};
}

double metric_of(const RunResult& result, const std::string& metric) {
  if (metric != kNanosecondsPerDatagram) return to_json(result).at(metric).get<double>();
  return static_cast<double>(result.duration_ns) / static_cast<double>(result.hops.back().sent);
}

/// Of all corners of a cube, or of the subsets that delta debugging tries.
struct Outcome {
  Corner mean;
  std::vector<std::int64_t> by_seed;
};

std::int64_t thousandths(double value) { return std::llround(value * 1e3); }

class Explainer {
 public:
  Explainer(ExplainRequest request, WrittenScenario from, WrittenScenario to,
            const ParallelControl& control)
      : from_(std::move(from)), to_(std::move(to)), control_(control) {
    result_.request = std::move(request);
    result_.seed = result_.request.seed.value_or(from_.seed);
    differences_ = factors_between(from_, to_);
    result_.differences = differences_.size();
  }

  Expected<Explanation> explain();

 private:
  using Values = std::vector<std::optional<Outcome>>;

  [[nodiscard]] Expected<Scenario> mix(const Subset& on) const;
  [[nodiscard]] Subset differences_of(std::size_t corner) const;
  [[nodiscard]] std::string describe(const Subset& on) const;
  [[nodiscard]] std::string advice(const std::vector<bool>& is_scenario, std::size_t corner) const;
  Expected<Values> simulate(const std::vector<Subset>& subsets);
  [[nodiscard]] Expected<Outcome> value_of(const Subset& on, std::span<const RunResult> runs) const;
  Expected<void> choose_factors();
  Expected<Subset> search();
  Expected<void> simulate_corners();
  void attribute_corners(const Values& values);
  void add_factor(const Subset& members, std::string name);

  WrittenScenario from_;
  WrittenScenario to_;
  ParallelControl control_;
  std::vector<Factor> differences_;
  std::vector<Subset> members_;  ///< of each factor, indices of differences_
  Explanation result_;
};

Expected<Scenario> Explainer::mix(const Subset& on) const {
  WrittenScenario mixed = from_;
  for (const std::size_t index : on) take_factor(mixed, to_, differences_[index]);
  return resolve(std::move(mixed));
}

Subset Explainer::differences_of(std::size_t corner) const {
  Subset on;
  for (std::size_t factor = 0; factor < members_.size(); ++factor) {
    if ((corner >> factor & 1U) != 0)
      on.insert(on.end(), members_[factor].begin(), members_[factor].end());
  }
  std::ranges::sort(on);
  return on;
}

/// "with drain, ring of b.toml and the rest of a.toml"
std::string Explainer::describe(const Subset& on) const {
  if (on.empty()) return from_.file;
  if (on.size() == differences_.size()) return to_.file;
  std::string names;
  for (const std::size_t index : on)
    names += (names.empty() ? "" : ", ") + name_of(differences_[index]);
  return fmt::format("with {} of {} and the rest of {}", names, to_.file, from_.file);
}

/// What to set in both files so that every mix of them is a scenario.
std::string Explainer::advice(const std::vector<bool>& is_scenario, std::size_t corner) const {
  const auto all_are = [&](std::size_t factor, bool on) {
    for (std::size_t other = 0; other < is_scenario.size(); ++other) {
      if ((other >> factor & 1U) == (on ? 1U : 0U) && !is_scenario[other]) return false;
    }
    return true;
  };
  for (std::size_t factor = 0; factor < members_.size(); ++factor) {
    if (members_[factor].size() != 1) continue;
    const Factor& difference = differences_[members_[factor].front()];
    for (const bool on : {true, false}) {
      const std::string& value = on ? difference.to : difference.from;
      if (!all_are(factor, on) || value.empty() || !difference.key.contains('.')) continue;
      return fmt::format("--set {}={} for both makes every mix one", difference.key,
                         plain_value(value));
    }
  }
  std::string keys;
  for (const std::size_t index : differences_of(corner))
    keys += (keys.empty() ? "" : " or ") + name_of(differences_[index]);
  return fmt::format("give both the same {}", keys);
}

Expected<Outcome> Explainer::value_of(const Subset& on, std::span<const RunResult> runs) const {
  const std::string& metric = result_.request.metric;
  Outcome value;
  double sum = 0;
  for (const RunResult& run : runs) {
    if (metric == kNanosecondsPerDatagram && run.hops.back().sent == 0) {
      return failure(
          fmt::format("{}: nothing was sent, so {} has no value; expected traffic that "
                      "gets through, or --metric egress_pps",
                      describe(on), metric));
    }
    const double one = metric_of(run, metric);
    if (std::abs(one) >= static_cast<double>(kCornerMax) / 1e3) {
      return failure(
          fmt::format("{}: {} = {:.0f}: expected less than 2^50 thousandths; take "
                      "another --metric",
                      describe(on), metric, one));
    }
    sum += one;
    value.by_seed.push_back(thousandths(one));
  }
  value.mean.value = thousandths(sum / static_cast<double>(runs.size()));
  const auto [least, most] = std::ranges::minmax(value.by_seed);
  value.mean.spread = {least, most};
  return value;
}

/// Every subset's value; none where it was interrupted, or where the mix is no scenario.
Expected<Explainer::Values> Explainer::simulate(const std::vector<Subset>& subsets) {
  const std::size_t seeds = result_.request.seeds;
  std::vector<std::optional<Scenario>> scenarios;
  for (const Subset& subset : subsets) {
    auto scenario = mix(subset);
    scenarios.emplace_back(scenario ? std::optional(std::move(*scenario)) : std::nullopt);
  }
  std::vector<PlannedRun> planned;
  for (const std::optional<Scenario>& scenario : scenarios) {
    for (std::size_t seed = 0; scenario && seed < seeds; ++seed)
      planned.push_back({&*scenario, result_.seed + seed});
  }
  const std::vector<std::optional<RunResult>> results = run_all(planned, control_);
  Values values(subsets.size());
  std::size_t next = 0;
  for (std::size_t index = 0; index < subsets.size(); ++index) {
    if (!scenarios[index]) continue;
    std::vector<RunResult> runs;
    for (std::size_t seed = 0; seed < seeds; ++seed, ++next) {
      if (results[next]) runs.push_back(*results[next]);
    }
    for (const RunResult& run : runs) result_.laws_hold = result_.laws_hold && run.laws_hold;
    if (runs.size() != seeds) continue;
    auto value = value_of(subsets[index], runs);
    if (!value) return std::unexpected(value.error());
    values[index] = std::move(*value);
  }
  return values;
}

void Explainer::add_factor(const Subset& members, std::string name) {
  ExplainedFactor factor{std::move(name), "", {}};
  for (const std::size_t index : members) factor.keys.push_back(differences_[index]);
  if (members.size() == 1) factor.symbol = symbol_of(factor.keys.front(), from_, to_);
  members_.push_back(members);
  result_.factors.push_back(std::move(factor));
}

/// Few differences that carry most of the change, found by delta debugging; where they are still
/// too many, the first ones of them. Empty where interrupted.
Expected<Subset> Explainer::search() {
  Subset all(differences_.size());
  for (std::size_t index = 0; index < all.size(); ++index) all[index] = index;
  std::map<Subset, std::optional<Outcome>> known;
  std::optional<engine::Error> error;
  const auto learn = [&](const std::vector<Subset>& subsets) {
    std::vector<Subset> unknown;
    for (const Subset& subset : subsets) {
      if (!known.contains(subset) && std::ranges::find(unknown, subset) == unknown.end())
        unknown.push_back(subset);
    }
    const auto values = simulate(unknown);
    if (!values) error = values.error();
    for (std::size_t index = 0; index < unknown.size(); ++index)
      known[unknown[index]] = values ? (*values)[index] : std::nullopt;
  };
  learn({Subset{}, all});
  if (error) return std::unexpected(*error);
  if (!known[Subset{}] || !known[all]) return Subset{};
  const std::int64_t start = known[Subset{}]->mean.value;
  const std::int64_t change = known[all]->mean.value - start;
  const auto carries = [&](const Subset& subset) {
    const auto& value = known[subset];
    if (!value || change == 0) return false;
    const std::int64_t carried = value->mean.value - start;
    return change > 0 ? carried * 100 >= change * kCarriedPercent
                      : carried * 100 <= change * kCarriedPercent;
  };
  if (change == 0) {
    result_.carried = 0;
    return Subset{};
  }
  Subset found = smallest_subset(all.size(), [&](const std::vector<Subset>& subsets) {
    learn(subsets);
    std::vector<bool> effects;
    effects.reserve(subsets.size());
    for (const Subset& subset : subsets) effects.push_back(carries(subset));
    return effects;
  });
  if (error) return std::unexpected(*error);
  if (found.size() >= kFactorsMax) {
    found.resize(kFactorsMax - 1);
    learn({found});
    if (error) return std::unexpected(*error);
  }
  if (known[found]) result_.carried = known[found]->mean.value - start;
  return found;
}

Expected<void> Explainer::choose_factors() {
  const std::size_t count = differences_.size();
  if (count <= kFactorsMax) {
    for (std::size_t index = 0; index < count; ++index)
      add_factor({index}, name_of(differences_[index]));
    return {};
  }
  const Expected<Subset> found = search();
  if (!found) return std::unexpected(found.error());
  Subset others;
  for (std::size_t index = 0; index < count; ++index) {
    if (std::ranges::binary_search(*found, index)) {
      add_factor({index}, name_of(differences_[index]));
    } else {
      others.push_back(index);
    }
  }
  add_factor(others, std::string(kOthers));
  return {};
}

void Explainer::attribute_corners(const Values& values) {
  std::vector<std::int64_t> means;
  for (const std::optional<Outcome>& value : values) means.push_back(value->mean.value);
  result_.attribution = attribute(means);
  result_.shapley_spread.assign(members_.size(), {});
  for (std::size_t seed = 0; seed < result_.request.seeds; ++seed) {
    std::vector<std::int64_t> corners;
    for (const std::optional<Outcome>& value : values) corners.push_back(value->by_seed[seed]);
    const std::vector<std::int64_t> shapley = attribute(corners).shapley;
    for (std::size_t factor = 0; factor < shapley.size(); ++factor) {
      Spread& spread = result_.shapley_spread[factor];
      spread.least = seed == 0 ? shapley[factor] : std::min(spread.least, shapley[factor]);
      spread.most = seed == 0 ? shapley[factor] : std::max(spread.most, shapley[factor]);
    }
  }
}

Expected<void> Explainer::simulate_corners() {
  const std::size_t count = std::size_t{1} << members_.size();
  std::vector<Subset> subsets;
  std::vector<bool> is_scenario;
  std::optional<std::pair<std::size_t, engine::Error>> first_error;
  for (std::size_t corner = 0; corner < count; ++corner) {
    subsets.push_back(differences_of(corner));
    const auto scenario = mix(subsets.back());
    is_scenario.push_back(scenario.has_value());
    if (!scenario && !first_error) first_error = {corner, scenario.error()};
  }
  if (first_error) {
    const auto& [corner, error] = *first_error;
    return failure(fmt::format("{} there is no scenario: {}; {}", describe(subsets[corner]),
                               error.message, advice(is_scenario, corner)));
  }
  const Expected<Values> values = simulate(subsets);
  if (!values) return std::unexpected(values.error());
  for (const std::optional<Outcome>& value : *values)
    result_.corners.push_back(value ? std::optional(value->mean) : std::nullopt);
  if (result_.corners_done() == count) attribute_corners(*values);
  return {};
}

Expected<Explanation> Explainer::explain() {
  if (differences_.empty()) {
    return failure(fmt::format("{} and {}: no key differs; expected two scenarios that differ",
                               from_.file, to_.file));
  }
  for (const WrittenScenario* scenario : {&from_, &to_}) {
    if (auto done = resolve(*scenario); !done) return std::unexpected(done.error());
  }
  if (auto done = choose_factors(); !done) return std::unexpected(done.error());
  if (auto done = simulate_corners(); !done) return std::unexpected(done.error());
  return std::move(result_);
}

Expected<void> check_metric(const std::string& metric) {
  if (metric == kNanosecondsPerDatagram) return {};
  const nlohmann::ordered_json& fields = example_result();
  if (fields.contains(metric) && fields[metric].is_number()) return {};
  std::string known{kNanosecondsPerDatagram};
  for (const auto& [field, value] : fields.items()) {
    if (value.is_number()) known += ", " + field;
  }
  return failure(fmt::format("--metric {}: unknown; expected one of {}", metric, known));
}

}  // namespace

std::string plain_value(const std::string& value) {
  const bool is_quoted = value.starts_with('"') || value.starts_with('\'');
  return is_quoted ? value.substr(1, value.size() - 2) : value;
}

std::size_t Explanation::corners_done() const {
  return static_cast<std::size_t>(
      std::ranges::count_if(corners, &std::optional<Corner>::has_value));
}

Expected<Explanation> explain(const ExplainRequest& request, const ParallelControl& control) {
  if (auto done = check_metric(request.metric); !done) return std::unexpected(done.error());
  auto from =
      read_scenario(request.from_path, request.settings, request.costs_path, request.profile_path);
  if (!from) return std::unexpected(from.error());
  auto to =
      read_scenario(request.to_path, request.settings, request.costs_path, request.profile_path);
  if (!to) return std::unexpected(to.error());
  return Explainer(request, std::move(*from), std::move(*to), control).explain();
}

}  // namespace reprise::lab
