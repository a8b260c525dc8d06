// A frontier as JSON and text.
#include <fmt/format.h>

#include <algorithm>

#include "reprise/lab/size.hpp"

namespace reprise::lab {
namespace {

using nlohmann::ordered_json;

/// No model checker spoke here.
constexpr std::string_view kEvidence = "simulated";

ordered_json trial_json(const SizeTrial& trial) {
  return {{"value", trial.value}, {"refused", trial.refused}};
}

ordered_json trials_json(const std::vector<SizeTrial>& trials) {
  ordered_json json = ordered_json::array();
  for (const SizeTrial& trial : trials) json.push_back(trial_json(trial));
  return json;
}

ordered_json point_json(const SizePoint& point) {
  ordered_json json;
  json["vary"] = ordered_json::object();
  for (const Setting& setting : point.vary) json["vary"][setting.key] = setting.value;
  json["smallest_safe"] = point.smallest_safe ? ordered_json(*point.smallest_safe) : ordered_json();
  json["below"] = point.below ? trial_json(*point.below) : ordered_json();
  json["above"] = trials_json(point.above);
  json["monotone"] = point.monotone();
  json["evidence"] = kEvidence;
  if (!point.monotone()) {
    json["first_safe"] = *point.first_safe;
    json["fails_again"] = trials_json(point.fails_again);
  }
  json["trials"] = trials_json(point.trials);
  return json;
}

std::string label_of(const SizePoint& point) {
  std::string label;
  for (const Setting& setting : point.vary)
    label += fmt::format("{}{}={}", label.empty() ? "" : " ", setting.key, setting.value);
  return label;
}

/// What was seen beside the value found.
std::string remark(const SizePoint& point, const std::string& of) {
  if (!point.smallest_safe) {
    return fmt::format("none: {} {} refuses {}", of, point.trials.back().value,
                       point.trials.back().refused);
  }
  std::string text = point.below
                         ? fmt::format("{} refuses {}", point.below->value, point.below->refused)
                         : "the smallest possible value";
  if (!point.above.empty()) {
    text += fmt::format("; {} larger ones up to {} refuse nothing", point.above.size(),
                        point.above.back().value);
  }
  if (!point.monotone()) {
    text +=
        fmt::format("; not monotone: {} refuses nothing, but it fails again at", *point.first_safe);
    for (const SizeTrial& trial : point.fails_again)
      text += fmt::format(" {} ({} refused)", trial.value, trial.refused);
  }
  return text;
}

}  // namespace

ordered_json to_json(const Frontier& frontier) {
  const SizeRequest& request = frontier.request;
  ordered_json json{{"of", request.of}, {"frontier", ordered_json::array()}};
  for (const SizePoint& point : frontier.points) json["frontier"].push_back(point_json(point));
  json["refused_counts"] = refusals_counted(request.of);
  json["scenario"] = request.scenario_path;
  json["seed"] = frontier.seed;
  json["seeds"] = request.seeds;
  json["laws_hold"] = frontier.laws_hold;
  if (!frontier.complete()) {
    json["complete"] = false;
    json["points"] = frontier.points_of;
  }
  return json;
}

std::string to_text(const Frontier& frontier) {
  const SizeRequest& request = frontier.request;
  std::string text =
      fmt::format("the smallest {} that refuses nothing ({} = 0), {}; seed {}{}\n", request.of,
                  refusals_counted(request.of), kEvidence, frontier.seed,
                  request.seeds == 1 ? "" : fmt::format(" and the {} after it", request.seeds - 1));
  std::size_t width = 8;
  for (const SizePoint& point : frontier.points) width = std::max(width, label_of(point).size());
  for (const SizePoint& point : frontier.points) {
    text += fmt::format("{:<{}}  {:>10}  {}\n", label_of(point), width,
                        point.smallest_safe ? fmt::format("{}", *point.smallest_safe) : "-",
                        remark(point, request.of));
  }
  if (!frontier.complete()) {
    text += fmt::format("interrupted: {} of {} points finished; the same call simulates them all\n",
                        frontier.points.size(), frontier.points_of);
  }
  if (!frontier.laws_hold)
    text += "a conservation law does not hold: this is a bug, please report it\n";
  return text;
}

}  // namespace reprise::lab
