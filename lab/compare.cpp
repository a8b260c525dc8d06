#include "reprise/lab/compare.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reprise::lab {

bool Comparison::held() const {
  return complete && std::ranges::all_of(
                         points, [](const ComparePoint& point) { return point.result.laws_hold; });
}

engine::Expected<Comparison> compare(const CompareRequest& request, const RunControl& control) {
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
  Comparison comparison;
  for (std::size_t index = 0; index < points.size(); ++index) {
    RunControl one = control;
    if (control.progress) {
      one.progress = [&](std::uint64_t done, std::uint64_t of) {
        control.progress(index * of + done, points.size() * of);
      };
    }
    RunResult result = run(scenarios[index], request.seed.value_or(scenarios[index].seed), one);
    const bool complete = result.complete;
    comparison.points.push_back({points[index], std::move(result)});
    if (!complete) {
      comparison.complete = false;
      break;
    }
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
    json["results"].push_back(std::move(entry));
  }
  if (!comparison.complete) json["complete"] = false;
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
      fmt::format("{:<{}}  {:>10} {:>12} {:>9} {:>12} {:>14} {:>10}\n", "", width, "sent",
                  "egress/s", "no buffer", "outstanding", "time mean µs", "in flight");
  for (std::size_t index = 0; index < comparison.points.size(); ++index) {
    const nlohmann::ordered_json json = to_json(comparison.points[index].result);
    text += fmt::format(
        "{:<{}}  {:>10} {:>12.0f} {:>7.2f} % {:>12.2f} {:>14.2f} {:>10.2f}\n", labels[index], width,
        json["sent"].get<std::uint64_t>(), json["egress_pps"].get<double>(),
        100 * json["no_buffer_fraction"].get<double>(), json["outstanding_mean"].get<double>(),
        json["outstanding_time_mean_ns"].get<double>() / 1e3, json["in_flight_mean"].get<double>());
  }
  if (!comparison.complete)
    text += "interrupted: the last row covers what was simulated, later points are missing\n";
  return text;
}

}  // namespace reprise::lab
