#include "reprise/lab/scenario.hpp"

#include <fmt/format.h>
#include <toml++/toml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>

#include "reprise/lab/scenario_keys.hpp"

namespace reprise::lab {
namespace {

using engine::Error;
using engine::Expected;
using engine::failure;

std::optional<Scalar> scalar_of(const toml::node& node) {
  if (const auto* integer = node.as_integer()) return Scalar{integer->get()};
  if (const auto* flag = node.as_boolean()) return Scalar{flag->get()};
  if (const auto* text = node.as_string()) return Scalar{text->get()};
  return std::nullopt;
}

/// A value as it stands on a command line: a number, true, false, or a word without quotes.
Scalar scalar_of(const std::string& text) {
  try {
    const toml::table table = toml::parse("value = " + text);
    if (const auto scalar = scalar_of(*table.get("value"))) return *scalar;
  } catch (const toml::parse_error&) {
    // Not TOML by itself: a bare word.
  }
  return Scalar{text};
}

std::string text_of(const Scalar& scalar) {
  if (const auto* integer = std::get_if<std::int64_t>(&scalar)) return std::to_string(*integer);
  if (const auto* flag = std::get_if<bool>(&scalar)) return *flag ? "true" : "false";
  return fmt::format("\"{}\"", std::get<std::string>(scalar));
}

/// Where a value was written, for messages: "file:12" or "--set pool=3".
using Place = std::string;

class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  Expected<void> read(const toml::table& root);
  Expected<void> apply(const Setting& setting);
  Expected<Scenario> finish();

 private:
  [[nodiscard]] Place place_of(const toml::node& node) const {
    return fmt::format("{}:{}", file_, node.source().begin.line);
  }
  Expected<void> read_root_key(std::string_view key, const toml::node& node);
  Expected<void> read_traffic(const toml::node& node);
  Expected<void> read_traffic_entry(const toml::table& table);
  Expected<void> set(std::string_view table, std::string_view key, const Scalar& value,
                     const Place& place);
  Expected<void> set_traffic(TrafficDraft& draft, std::string_view key, const Scalar& value,
                             const Place& place);
  /// Refuses a value, naming where it stands and what its key takes.
  static std::unexpected<Error> refuse(const Place& place, std::string_view key,
                                       const Scalar& value, std::string_view expected) {
    return failure(fmt::format("{}: {} = {}: expected {}", place, key, text_of(value), expected));
  }

  std::string file_;
  Scenario scenario_;
  ScenarioDraft draft_;
  std::vector<TrafficDraft> traffic_;
  std::map<std::string, Place, std::less<>> places_;  ///< by key without table
  bool has_version_ = false;
};

Expected<void> Reader::read(const toml::table& root) {
  for (const auto& [key, node] : root) {
    if (key.str() == "traffic") {
      if (auto done = read_traffic(node); !done) return done;
    } else if (const toml::table* table = node.as_table()) {
      for (const auto& [name, value] : *table) {
        const auto scalar = scalar_of(value);
        if (!scalar) {
          return failure(fmt::format("{}: {}.{}: expected one number, word or flag",
                                     place_of(value), key.str(), name.str()));
        }
        if (auto done = set(key.str(), name.str(), *scalar, place_of(value)); !done) return done;
      }
    } else if (auto done = read_root_key(key.str(), node); !done) {
      return done;
    }
  }
  if (!has_version_)
    return failure(fmt::format("{}:1: no version: expected version = {}", file_, kScenarioVersion));
  return {};
}

Expected<void> Reader::read_root_key(std::string_view key, const toml::node& node) {
  const auto scalar = scalar_of(node);
  if (key == "version") {
    if (scalar != Scalar{kScenarioVersion}) {
      return failure(fmt::format("{}: version: this program reads version {} of scenario files",
                                 place_of(node), kScenarioVersion));
    }
    has_version_ = true;
    return {};
  }
  if (key == "title") {
    if (!scalar || !std::holds_alternative<std::string>(*scalar)) {
      return failure(fmt::format("{}: title: expected a text in quotes", place_of(node)));
    }
    scenario_.name = std::get<std::string>(*scalar);
    return {};
  }
  if (!scalar)
    return failure(fmt::format("{}: {}: unknown key (see docs/SCENARIOS.md)", place_of(node), key));
  return set("", key, *scalar, place_of(node));
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
    const auto scalar = scalar_of(node);
    if (!scalar)
      return failure(
          fmt::format("{}: traffic.{}: expected one number or word", place_of(node), key.str()));
    if (auto done = set_traffic(draft, key.str(), *scalar, place_of(node)); !done) return done;
  }
  traffic_.push_back(draft);
  return {};
}

Expected<void> Reader::set_traffic(TrafficDraft& draft, std::string_view key, const Scalar& value,
                                   const Place& place) {
  for (const auto& known : traffic_keys()) {
    if (known.name != key) continue;
    if (!known.apply(draft, value)) return refuse(place, key, value, known.expected);
    places_[std::string(key)] = place;
    return {};
  }
  return failure(fmt::format("{}: traffic.{}: unknown key (see docs/SCENARIOS.md)", place, key));
}

Expected<void> Reader::set(std::string_view table, std::string_view key, const Scalar& value,
                           const Place& place) {
  if (table.empty() && key == "seed") {
    const auto* seed = std::get_if<std::int64_t>(&value);
    if (seed == nullptr || *seed < 0) return refuse(place, key, value, "a whole number, 0 or more");
    scenario_.seed = static_cast<std::uint64_t>(*seed);
    return {};
  }
  for (const Table& known_table : scenario_tables()) {
    if (known_table.name != table) continue;
    for (const auto& known : known_table.keys) {
      if (known.name != key) continue;
      if (!known.apply(draft_, value)) return refuse(place, key, value, known.expected);
      places_[std::string(key)] = place;
      return {};
    }
  }
  return failure(fmt::format("{}: {}{}{}: unknown key (see docs/SCENARIOS.md)", place, table,
                             table.empty() ? "" : ".", key));
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
  const Place place = fmt::format("--set {}={}", setting.key, setting.value);
  const Scalar value = scalar_of(setting.value);
  if (table != "traffic") return set(table, key, value, place);
  if (traffic_.empty()) traffic_.emplace_back();
  for (TrafficDraft& draft : traffic_) {
    if (auto done = set_traffic(draft, key, value, place); !done) return done;
  }
  return {};
}

Expected<Scenario> Reader::finish() {
  if (scenario_.name.empty()) scenario_.name = std::filesystem::path(file_).stem().string();
  if (traffic_.empty()) traffic_.emplace_back();
  if (draft_.hops < 1 || draft_.hops > 64) {
    return failure(fmt::format("{}: hops = {}: expected 1 to 64", places_.at("hops"), draft_.hops));
  }
  sim::WorldConfig& world = scenario_.world;
  world.traffic.clear();
  for (const TrafficDraft& draft : traffic_) {
    if (draft.flows < 1 || draft.flows > 65'536) {
      return failure(
          fmt::format("{}: flows = {}: expected 1 to 65536", places_.at("flows"), draft.flows));
    }
    if (draft.each.rate < draft.flows || draft.each.count < draft.flows) {
      return failure(fmt::format(
          "{}: traffic: rate and count are of all flows together: expected at least {} of each",
          file_, draft.flows));
    }
    for (std::uint64_t flow = 0; flow < draft.flows; ++flow) {
      sim::TrafficConfig& each = world.traffic.emplace_back(draft.each);
      each.rate = draft.each.rate / draft.flows;
      each.count = draft.each.count / draft.flows + (flow < draft.each.count % draft.flows ? 1 : 0);
    }
  }
  world.costs = draft_.costs;
  world.kernel = draft_.kernel;
  world.send_errors_per_million = draft_.send_errors_per_million;
  const auto flows = static_cast<std::uint32_t>(world.traffic.size());
  engine::StageConfig& stage = draft_.node.stage;
  // What people set are the ring and the batch; capacities that only follow from them grow along.
  stage.rules_max = std::max(stage.rules_max, flows);
  stage.outputs_max = std::max(stage.outputs_max, flows * draft_.node.fan_out);
  if (!places_.contains("sends_max"))
    stage.sends_max = std::max(stage.submissions_max, stage.batch);
  if (!places_.contains("output_queue"))
    stage.output_queue = std::max(stage.output_queue, stage.batch);
  if (!places_.contains("completions_max")) draft_.node.completions_max = 2 * stage.submissions_max;
  world.nodes.assign(draft_.hops, draft_.node);
  for (std::uint32_t hop = 0; hop < draft_.hops; ++hop)
    world.nodes[hop].core = draft_.shared_core ? 0 : hop;
  const std::vector<Error> findings = check(world);
  if (findings.empty()) return std::move(scenario_);
  // A finding starts with its field: say where that was written.
  std::string field = findings.front().message.substr(0, findings.front().message.find(' '));
  if (field == "submissions_max") field = "ring";
  const auto written = places_.find(field);
  return failure(fmt::format("{}: {}", written == places_.end() ? file_ : written->second,
                             findings.front().message));
}

}  // namespace

Expected<Setting> parse_setting(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    return failure(fmt::format("\"{}\": expected key=value, for example pool=512", text));
  }
  return Setting{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

Expected<Scenario> load_scenario(const std::string& path, const std::vector<Setting>& settings) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return failure(fmt::format("{}: is a folder: expected a scenario file", path));
  std::ifstream file(path);
  if (!file)
    return failure(
        fmt::format("{}: cannot be read: expected a scenario file (see examples/scenarios)", path));
  std::stringstream text;
  text << file.rdbuf();
  return parse_scenario(text.str(), path, settings);
}

Expected<Scenario> parse_scenario(std::string_view text, const std::string& name,
                                  const std::vector<Setting>& settings) {
  toml::table root;
  try {
    root = toml::parse(text);
  } catch (const toml::parse_error& error) {
    return failure(fmt::format("{}:{}: {}", name, error.source().begin.line, error.description()));
  }
  Reader reader(name);
  if (auto done = reader.read(root); !done) return std::unexpected(done.error());
  for (const Setting& setting : settings) {
    if (auto done = reader.apply(setting); !done) return std::unexpected(done.error());
  }
  return reader.finish();
}

}  // namespace reprise::lab
