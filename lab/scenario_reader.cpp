// Reading scenario files and settings; resolving them is scenario.cpp.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "reprise/lab/toml_file.hpp"
#include "reprise/lab/written_scenario.hpp"

namespace reprise::lab {
namespace {

using engine::Error;
using engine::Expected;
using engine::failure;

/// Flows share a rate and a count: there must be one of each for every flow.
Expected<void> check_flows(const TrafficDraft& draft, const WrittenAt& place) {
  const std::uint64_t count = draft.count_or_default();
  if (draft.is_captured() || (draft.flows <= draft.each.rate && draft.flows <= count)) return {};
  return failure(
      fmt::format("{}: traffic: flows = {}: expected at most rate and count, which all flows share "
                  "({} and {})",
                  place, draft.flows, draft.each.rate, count));
}

/// As text that is read from another folder understands it, too.
std::string absolute_path(const std::filesystem::path& folder, const std::string& path) {
  return std::filesystem::absolute(folder / path).lexically_normal().string();
}

class Reader {
 public:
  explicit Reader(WrittenScenario& written) : written_(written) {}

  Expected<void> read(const toml::table& root);
  Expected<void> read_costs(const toml::table& root, const std::string& file);
  /// A profile replaces the whole of the scenario's [kernel].
  void take_profile(const KernelProfileFile& file);
  Expected<void> apply(const Setting& setting);

 private:
  [[nodiscard]] WrittenAt place_of(const toml::node& node) const {
    return place_in(written_.file, node);
  }
  Expected<void> read_root_key(std::string_view key, const toml::node& node);
  Expected<void> read_table(std::string_view name, const toml::table& table);
  Expected<void> read_traffic(const toml::node& node);
  Expected<void> read_traffic_entry(const toml::table& table);
  Expected<void> set(std::string_view table, std::string_view key, const Value& value,
                     const WrittenAt& place);
  Expected<void> set_traffic(TrafficDraft& draft, std::string_view key, const Value& value,
                             const WrittenAt& place);
  Expected<void> set_expectation(std::string_view key, const Value& value, const WrittenAt& place);
  Expected<void> set_factor_symbol(std::string_view key, const Value& value,
                                   const WrittenAt& place);
  static std::unexpected<Error> refuse_unknown(const WrittenAt& place, std::string_view table,
                                               std::string_view key) {
    return failure(fmt::format("{}: {}{}{}: unknown key; expected one of docs/SCENARIOS.md", place,
                               table, table.empty() ? "" : ".", key));
  }

  WrittenScenario& written_;
};

Expected<void> Reader::read(const toml::table& root) {
  // First, because the keys of another version may be unknown to this one.
  if (auto done = check_version(root, written_.file, kScenarioVersion); !done) return done;
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
  written_.profile_name = file.name;
  written_.profile = written_.draft.kernel = file.profile;
}

Expected<void> Reader::read_root_key(std::string_view key, const toml::node& node) {
  if (key == "version") return {};
  if (key == "run" && node.is_table()) return {};  // of a run file: lab/run_file.hpp
  if (key == "row" && node.is_array()) return {};  // of a grid file: lab/grid_file.hpp
  if (key == "traffic") return read_traffic(node);
  if (const toml::table* table = node.as_table()) return read_table(key, *table);
  const Value value = value_of(node);
  if (key == "title") {
    if (!value.scalar || !std::holds_alternative<std::string>(*value.scalar)) {
      return refuse(place_of(node), key, value, "a text in quotes");
    }
    written_.title = std::get<std::string>(*value.scalar);
    return {};
  }
  if (key == "expect" || key == "factors" ||
      std::ranges::find(scenario_tables(), key, &Table::name) != scenario_tables().end()) {
    return refuse(place_of(node), key, value, fmt::format("a table, [{}]", key));
  }
  return set("", key, value, place_of(node));
}

Expected<void> Reader::read_table(std::string_view name, const toml::table& table) {
  if (name != "expect" && name != "factors" &&
      std::ranges::find(scenario_tables(), name, &Table::name) == scenario_tables().end()) {
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
  if (!draft.pcap.path.empty()) {
    const auto folder = std::filesystem::path(written_.file).parent_path();
    draft.pcap.path = absolute_path(folder, draft.pcap.path);
  }
  if (auto done = check_flows(draft, place_of(table)); !done) return done;
  written_.traffic.push_back(draft);
  return {};
}

Expected<void> Reader::set_traffic(TrafficDraft& draft, std::string_view key, const Value& value,
                                   const WrittenAt& place) {
  for (const auto& known : traffic_keys()) {
    if (known.name != key) continue;
    if (!value.scalar || !known.apply(draft, *value.scalar))
      return refuse(place, key, value, known.expected);
    written_.places[std::string(key)] = place;
    return {};
  }
  return refuse_unknown(place, "traffic", key);
}

/// The last one for a field and its limit counts. They have the order of their keys, as tables of
/// the TOML library have.
Expected<void> Reader::set_expectation(std::string_view key, const Value& value,
                                       const WrittenAt& place) {
  auto expected = nlohmann::ordered_json::parse(value.text, nullptr, false);
  if (expected.is_discarded()) expected = value.text;
  auto expectation = make_expectation(key, expected);
  if (!expectation) return failure(fmt::format("{}: {}", place, expectation.error().message));
  std::erase_if(written_.expectations,
                [&](const Expectation& earlier) { return earlier.key() == expectation->key(); });
  written_.expectations.push_back(std::move(*expectation));
  std::ranges::sort(written_.expectations, {}, &Expectation::key);
  return {};
}

Expected<void> Reader::set(std::string_view table, std::string_view key, const Value& value,
                           const WrittenAt& place) {
  if (table.empty() && key == "seed") {
    const auto* seed = value.scalar ? std::get_if<std::int64_t>(&*value.scalar) : nullptr;
    if (seed == nullptr || *seed < 0) return refuse(place, key, value, "a whole number, 0 or more");
    written_.seed = static_cast<std::uint64_t>(*seed);
    return {};
  }
  if (table == "expect") return set_expectation(key, value, place);
  if (table == "factors") return set_factor_symbol(key, value, place);
  for (const Table& known_table : scenario_tables()) {
    if (known_table.name != table) continue;
    for (const auto& known : known_table.keys) {
      if (known.name != key) continue;
      if (!value.scalar || !known.apply(written_.draft, *value.scalar))
        return refuse(place, key, value, known.expected);
      written_.places[std::string(key)] = place;
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

/// What explain calls a key: its letter in a story.
Expected<void> Reader::set_factor_symbol(std::string_view key, const Value& value,
                                         const WrittenAt& place) {
  if (key != "traffic" && table_of(key).empty()) return refuse_unknown(place, "factors", key);
  const auto* symbol = value.scalar ? std::get_if<std::string>(&*value.scalar) : nullptr;
  constexpr std::size_t kBytesMax = 16;
  if (symbol == nullptr || symbol->empty() || symbol->size() > kBytesMax)
    return refuse(place, key, value, "a letter or short word in quotes, at most 16 bytes");
  written_.factor_symbols[std::string(key)] = *symbol;
  return {};
}

Expected<void> Reader::apply(const Setting& setting) {
  const std::size_t dot = setting.key.find('.');
  const std::string key = dot == std::string::npos ? setting.key : setting.key.substr(dot + 1);
  const std::string table{dot == std::string::npos ? std::string(table_of(key))
                                                   : setting.key.substr(0, dot)};
  const WrittenAt place = fmt::format("{} {}={}", setting.option, setting.key, setting.value);
  const Value value = value_of(setting.value);
  if (table != "traffic") return set(table, key, value, place);
  if (written_.traffic.empty()) written_.traffic.emplace_back();
  for (TrafficDraft& draft : written_.traffic) {
    if (auto done = set_traffic(draft, key, value, place); !done) return done;
    if (key == "pcap") draft.pcap.path = absolute_path({}, draft.pcap.path);
    if (auto done = check_flows(draft, place); !done) return done;
  }
  return {};
}

}  // namespace

Expected<Setting> parse_setting(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || equals + 1 == text.size()) {
    return failure(fmt::format("--set \"{}\": expected key=value, for example pool=512", text));
  }
  return Setting{std::string(text.substr(0, equals)), std::string(text.substr(equals + 1))};
}

Expected<WrittenScenario> read_scenario(const std::string& path,
                                        const std::vector<Setting>& settings,
                                        const std::string& costs_path,
                                        const std::string& profile_path) {
  const auto text = text_of_file(path, "a scenario file, as in examples/scenarios");
  if (!text) return std::unexpected(text.error());
  return read_scenario_text(*text, path, settings, costs_path, profile_path);
}

Expected<WrittenScenario> read_scenario_text(std::string_view text, const std::string& name,
                                             const std::vector<Setting>& settings,
                                             const std::string& costs_path,
                                             const std::string& profile_path) {
  const auto root = parse_toml(text, name);
  if (!root) return std::unexpected(root.error());
  WrittenScenario written;
  written.file = name;
  Reader reader(written);
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
  return written;
}

Expected<void> apply(WrittenScenario& scenario, const Setting& setting) {
  return Reader(scenario).apply(setting);
}

}  // namespace reprise::lab
