#include "reprise/lab/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "reprise/lab/scenario_keys.hpp"
#include "reprise/lab/toml_file.hpp"

namespace reprise::lab {
namespace {

using engine::Error;
using engine::Expected;
using engine::failure;

/// Flows share a rate and a count: there must be one of each for every flow.
Expected<void> check_flows(const TrafficDraft& draft, const Place& place) {
  if (draft.flows <= draft.each.rate && draft.flows <= draft.each.count) return {};
  return failure(
      fmt::format("{}: traffic: flows = {}: expected at most rate and count, which all flows share "
                  "({} and {})",
                  place, draft.flows, draft.each.rate, draft.each.count));
}

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  Expected<void> read(const toml::table& root);
  Expected<void> read_costs(const toml::table& root, const std::string& file);
  /// A profile replaces the whole of the scenario's [kernel].
  void take_profile(const KernelProfileFile& file);
  Expected<void> apply(const Setting& setting);
  Expected<Scenario> finish();

 private:
  [[nodiscard]] Place place_of(const toml::node& node) const { return place_in(file_, node); }
  Expected<void> read_root_key(std::string_view key, const toml::node& node);
  Expected<void> read_table(std::string_view name, const toml::table& table);
  Expected<void> read_traffic(const toml::node& node);
  Expected<void> read_traffic_entry(const toml::table& table);
  Expected<void> set(std::string_view table, std::string_view key, const Value& value,
                     const Place& place);
  Expected<void> set_traffic(TrafficDraft& draft, std::string_view key, const Value& value,
                             const Place& place);
  [[nodiscard]] Expected<void> check_together() const;
  void add_traffic();
  void fit_capacities();
  /// Where a key was written, else the whole file.
  [[nodiscard]] Place place_of_key(std::string_view key) const {
    const auto written = places_.find(key);
    return written == places_.end() ? file_ : written->second;
  }
  static std::unexpected<Error> refuse_unknown(const Place& place, std::string_view table,
                                               std::string_view key) {
    return failure(fmt::format("{}: {}{}{}: unknown key; expected one of docs/SCENARIOS.md", place,
                               table, table.empty() ? "" : ".", key));
  }

  std::string file_;
  Scenario scenario_;
  ScenarioDraft draft_;
  sim::KernelProfile profile_;  ///< before settings
  std::vector<TrafficDraft> traffic_;
  std::map<std::string, Place, std::less<>> places_;  ///< by key without table, the last one
};

Expected<void> Reader::read(const toml::table& root) {
  // First, because the keys of another version may be unknown to this one.
  if (auto done = check_version(root, file_, kScenarioVersion); !done) return done;
  for (const auto& [key, node] : root) {
    if (auto done = read_root_key(key.str(), node); !done) return done;
  }
  return {};
}

/// A file of --costs has a [costs] table and nothing else.
Expected<void> Reader::read_costs(const toml::table& root, const std::string& file) {
  for (const auto& [key, node] : root) {
    if (key.str() != "costs" || !node.is_table()) {
      return failure(
          fmt::format("{}: {}: expected the table [costs] alone, as reprise-lab "
                      "calibrate --toml writes it",
                      place_in(file, node), key.str()));
    }
    for (const auto& [cost, value] : *node.as_table()) {
      if (auto done = set("costs", cost.str(), value_of(value), place_in(file, value)); !done)
        return done;
    }
  }
  if (root.contains("costs")) return {};
  return failure(fmt::format(
      "{}:1: no costs; expected the table [costs], as reprise-lab calibrate --toml writes it",
      file));
}

void Reader::take_profile(const KernelProfileFile& file) {
  scenario_.profile = file.name;
  profile_ = draft_.kernel = file.profile;
}

Expected<void> Reader::read_root_key(std::string_view key, const toml::node& node) {
  if (key == "version") return {};
  if (key == "traffic") return read_traffic(node);
  if (const toml::table* table = node.as_table()) return read_table(key, *table);
  const Value value = value_of(node);
  if (key == "title") {
    if (!value.scalar || !std::holds_alternative<std::string>(*value.scalar)) {
      return refuse(place_of(node), key, value, "a text in quotes");
    }
    scenario_.name = std::get<std::string>(*value.scalar);
    return {};
  }
  if (std::ranges::find(scenario_tables(), key, &Table::name) != scenario_tables().end()) {
    return refuse(place_of(node), key, value, fmt::format("a table, [{}]", key));
  }
  return set("", key, value, place_of(node));
}

Expected<void> Reader::read_table(std::string_view name, const toml::table& table) {
  if (std::ranges::find(scenario_tables(), name, &Table::name) == scenario_tables().end()) {
    return failure(fmt::format("{}: [{}]: unknown table; expected one of docs/SCENARIOS.md",
                               place_of(table), name));
  }
  for (const auto& [key, node] : table) {
    if (auto done = set(name, key.str(), value_of(node), place_of(node)); !done) return done;
  }
  return {};
}

Expected<void> Reader::read_traffic(const toml::node& node) {
  if (const toml::table* table = node.as_table()) return read_traffic_entry(*table);
  const toml::array* array = node.as_array();
  if (array == nullptr || array->empty()) {
    return failure(
        fmt::format("{}: traffic: expected a table, or several as [[traffic]]", place_of(node)));
  }
  for (const toml::node& entry : *array) {
    const toml::table* table = entry.as_table();
    if (table == nullptr)
      return failure(fmt::format("{}: traffic: expected a table", place_of(entry)));
    if (auto done = read_traffic_entry(*table); !done) return done;
  }
  return {};
}

Expected<void> Reader::read_traffic_entry(const toml::table& table) {
  TrafficDraft draft;
  for (const auto& [key, node] : table) {
    if (auto done = set_traffic(draft, key.str(), value_of(node), place_of(node)); !done)
      return done;
  }
  if (auto done = check_flows(draft, place_of(table)); !done) return done;
  traffic_.push_back(draft);
  return {};
}

Expected<void> Reader::set_traffic(TrafficDraft& draft, std::string_view key, const Value& value,
                                   const Place& place) {
  for (const auto& known : traffic_keys()) {
    if (known.name != key) continue;
    if (!value.scalar || !known.apply(draft, *value.scalar))
      return refuse(place, key, value, known.expected);
    places_[std::string(key)] = place;
    return {};
  }
  return refuse_unknown(place, "traffic", key);
}

Expected<void> Reader::set(std::string_view table, std::string_view key, const Value& value,
                           const Place& place) {
  if (table.empty() && key == "seed") {
    const auto* seed = value.scalar ? std::get_if<std::int64_t>(&*value.scalar) : nullptr;
    if (seed == nullptr || *seed < 0) return refuse(place, key, value, "a whole number, 0 or more");
    scenario_.seed = static_cast<std::uint64_t>(*seed);
    return {};
  }
  for (const Table& known_table : scenario_tables()) {
    if (known_table.name != table) continue;
    for (const auto& known : known_table.keys) {
      if (known.name != key) continue;
      if (!value.scalar || !known.apply(draft_, *value.scalar))
        return refuse(place, key, value, known.expected);
      places_[std::string(key)] = place;
      return {};
    }
  }
  return refuse_unknown(place, table, key);
}

/// The table of a key that was given without one; empty where it is unknown.
std::string_view table_of(std::string_view key) {
  for (const Table& table : scenario_tables()) {
    if (std::ranges::any_of(table.keys, [&](const auto& known) { return known.name == key; }))
      return table.name;
  }
  if (std::ranges::any_of(traffic_keys(), [&](const auto& known) { return known.name == key; }))
    return "traffic";
  return "";
}

Expected<void> Reader::apply(const Setting& setting) {
  const std::size_t dot = setting.key.find('.');
  const std::string key = dot == std::string::npos ? setting.key : setting.key.substr(dot + 1);
  const std::string table{dot == std::string::npos ? std::string(table_of(key))
                                                   : setting.key.substr(0, dot)};
  const Place place = fmt::format("{} {}={}", setting.option, setting.key, setting.value);
  const Value value = value_of(setting.value);
  if (table != "traffic") return set(table, key, value, place);
  if (traffic_.empty()) traffic_.emplace_back();
  for (TrafficDraft& draft : traffic_) {
    if (auto done = set_traffic(draft, key, value, place); !done) return done;
    if (auto done = check_flows(draft, place); !done) return done;
  }
  return {};
}

/// What the ranges of single keys cannot say.
Expected<void> Reader::check_together() const {
  const engine::StageConfig& stage = draft_.node.stage;
  if (stage.batch > stage.submissions_max) {
    const bool batch_is_written = places_.contains("batch");
    return failure(fmt::format(
        "{}: {} = {}: expected {}; {}", place_of_key(batch_is_written ? "batch" : "ring"),
        batch_is_written ? "batch" : "ring", batch_is_written ? stage.batch : stage.submissions_max,
        batch_is_written ? fmt::format("1 to {}, the ring", stage.submissions_max)
                         : fmt::format("at least {}, the batch", stage.batch),
        batch_is_written ? "lower it or raise ring" : "raise it or lower batch"));
  }
  if (places_.contains("stall_start_ns") && !places_.contains("stall_length_ns")) {
    return failure(fmt::format("{}: stall_start_ns: expected stall_length_ns beside it",
                               place_of_key("stall_start_ns")));
  }
  return {};
}

/// What people set are the ring and the batch; capacities that only follow from them grow along.
void Reader::fit_capacities() {
  engine::StageConfig& stage = draft_.node.stage;
  const auto flows = static_cast<std::uint32_t>(scenario_.world.traffic.size());
  stage.rules_max = std::max(stage.rules_max, flows);
  stage.outputs_max = std::max(stage.outputs_max, flows * draft_.node.fan_out);
  if (!places_.contains("sends_max"))
    stage.sends_max = std::max(stage.submissions_max, stage.batch);
  if (!places_.contains("output_queue"))
    stage.output_queue = std::max(stage.output_queue, stage.batch);
  if (!places_.contains("completions_max")) draft_.node.completions_max = 2 * stage.submissions_max;
}

void Reader::add_traffic() {
  if (traffic_.empty()) traffic_.emplace_back();
  scenario_.world.traffic.clear();
  for (const TrafficDraft& draft : traffic_) {
    for (std::uint64_t flow = 0; flow < draft.flows; ++flow) {
      sim::TrafficConfig& each = scenario_.world.traffic.emplace_back(draft.each);
      each.shares_group = draft.one_group && flow > 0;
      each.rate = draft.each.rate / draft.flows;
      each.count = draft.each.count / draft.flows + (flow < draft.each.count % draft.flows ? 1 : 0);
    }
  }
}

Expected<Scenario> Reader::finish() {
  if (scenario_.name.empty()) scenario_.name = std::filesystem::path(file_).stem().string();
  if (auto done = check_together(); !done) return std::unexpected(done.error());
  add_traffic();
  fit_capacities();
  sim::WorldConfig& world = scenario_.world;
  world.costs = draft_.costs;
  world.kernel = draft_.kernel;
  if (draft_.kernel != profile_) scenario_.profile += ", changed";
  world.faults = draft_.faults;
  scenario_.swarm = draft_.swarm;
  if (draft_.swarm && draft_.faults.is_empty()) world.faults = sim::strongest_faults();
  if (draft_.quiet != sim::QuietWindow{-1, 0}) {
    const std::int64_t length_ns =
        draft_.quiet.length_ns == 0 ? kNanoseconds.most : draft_.quiet.length_ns;
    world.faults.quiet = {{std::max<std::int64_t>(draft_.quiet.start_ns, 0), length_ns}};
  }
  world.nodes.assign(draft_.hops, draft_.node);
  for (std::uint32_t hop = 0; hop < draft_.hops; ++hop) {
    const std::uint32_t core = draft_.shared_core ? 0 : 2 * hop;
    world.nodes[hop].core = core;
    world.nodes[hop].egress_core = draft_.shared_core || draft_.one_core ? core : core + 1;
  }
  const std::vector<Error> findings = check(world);
  if (findings.empty()) return std::move(scenario_);
  // A finding starts with its field: say where that was written.
  const std::string& message = findings.front().message;
  return failure(
      fmt::format("{}: {}", place_of_key(message.substr(0, message.find_first_of(" :"))), message));
}

}  // namespace

Expected<Setting> parse_setting(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    return failure(fmt::format("--set \"{}\": expected key=value, for example pool=512", text));
  }
  return Setting{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

Expected<Scenario> load_scenario(const std::string& path, const std::vector<Setting>& settings,
                                 const std::string& costs_path, const std::string& profile_path) {
  const auto text = text_of_file(path, "a scenario file, as in examples/scenarios");
  if (!text) return std::unexpected(text.error());
  return parse_scenario(*text, path, settings, costs_path, profile_path);
}

Expected<Scenario> parse_scenario(std::string_view text, const std::string& name,
                                  const std::vector<Setting>& settings,
                                  const std::string& costs_path, const std::string& profile_path) {
  const auto root = parse_toml(text, name);
  if (!root) return std::unexpected(root.error());
  Reader reader(name);
  if (auto done = reader.read(*root); !done) return std::unexpected(done.error());
  if (!costs_path.empty()) {
    const auto costs = toml_of_file(costs_path, "a file that reprise-lab calibrate --toml wrote");
    if (!costs) return std::unexpected(costs.error());
    if (auto done = reader.read_costs(*costs, costs_path); !done)
      return std::unexpected(done.error());
  }
  if (!profile_path.empty()) {
    const auto profile = load_kernel_profile(profile_path);
    if (!profile) return std::unexpected(profile.error());
    reader.take_profile(*profile);
  }
  for (const Setting& setting : settings) {
    if (auto done = reader.apply(setting); !done) return std::unexpected(done.error());
  }
  return reader.finish();
}

}  // namespace reprise::lab
