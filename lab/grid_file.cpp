#include "reprise/lab/grid_file.hpp"

#include <algorithm>
#include <utility>

#include "reprise/lab/toml_file.hpp"

namespace reprise::lab {

using engine::Expected;
using engine::failure;

namespace {

/// A row as the file has it.
struct WrittenRow {
  std::string place;
  std::string name;
  std::vector<Setting> settings;
  bool fit = false;
};

Expected<void> read_settings(WrittenRow& row, const toml::node& node, const std::string& file) {
  constexpr std::string_view kExpected = "a list of settings, [\"key=value\", …]";
  const toml::array* array = node.as_array();
  if (array == nullptr) return refuse(place_in(file, node), "set", value_of(node), kExpected);
  for (const toml::node& entry : *array) {
    const auto* text = entry.as_string();
    const std::size_t equals = text == nullptr ? std::string::npos : text->get().find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text->get().size())
      return refuse(place_in(file, entry), "set", value_of(entry), kExpected);
    row.settings.push_back({text->get().substr(0, equals), text->get().substr(equals + 1),
                            place_in(file, entry) + ": set"});
  }
  return {};
}

Expected<WrittenRow> read_row(const toml::node& node, const std::string& file) {
  const toml::table* table = node.as_table();
  if (table == nullptr) return failure(place_in(file, node) + ": row: expected tables, [[row]]");
  WrittenRow row{.place = place_in(file, node), .name = {}, .settings = {}};
  for (const auto& [key, value] : *table) {
    if (key == "name") {
      const auto* name = value.as_string();
      if (name == nullptr || name->get().empty())
        return refuse(place_in(file, value), "name", value_of(value), "a text in quotes");
      row.name = name->get();
    } else if (key == "fit") {
      const auto* fit = value.as_boolean();
      if (fit == nullptr)
        return refuse(place_in(file, value), "fit", value_of(value), "true or false");
      row.fit = fit->get();
    } else if (key == "set") {
      if (auto done = read_settings(row, value, file); !done) return std::unexpected(done.error());
    } else {
      return failure(fmt::format("{}: row.{}: unknown key; expected name, set or fit",
                                 place_in(file, value), key.str()));
    }
  }
  if (row.name.empty()) return failure(row.place + ": row: no name; expected name = \"…\"");
  return row;
}

Expected<std::vector<WrittenRow>> read_rows(const toml::table& root, const std::string& file) {
  const toml::array* array = root.contains("row") ? root.get("row")->as_array() : nullptr;
  if (array == nullptr || array->size() < 2) {
    return failure(
        fmt::format("{}:{}: {} rows; expected two or more tables [[row]], the first "
                    "one with fit = true",
                    file, 1, array == nullptr ? 0 : array->size()));
  }
  std::vector<WrittenRow> rows;
  for (const toml::node& node : *array) {
    auto row = read_row(node, file);
    if (!row) return std::unexpected(row.error());
    if (row->fit != rows.empty()) {
      return failure(
          fmt::format("{}: row \"{}\": fit = {}; expected true in the first row and in "
                      "no other",
                      row->place, row->name, row->fit));
    }
    if (std::ranges::find(rows, row->name, &WrittenRow::name) != rows.end())
      return failure(
          fmt::format("{}: row \"{}\": a second one of that name", row->place, row->name));
    rows.push_back(std::move(*row));
  }
  return rows;
}

}  // namespace

Expected<GridFile> load_grid(const std::string& path) {
  const auto text =
      text_of_file(path, "a grid file, as examples/scenarios/report_2025_11/emulation.toml");
  if (!text) return std::unexpected(text.error());
  return parse_grid(*text, path);
}

Expected<GridFile> parse_grid(std::string_view text, const std::string& name) {
  const auto root = parse_toml(text, name);
  if (!root) return std::unexpected(root.error());
  // Before the rows: what is wrong in the scenario itself is no row's fault.
  if (auto scenario = parse_scenario(text, name); !scenario)
    return std::unexpected(scenario.error());
  auto written = read_rows(*root, name);
  if (!written) return std::unexpected(written.error());
  GridFile grid{.path = name, .rows = {}};
  for (WrittenRow& row : *written) {
    auto scenario = parse_scenario(text, name, row.settings);
    if (!scenario) {
      const std::string& message = scenario.error().message;
      if (message.starts_with(name)) return std::unexpected(scenario.error());
      return failure(fmt::format("{}: row \"{}\": {}", row.place, row.name, message));
    }
    grid.rows.push_back({std::move(row.name), std::move(row.place), std::move(*scenario)});
  }
  return grid;
}

}  // namespace reprise::lab
