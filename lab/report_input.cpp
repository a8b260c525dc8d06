#include "reprise/lab/report_input.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "reprise/lab/census.hpp"
#include "reprise/lab/series.hpp"

namespace reprise::lab {

using engine::Expected;
using engine::failure;
using nlohmann::ordered_json;

namespace {

/// Of a run, or of one of its relays.
constexpr std::array<const char*, 10> kFigures{"sent",
                                               "no_buffer",
                                               "no_buffer_fraction",
                                               "egress_pps",
                                               "outstanding_mean",
                                               "outstanding_max",
                                               "outstanding_time_mean_ns",
                                               "outstanding_time_p99_ns",
                                               "in_flight_mean",
                                               "kernel_drops"};

/// Looks at one file; messages begin with its name and the way to what is wrong.
class Checker {
 public:
  explicit Checker(const std::string& name) : name_(name) {}

  Expected<void> check(const ReportInput& input) const {
    const ordered_json& json = input.json;
    switch (input.kind) {
      case ReportKind::run: return run(json, "");
      case ReportKind::compare: return comparison(json);
      case ReportKind::explain: return explanation(json);
      case ReportKind::frontier: return frontier(json);
      case ReportKind::swarm: return swarm(json);
    }
    return {};
  }

 private:
  [[nodiscard]] Expected<void> wrong(const std::string& where, std::string_view expected) const {
    return failure(fmt::format("{}: {}: expected {}; make the file anew with reprise-lab", name_,
                               where.empty() ? "the object" : where, expected));
  }
  [[nodiscard]] static bool is_number(const ordered_json& json, const char* key) {
    return json.contains(key) && json[key].is_number() && std::isfinite(json[key].get<double>());
  }
  [[nodiscard]] static std::string below(const std::string& where, std::string_view key) {
    return where.empty() ? std::string(key) : fmt::format("{}.{}", where, key);
  }
  [[nodiscard]] static std::string item(std::string_view where, std::size_t index) {
    return fmt::format("{}[{}]", where, index);
  }
  [[nodiscard]] Expected<void> number(const ordered_json& json, const std::string& where,
                                      const char* key) const {
    return is_number(json, key) ? Expected<void>() : wrong(below(where, key), "a number");
  }
  [[nodiscard]] static bool is_numbers(const ordered_json& json, std::size_t size) {
    return json.is_array() && json.size() == size &&
           std::ranges::all_of(json, [](const ordered_json& value) { return value.is_number(); });
  }

  [[nodiscard]] Expected<void> run(const ordered_json& json, const std::string& where) const {
    if (!json.is_object()) return wrong(where, "the figures of a run");
    if (!json.contains("scenario") || !json["scenario"].is_string())
      return wrong(below(where, "scenario"), "a text");
    for (const char* key : {"seed", "duration_ns"}) {
      if (auto checked = number(json, where, key); !checked) return checked;
    }
    if (auto checked = figures(json, where); !checked) return checked;
    for (const char* key : {"hops", "each_worker"}) {
      if (!json.contains(key)) continue;
      if (!json[key].is_array()) return wrong(below(where, key), "a list");
      for (std::size_t node = 0; node < json[key].size(); ++node) {
        auto checked = figures(json[key][node], item(below(where, key), node));
        if (!checked) return checked;
      }
    }
    return json.contains("series") ? series(json["series"], below(where, "series"))
                                   : Expected<void>();
  }

  [[nodiscard]] Expected<void> figures(const ordered_json& json, const std::string& where) const {
    if (!json.is_object()) return wrong(where, "the figures of a relay");
    for (const char* key : kFigures) {
      if (auto checked = number(json, where, key); !checked) return checked;
    }
    const std::string places = "outstanding_region_ns_by_place";
    if (!json.contains(places) || !json[places].is_object())
      return wrong(below(where, places), "an object");
    for (std::size_t place = 0; place < kPlaceCount; ++place) {
      if (!is_outstanding(static_cast<Place>(place))) continue;
      const std::string key(kPlaceNames[place]);
      auto checked = number(json[places], below(where, places), key.c_str());
      if (!checked) return checked;
    }
    return {};
  }

  [[nodiscard]] Expected<void> series(const ordered_json& json, const std::string& where) const {
    if (!json.is_object()) return wrong(where, "an object");
    for (const char* key : {"interval_ns", "end_ns"}) {
      if (auto checked = number(json, where, key); !checked) return checked;
    }
    if (json["interval_ns"].get<double>() < 1)
      return wrong(below(where, "interval_ns"), "1 or more");
    if (!json.contains("hops") || !json["hops"].is_array())
      return wrong(below(where, "hops"), "a list");
    for (std::size_t hop = 0; hop < json["hops"].size(); ++hop) {
      const ordered_json& values = json["hops"][hop];
      const std::string at = item(below(where, "hops"), hop);
      if (!values.is_object() || !values.contains("outstanding")) return wrong(at, "an object");
      const std::size_t size = values["outstanding"].size();
      for (const std::string_view name : kQuantityNames) {
        const std::string key(name);
        if (!values.contains(key) || !is_numbers(values[key], size))
          return wrong(below(at, key), fmt::format("a list of {} numbers", size));
      }
      for (const char* key : {"outstanding_max", "arrived", "no_buffer"}) {
        if (!values.contains(key) || !is_numbers(values[key], size))
          return wrong(below(at, key), fmt::format("a list of {} numbers", size));
      }
    }
    return {};
  }

  [[nodiscard]] Expected<void> comparison(const ordered_json& json) const {
    if (!json["results"].is_array()) return wrong("results", "a list");
    for (std::size_t index = 0; index < json["results"].size(); ++index) {
      const ordered_json& result = json["results"][index];
      if (auto checked = run(result, item("results", index)); !checked) return checked;
      if (result.contains("vary") && !result["vary"].is_object())
        return wrong(item("results", index) + ".vary", "an object");
    }
    return {};
  }

  [[nodiscard]] Expected<void> explanation(const ordered_json& json) const {
    if (!json["metric"].is_string()) return wrong("metric", "a text");
    for (const char* key : {"corners", "factors", "dividends"}) {
      if (!json.contains(key) || !json[key].is_array()) return wrong(key, "a list");
    }
    // An interrupted one has no dividends, and neither end may be known.
    const bool is_whole = !json["dividends"].empty();
    for (const char* key : {"from", "to"}) {
      const bool may_be_absent = !is_whole && json.contains(key) && json[key].is_null();
      if (!may_be_absent && !is_number(json, key)) return wrong(key, "a number");
    }
    if (auto checked = groups(json["corners"], "corners", "on"); !checked) return checked;
    if (auto checked = groups(json["dividends"], "dividends", "factors"); !checked) return checked;
    for (std::size_t index = 0; index < json["factors"].size(); ++index) {
      const ordered_json& factor = json["factors"][index];
      const std::string where = item("factors", index);
      if (!factor.is_object() || !factor.contains("name") || !factor["name"].is_string())
        return wrong(below(where, "name"), "a text");
      if (is_whole && !is_number(factor, "shapley"))
        return wrong(below(where, "shapley"), "a number");
    }
    return {};
  }

  /// A value each, of a list of names.
  [[nodiscard]] Expected<void> groups(const ordered_json& list, const std::string& where,
                                      const char* names) const {
    for (std::size_t index = 0; index < list.size(); ++index) {
      const ordered_json& entry = list[index];
      if (!entry.is_object() || !is_number(entry, "value"))
        return wrong(item(where, index) + ".value", "a number");
      const bool has_names =
          entry.contains(names) && entry[names].is_array() &&
          std::ranges::all_of(entry[names], [](const ordered_json& n) { return n.is_string(); });
      if (!has_names) return wrong(below(item(where, index), names), "a list of names");
    }
    return {};
  }

  [[nodiscard]] Expected<void> frontier(const ordered_json& json) const {
    if (!json["frontier"].is_array()) return wrong("frontier", "a list");
    for (std::size_t index = 0; index < json["frontier"].size(); ++index) {
      if (!json["frontier"][index].is_object()) return wrong(item("frontier", index), "an object");
    }
    return {};
  }

  [[nodiscard]] Expected<void> swarm(const ordered_json& json) const {
    if (!json["runs"].is_number()) return wrong("runs", "a number");
    if (!json["failures"].is_array() && !json["failures"].is_number())
      return wrong("failures", "a list or a number");
    return {};
  }

  const std::string& name_;
};

Expected<ReportKind> kind_of(const ordered_json& json, const std::string& name) {
  if (json.is_object()) {
    if (json.contains("metric") && json.contains("corners")) return ReportKind::explain;
    if (json.contains("frontier")) return ReportKind::frontier;
    if (json.contains("results")) return ReportKind::compare;
    if (json.contains("runs") && json.contains("failures")) return ReportKind::swarm;
    if (json.contains("digest") && json.contains("egress_pps")) return ReportKind::run;
  }
  return failure(fmt::format("{}: holds no result of a kind that is known; expected {}", name,
                             kReportInputExpected));
}

}  // namespace

Expected<ReportInput> parse_report_input(std::string_view text, const std::string& name) {
  ReportInput input;
  input.name = name;
  try {
    input.json = ordered_json::parse(text);
  } catch (const ordered_json::parse_error& error) {
    const auto end = text.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text.size()));
    return failure(fmt::format("{}:{}: no whole JSON object; expected {}", name,
                               1 + std::count(text.begin(), end, '\n'), kReportInputExpected));
  } catch (const ordered_json::exception&) {  // a number out of range
    return failure(
        fmt::format("{}: a number is out of range; expected {}", name, kReportInputExpected));
  }
  const auto kind = kind_of(input.json, name);
  if (!kind) return std::unexpected(kind.error());
  input.kind = *kind;
  if (auto checked = Checker(name).check(input); !checked) return std::unexpected(checked.error());
  return input;
}

}  // namespace reprise::lab
