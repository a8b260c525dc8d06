#include "reprise/lab/compare.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reprise::lab {

bool Comparison::held() const {
  return complete() && std::ranges::all_of(points, [](const ComparePoint& point) {
           return point.result.laws_hold;
         });
}

engine::Expected<Comparison> compare(const CompareRequest& request,
                                     const ParallelControl& control) {
  for (const Variation& variation : request.variations) {
    if (std::ranges::count(request.variations, variation.key, &Variation::key) > 1) {
      return engine::failure(fmt::format(
          "--vary {}: given more than once; expected all its values in one list", variation.key));
    }
  }
  const std::vector<std::vector<Setting>> points = grid(request.variations);
  std::vector<Scenario> scenarios;
  for (const std::vector<Setting>& point : points) {
    std::vector<Setting> settings = request.settings;
    settings.insert(settings.end(), point.begin(), point.end());
    auto scenario =
        load_scenario(request.scenario_path, settings, request.costs_path, request.profile_path);
    if (!scenario) return std::unexpected(scenario.error());
    scenarios.push_back(std::move(*scenario));
  }
  std::vector<PlannedRun> planned;
  planned.reserve(scenarios.size());
  for (const Scenario& scenario : scenarios)
    planned.push_back({&scenario, request.seed.value_or(scenario.seed), request.series_points});
  std::vector<std::optional<RunResult>> results = run_all(planned, control);
  Comparison comparison;
  comparison.points_of = points.size();
  for (std::size_t index = 0; index < points.size(); ++index) {
    if (!results[index]) continue;
    auto expectations = check(scenarios[index].expectations, *results[index]);
    comparison.points.push_back(
        {points[index], std::move(*results[index]), std::move(expectations)});
  }
  return comparison;
}

nlohmann::ordered_json to_json(const Comparison& comparison) {
  nlohmann::ordered_json json;
  json["results"] = nlohmann::ordered_json::array();
  for (const ComparePoint& point : comparison.points) {
    nlohmann::ordered_json entry;
    entry["vary"] = nlohmann::ordered_json::object();
    for (const Setting& setting : point.vary) entry["vary"][setting.key] = setting.value;
    entry.update(to_json(point.result));
    entry["expectations"] = to_json(point.expectations);
    json["results"].push_back(std::move(entry));
  }
  if (!comparison.complete()) {
    json["complete"] = false;
    json["points"] = comparison.points_of;
  }
  return json;
}

std::string to_text(const Comparison& comparison) {
  std::size_t width = 8;
  std::vector<std::string> labels;
  for (const ComparePoint& point : comparison.points) {
    std::string label;
    for (const Setting& setting : point.vary) {
      label += fmt::format("{}{}={}", label.empty() ? "" : " ", setting.key, setting.value);
    }
    width = std::max(width, label.size());
    labels.push_back(std::move(label));
  }
  std::string text =
      fmt::format("{:<{}}  {:>10} {:>12} {:>9} {:>10} {:>12} {:>14} {:>10}\n", "", width, "sent",
                  "egress/s", "no buffer", "dropped", "outstanding", "time mean µs", "in flight");
  for (std::size_t index = 0; index < comparison.points.size(); ++index) {
    const nlohmann::ordered_json json = to_json(comparison.points[index].result);
    text += fmt::format(
        "{:<{}}  {:>10} {:>12.0f} {:>7.2f} % {:>10} {:>12.2f} {:>14.2f} {:>10.2f}\n", labels[index],
        width, json["sent"].get<std::uint64_t>(), json["egress_pps"].get<double>(),
        100 * json["no_buffer_fraction"].get<double>(),
        json["kernel_drops"].get<std::uint64_t>() + json["send_drops"].get<std::uint64_t>(),
        json["outstanding_mean"].get<double>(),
        json["outstanding_time_mean_ns"].get<double>() / 1e3, json["in_flight_mean"].get<double>());
  }
  if (!comparison.complete()) {
    text += fmt::format("interrupted: {} of {} points finished; the same call simulates them all\n",
                        comparison.points.size(), comparison.points_of);
  }
  return text;
}

}  // namespace reprise::lab
