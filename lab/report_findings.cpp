// What explain, size and swarm found.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <set>

#include "reprise/lab/report_html.hpp"
#include "reprise/lab/report_page.hpp"

namespace reprise::lab {

using nlohmann::ordered_json;

namespace {

constexpr std::size_t kStepsMax = 12;
constexpr std::size_t kRowsMax = 200;

std::string words_of(std::string_view key) {
  std::string words(key);
  std::ranges::replace(words, '_', ' ');
  return words;
}

/// A value as a cell shows it: an object as "key value, key value", a list by its items.
std::string cell(const ordered_json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_null()) return "–";
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_number_float()) return shown_short(value.get<double>());
  if (!value.is_structured()) return value.dump();
  std::string text;
  for (const auto& [key, one] : value.items()) {
    const std::string_view between = one.is_structured() ? "; " : ", ";
    text += fmt::format("{}{}{}", text.empty() ? "" : between,
                        value.is_object() ? words_of(key) + " " : "", cell(one));
  }
  return text.empty() ? "none" : text;
}

std::string listed(const ordered_json& names, std::string_view between, std::string_view none) {
  std::string text;
  for (const ordered_json& name : names)
    text += (text.empty() ? "" : std::string(between)) + name.get<std::string>();
  return text.empty() ? std::string(none) : text;
}

std::string signed_text(double value) { return (value > 0 ? "+" : "") + shown(value, 3); }

// explain

std::vector<const ordered_json*> largest_first(const ordered_json& dividends) {
  std::vector<const ordered_json*> sorted;
  for (const ordered_json& dividend : dividends) sorted.push_back(&dividend);
  std::ranges::stable_sort(sorted, std::ranges::greater(), [](const ordered_json* dividend) {
    return std::abs((*dividend)["value"].get<double>());
  });
  return sorted;
}

std::string waterfall(const ordered_json& json, const std::string& unit) {
  double at = json["from"].get<double>();
  std::vector<StepRow> rows{{"from", shown(at, 3) + unit, 0, at, true}};
  const auto step = [&](const std::string& label, double value) {
    rows.push_back({label, signed_text(value) + unit, at, at + value});
    at += value;
  };
  const std::vector<const ordered_json*> sorted = largest_first(json["dividends"]);
  double rest = 0;
  std::size_t folded = 0;
  for (const ordered_json* dividend : sorted) {
    const double value = (*dividend)["value"].get<double>();
    if (value == 0) continue;
    if (rows.size() <= kStepsMax) {
      step(listed((*dividend)["factors"], " × ", "nothing"), value);
    } else {
      rest += value;
      ++folded;
    }
  }
  if (folded > 0) step(fmt::format("{} smaller ones", folded), rest);
  const double to = json["to"].get<double>();
  rows.push_back({"to", shown(to, 3) + unit, 0, to, true});
  return steps_html({"Attribution of the change in " + words_of(json["metric"].get<std::string>()),
                     "What each factor adds alone, and what those with × add only together "
                     "(Harsanyi dividends), the largest first."},
                    rows);
}

std::string factors_table(const ordered_json& json) {
  ReportTable table{
      "Shapley values: each factor's share of the change; what only a group does is "
      "split evenly among it.",
      {"factor", "symbol", "from", "to", "share"},
      {}};
  double sum = 0;
  for (const ordered_json& factor : json["factors"]) {
    const double share = factor.contains("shapley") ? factor["shapley"].get<double>() : 0;
    sum += share;
    std::vector<std::string> row{factor["name"].get<std::string>()};
    for (const char* key : {"symbol", "from", "to"})
      row.push_back(factor.contains(key) ? cell(factor[key]) : "");
    row.push_back(signed_text(share));
    table.rows.push_back(std::move(row));
  }
  table.rows.push_back({"sum", "", "", "", signed_text(sum)});
  return table_html(table);
}

ReportTable groups_table(const std::string& caption, const std::string& name,
                         const ordered_json& list, const char* names, bool is_change) {
  ReportTable table{caption, {name, "value"}, {}};
  for (const ordered_json& entry : list) {
    const double value = entry["value"].get<double>();
    table.rows.push_back({listed(entry[names], is_change ? " × " : ", ", "none"),
                          is_change ? signed_text(value) : shown(value, 3)});
  }
  return table;
}

/// 10 factors have 1,024 corners: many rows are shown when they are asked for.
std::string long_table_html(const ReportTable& table) {
  constexpr std::size_t kRowsShown = 16;
  if (table.rows.size() <= kRowsShown) return table_html(table);
  return details_html(fmt::format("{} ({} rows)", table.caption, table.rows.size()),
                      table_html(table));
}

// size

/// An object's values by key: what was varied stands beside what was found. Each single trial is
/// left to the file.
std::vector<std::pair<std::string, const ordered_json*>> flattened(const ordered_json& json) {
  std::vector<std::pair<std::string, const ordered_json*>> values;
  for (const auto& [key, value] : json.items()) {
    if (key == "trials") continue;
    if (key == "vary" && value.is_object()) {
      for (const auto& [varied, one] : value.items()) values.emplace_back(varied, &one);
    } else {
      values.emplace_back(key, &value);
    }
  }
  return values;
}

ReportTable objects_table(const std::string& caption, const ordered_json& list) {
  ReportTable table{caption, {}, {}};
  std::vector<std::string> keys;
  for (const ordered_json& entry : list) {
    for (const auto& [key, value] : flattened(entry)) {
      if (std::ranges::find(keys, key) == keys.end()) keys.push_back(key);
    }
  }
  for (const std::string& key : keys) table.columns.push_back(words_of(key));
  for (const ordered_json& entry : list) {
    if (table.rows.size() == kRowsMax) break;
    std::vector<std::string> row(keys.size());
    for (const auto& [key, value] : flattened(entry)) {
      const auto place = std::ranges::find(keys, key) - keys.begin();
      row[static_cast<std::size_t>(place)] = cell(*value);
    }
    table.rows.push_back(std::move(row));
  }
  return table;
}

/// A number, also one that stands as text.
double number_in(const ordered_json& value) {
  if (value.is_number()) return value.get<double>();
  if (!value.is_string()) return std::nan("");
  const ordered_json parsed = ordered_json::parse(value.get<std::string>(), nullptr, false);
  return parsed.is_number() ? parsed.get<double>() : std::nan("");
}

struct FrontierPoint {
  std::vector<std::pair<std::string, const ordered_json*>> settings;
  double smallest = 0;
};

bool is_smallest(std::string_view key) { return key.starts_with("smallest_safe"); }

/// The settings of a point stand before what was found there.
std::vector<FrontierPoint> frontier_points(const ordered_json& list, std::string& what) {
  std::vector<FrontierPoint> points;
  for (const ordered_json& entry : list) {
    FrontierPoint point;
    bool is_found = false;
    for (const auto& [key, value] : flattened(entry)) {
      if (is_smallest(key)) {
        point.smallest = number_in(*value);
        is_found = std::isfinite(point.smallest);
        what = key;
        break;
      }
      point.settings.emplace_back(key, value);
    }
    if (is_found) points.push_back(std::move(point));
  }
  return points;
}

/// Settings that take several values, in their order.
std::vector<std::string> varied_keys(const std::vector<FrontierPoint>& points) {
  std::vector<std::string> keys;
  std::map<std::string, std::set<std::string>> values;
  for (const FrontierPoint& point : points) {
    for (const auto& [key, value] : point.settings) {
      if (values[key].insert(cell(*value)).second && values[key].size() == 2) keys.push_back(key);
    }
  }
  return keys;
}

const ordered_json* setting_of(const FrontierPoint& point, const std::string& key) {
  for (const auto& [name, value] : point.settings) {
    if (name == key) return value;
  }
  return nullptr;
}

/// The setting along the x axis: the first that is a number everywhere.
std::string axis_of(const std::vector<FrontierPoint>& points,
                    const std::vector<std::string>& keys) {
  for (const std::string& key : keys) {
    const bool is_numeric = std::ranges::all_of(points, [&](const FrontierPoint& point) {
      const ordered_json* value = setting_of(point, key);
      return value != nullptr && std::isfinite(number_in(*value));
    });
    if (is_numeric) return key;
  }
  return {};
}

std::string frontier_picture(const ordered_json& json, PictureNumbers& ids) {
  std::string what;
  const std::vector<FrontierPoint> points = frontier_points(json["frontier"], what);
  if (json.contains("of") && json["of"].is_string()) what += " " + json["of"].get<std::string>();
  const std::vector<std::string> keys = varied_keys(points);
  const std::string axis = axis_of(points, keys);
  std::map<std::string, std::map<double, double>> lines;
  std::vector<std::string> names;  // in the order of the file
  std::set<double> xs;
  for (const FrontierPoint& point : points) {
    std::string name;
    for (const std::string& key : keys) {
      const ordered_json* value = setting_of(point, key);
      if (key == axis || value == nullptr) continue;
      name += fmt::format("{}{}={}", name.empty() ? "" : " ", key, cell(*value));
    }
    if (name.empty()) name = words_of(what);
    if (axis.empty()) {
      lines[name][0] = point.smallest;
    } else {
      const double x = number_in(*setting_of(point, axis));
      lines[name][x] = point.smallest;
      xs.insert(x);
    }
    if (std::ranges::find(names, name) == names.end()) names.push_back(name);
  }
  const FigureText text{"Frontier: " + words_of(what),
                        "The smallest size that refused nothing; simulated. Nothing is said of "
                        "sizes between two points."};
  if (xs.size() < 2) {
    std::vector<BarRow> bars;
    for (const std::string& name : names) {
      const double value = lines[name].begin()->second;
      bars.push_back({name, shown_short(value), value});
    }
    return bars.empty() ? std::string() : bars_html(text, bars);
  }
  LineFigure figure{text, words_of(axis), *xs.begin(), *xs.rbegin(), {xs.begin(), xs.end()}, {},
                    true};
  for (const std::string& name : names) {
    LineSeries line{name, {}, {}};
    for (const double x : figure.xs) {
      const auto found = lines[name].find(x);
      line.values.push_back(found == lines[name].end() ? std::numeric_limits<double>::quiet_NaN()
                                                       : found->second);
    }
    figure.lines.push_back(std::move(line));
  }
  return lines_html(figure, ids.next());
}

bool is_interrupted(const ordered_json& json) {
  return json.contains("complete") && json["complete"].is_boolean() &&
         !json["complete"].get<bool>();
}

}  // namespace

std::string explanation_html(const ordered_json& json) {
  std::string markup;
  const bool is_whole =
      !json["dividends"].empty() && json["from"].is_number() && json["to"].is_number();
  if (json.contains("sentence") && json["sentence"].is_string())
    markup += note_html(json["sentence"].get<std::string>(), "sentence");
  const std::string unit =
      json.contains("unit") && json["unit"].is_string() && !json["unit"].get<std::string>().empty()
          ? " " + json["unit"].get<std::string>()
          : "";
  if (is_whole) {
    markup +=
        waterfall(json, unit) + factors_table(json) +
        long_table_html(groups_table("Dividends: what a group adds beyond what smaller groups "
                                     "within it do.",
                                     "group", json["dividends"], "factors", true));
  } else {
    markup += note_html("Interrupted: not all corners were simulated, so nothing is attributed.",
                        "alert");
  }
  return markup + long_table_html(groups_table("Corners: every mix that was simulated.",
                                               "factors on", json["corners"], "on", false));
}

std::string frontier_html(const ordered_json& json, PictureNumbers& ids) {
  std::string markup;
  if (is_interrupted(json)) markup += note_html("Interrupted: points are missing.", "alert");
  markup += frontier_picture(json, ids);
  return markup + table_html(objects_table("The frontier, simulated.", json["frontier"]));
}

std::string swarm_html(const ordered_json& json) {
  std::string markup;
  if (is_interrupted(json)) markup += note_html("Interrupted: runs are missing.", "alert");
  ReportTable table{"The campaign.", {"figure", "value"}, {}};
  for (const auto& [key, value] : json.items()) {
    if (value.is_object() || value.is_array()) continue;
    table.rows.push_back({words_of(key), cell(value)});
  }
  markup += table_html(table);
  for (const auto& [key, value] : json.items()) {
    if (value.is_array() && !value.empty() && value.front().is_object()) {
      markup += table_html(objects_table(words_of(key), value));
    } else if (value.is_array() || value.is_object()) {
      ReportTable inner{words_of(key), {words_of(key), "value"}, {}};
      for (const auto& [name, one] : value.items()) inner.rows.push_back({name, cell(one)});
      if (inner.rows.size() > kRowsMax) inner.rows.resize(kRowsMax);
      markup += inner.rows.empty() ? note_html(words_of(key) + ": none.") : table_html(inner);
    }
  }
  return markup;
}

}  // namespace reprise::lab
