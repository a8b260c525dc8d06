#include "reprise/lab/run.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <sstream>

namespace reprise::lab {

RunResult run(const Scenario& scenario, std::uint64_t seed, const RunControl& control) {
  constexpr std::uint64_t kEventsBetweenLooks = 65'536;
  sim::Hashed hashed(seed);
  sim::Choices& choices = control.choices != nullptr ? *control.choices : hashed;
  auto config = std::make_shared<sim::WorldConfig>(scenario.world);
  if (scenario.swarm) config->faults = sim::draw_faults(choices, scenario.world.faults);
  sim::World world(std::shared_ptr<const sim::WorldConfig>(std::move(config)));
  Measurement measurement(world);
  std::uint64_t count = 0;
  for (const sim::TrafficConfig& traffic : scenario.world.traffic) count += traffic.count;
  const std::string note =
      fmt::format("reproduce with: reprise-lab run SCENARIO --seed {} ({})", seed, scenario.name);
  engine::set_assertion_note(note.c_str());
  std::optional<SeriesObserver> series;
  std::vector<RunObserver*> observers = control.observers;
  if (control.series_points > 0) observers.push_back(&series.emplace(control.series_points));
  bool complete = true;
  for (;;) {
    const sim::Event event = world.step(choices);
    if (event.kind == sim::EventKind::quiet) break;
    measurement.add(world, event);
    for (RunObserver* observer : observers) observer->see(world, measurement, event);
    if (control.over != nullptr && *control.over) {
      complete = false;
      break;
    }
    if (measurement.events() % kEventsBetweenLooks != 0) continue;
    if (control.progress) control.progress(world.offered(), count);
    if (control.stop != nullptr && control.stop->load(std::memory_order_relaxed)) {
      complete = false;
      break;
    }
  }
  engine::set_assertion_note(nullptr);
  RunResult result = make_result(world, measurement);
  result.scenario = scenario.name;
  result.profile = scenario.profile;
  result.seed = seed;
  result.complete = complete;
  if (series) result.series = series->take(measurement.last_event());
  return result;
}

engine::Expected<Variation> parse_variation(std::string_view text) {
  const auto setting = parse_setting(text);
  if (!setting) {
    return engine::failure(fmt::format(
        "--vary \"{}\": expected key=value,value,…, for example policy=synchronous,deferred",
        text));
  }
  Variation variation{setting->key, {}};
  std::istringstream values(setting->value + ',');
  for (std::string value; std::getline(values, value, ',');) {
    if (value.empty()) {
      return engine::failure(fmt::format(
          "--vary \"{}\": an empty value; expected one on either side of a comma", text));
    }
    if (std::ranges::find(variation.values, value) != variation.values.end()) {
      return engine::failure(
          fmt::format("--vary \"{}\": {} twice; expected every value once", text, value));
    }
    variation.values.push_back(value);
  }
  return variation;
}

std::vector<std::vector<Setting>> grid(const std::vector<Variation>& variations) {
  std::vector<std::vector<Setting>> points{{}};
  for (const Variation& variation : variations) {
    std::vector<std::vector<Setting>> longer;
    for (const std::vector<Setting>& point : points) {
      for (const std::string& value : variation.values) {
        longer.push_back(point);
        longer.back().push_back({variation.key, value, "--vary"});
      }
    }
    points = std::move(longer);
  }
  return points;
}

}  // namespace reprise::lab
