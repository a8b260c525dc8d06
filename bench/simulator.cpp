// How fast the simulation is, on one core: each scenario's world stepped until it is quiet.
//
//   world     World::step() and the digest of its events
//   measured  what `reprise-lab run` does: the same, with every measurement and the census
//
// Times are CPU times of the thread: wall-clock time on a core of its own. The fastest of some
// rounds counts, because whatever else the host does only adds. The cost by kind of step is from a
// run of its own that reads a clock between any two steps; what reading it costs is taken off.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <ctime>
#include <limits>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "reprise/lab/run.hpp"
#include "reprise/lab/scenario.hpp"
#include "reprise/sim/world.hpp"

namespace reprise::bench {
namespace {

using nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

constexpr std::array<const char*, 6> kKindNames{"quiet", "arrival",   "phase",
                                                "wake",  "departure", "delivery"};

struct Options {
  std::vector<std::string> scenarios{"historic_loops", "pool_threshold", "poisson"};
  std::vector<std::string> settings;
  std::uint64_t seed = 1;
  unsigned rounds = 9;
  bool world_only = false;
  bool json = false;
};

/// CPU time of this thread.
std::int64_t used_ns() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return time.tv_sec * 1'000'000'000LL + time.tv_nsec;
}

std::int64_t nanoseconds(Clock::duration duration) {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(duration).count();
}

/// What one reading of the clock costs: the fastest of many short series.
double clock_reading_ns() {
  constexpr int kReadings = 1000;
  std::int64_t best_ns = std::numeric_limits<std::int64_t>::max();
  for (int series = 0; series < 1000; ++series) {
    const Clock::time_point start = Clock::now();
    Clock::time_point last = start;
    for (int reading = 0; reading < kReadings; ++reading) last = Clock::now();
    best_ns = std::min(best_ns, nanoseconds(last - start));
  }
  return static_cast<double>(best_ns) / kReadings;
}

/// A whole run of the world alone.
struct Run {
  std::int64_t wall_ns = std::numeric_limits<std::int64_t>::max();
  std::int64_t virtual_ns = 0;
  std::uint64_t steps = 0;
  std::uint64_t offered = 0;
  std::uint64_t carried = 0;
  std::uint64_t digest = 0;
};

std::uint64_t carried_by(const sim::World& world) {
  std::uint64_t carried = 0;
  const std::uint32_t last = world.node_count() - 1;
  for (std::uint32_t output = 0; output < world.config().nodes[last].fan_out; ++output) {
    for (std::uint32_t flow = 0; flow < world.config().traffic.size(); ++flow) {
      carried += world.delivered(last, output, flow).received;
    }
  }
  return carried;
}

Run run_world(const std::shared_ptr<const sim::WorldConfig>& config, std::uint64_t seed) {
  sim::World world(config);
  sim::Hashed choices(seed);
  sim::Digest digest;
  Run run;
  const std::int64_t start_ns = used_ns();
  for (;; ++run.steps) {
    const sim::Event event = world.step(choices);
    if (event.kind == sim::EventKind::quiet) break;
    digest.add(event);
  }
  run.wall_ns = used_ns() - start_ns;
  run.virtual_ns = world.now().ns;
  run.offered = world.offered();
  run.carried = carried_by(world);
  run.digest = digest.value();
  return run;
}

struct KindCost {
  std::uint64_t steps = 0;
  std::int64_t ns = 0;
};
using KindCosts = std::array<KindCost, kKindNames.size()>;

KindCosts run_by_kind(const std::shared_ptr<const sim::WorldConfig>& config, std::uint64_t seed) {
  sim::World world(config);
  sim::Hashed choices(seed);
  sim::Digest digest;
  KindCosts costs;
  Clock::time_point last = Clock::now();
  for (;;) {
    const sim::Event event = world.step(choices);
    if (event.kind == sim::EventKind::quiet) return costs;
    digest.add(event);
    const Clock::time_point now = Clock::now();
    KindCost& cost = costs[static_cast<std::size_t>(event.kind)];
    ++cost.steps;
    cost.ns += nanoseconds(now - last);
    last = now;
  }
}

/// Of each kind the fastest of some rounds: what this clock sees, other programs take part in.
KindCosts costs_by_kind(const std::shared_ptr<const sim::WorldConfig>& config,
                        const Options& options) {
  KindCosts best = run_by_kind(config, options.seed);
  for (unsigned round = 1; round < options.rounds; ++round) {
    const KindCosts costs = run_by_kind(config, options.seed);
    for (std::size_t kind = 0; kind < costs.size(); ++kind) {
      best[kind].ns = std::min(best[kind].ns, costs[kind].ns);
    }
  }
  return best;
}

ordered_json measure(const lab::Scenario& scenario, const Options& options) {
  const auto config = std::make_shared<const sim::WorldConfig>(scenario.world);
  Run best;
  std::int64_t measured_ns = std::numeric_limits<std::int64_t>::max();
  for (unsigned round = 0; round < options.rounds; ++round) {
    const Run run = run_world(config, options.seed);
    REPRISE_ASSERT(round == 0 || run.digest == best.digest);
    if (run.wall_ns < best.wall_ns) best = run;
    if (options.world_only) continue;
    const std::int64_t start_ns = used_ns();
    const lab::RunResult result = lab::run(scenario, options.seed);
    measured_ns = std::min(measured_ns, used_ns() - start_ns);
    REPRISE_ASSERT(result.digest == best.digest && result.laws_hold);
  }
  const auto offered = static_cast<double>(best.offered);
  const auto wall_ns = static_cast<double>(best.wall_ns);
  ordered_json json{{"scenario", scenario.name},
                    {"offered", best.offered},
                    {"carried", best.carried},
                    {"steps_per_datagram", static_cast<double>(best.steps) / offered},
                    {"offered_per_second", offered * 1e9 / wall_ns},
                    {"carried_per_second", static_cast<double>(best.carried) * 1e9 / wall_ns},
                    {"virtual_per_wall", static_cast<double>(best.virtual_ns) / wall_ns},
                    {"step_ns", wall_ns / static_cast<double>(best.steps)},
                    {"measured_offered_per_second",
                     options.world_only ? 0 : offered * 1e9 / static_cast<double>(measured_ns)},
                    {"digest", fmt::format("{:016x}", best.digest)}};
  const double reading_ns = clock_reading_ns();
  const KindCosts costs = costs_by_kind(config, options);
  for (std::size_t kind = 0; kind < costs.size(); ++kind) {
    if (costs[kind].steps == 0) continue;
    const auto steps = static_cast<double>(costs[kind].steps);
    json["kinds"][kKindNames[kind]] = {
        {"steps_per_datagram", steps / offered},
        {"step_ns", std::max(0.0, static_cast<double>(costs[kind].ns) / steps - reading_ns)}};
  }
  return json;
}

void print_table(const ordered_json& results) {
  const auto millions = [](const ordered_json& row, const char* key) {
    return row[key].get<double>() / 1e6;
  };
  fmt::print("{:<40}{:>10}{:>10}{:>10}{:>10}{:>9}{:>9}\n", "millions of datagrams a second",
             "offered", "carried", "measured", "virt/wall", "steps", "ns/step");
  for (const ordered_json& row : results) {
    fmt::print("{:<40}{:>10.2f}{:>10.2f}{:>10.2f}{:>10.2f}{:>9.2f}{:>9.1f}\n",
               row["scenario"].get<std::string>(), millions(row, "offered_per_second"),
               millions(row, "carried_per_second"), millions(row, "measured_offered_per_second"),
               row["virtual_per_wall"].get<double>(), row["steps_per_datagram"].get<double>(),
               row["step_ns"].get<double>());
  }
  fmt::print("\n{:<40}", "steps a datagram × ns a step");
  for (std::size_t kind = 1; kind < kKindNames.size(); ++kind)
    fmt::print("{:>14}", kKindNames[kind]);
  fmt::print("\n");
  for (const ordered_json& row : results) {
    fmt::print("{:<40}", row["scenario"].get<std::string>());
    for (std::size_t kind = 1; kind < kKindNames.size(); ++kind) {
      const auto found = row["kinds"].find(kKindNames[kind]);
      fmt::print("{:>14}",
                 found == row["kinds"].end()
                     ? "-"
                     : fmt::format("{:.2f} × {:.0f}", (*found)["steps_per_datagram"].get<double>(),
                                   (*found)["step_ns"].get<double>()));
    }
    fmt::print("\n");
  }
}

int run(const Options& options) {
  std::vector<lab::Setting> settings;
  for (const std::string& text : options.settings) {
    const auto setting = lab::parse_setting(text);
    if (!setting) {
      fmt::print(stderr, "bench_simulator: {}\n", setting.error().message);
      return 2;
    }
    settings.push_back(*setting);
  }
  ordered_json results = ordered_json::array();
  for (const std::string& name : options.scenarios) {
    const std::string path =
        name.ends_with(".toml") ? name : "examples/scenarios/" + name + ".toml";
    const auto scenario = lab::load_scenario(path, settings);
    if (!scenario) {
      fmt::print(stderr, "bench_simulator: {}\n", scenario.error().message);
      return 2;
    }
    results.push_back(measure(*scenario, options));
  }
  if (options.json) {
    fmt::print("{}\n", ordered_json{{"rounds", options.rounds}, {"results", results}}.dump());
  } else {
    print_table(results);
  }
  return 0;
}

}  // namespace
}  // namespace reprise::bench

int main(int argument_count, char** arguments) {
  using namespace reprise::bench;
  CLI::App program("How fast the simulation is, on one core", "bench_simulator");
  Options options;
  program.add_option("--scenario", options.scenarios,
                     "names under examples/scenarios, or files (default: the case's)");
  program.add_option("--set", options.settings, "change a key: key=value; repeatable");
  program.add_option("--seed", options.seed, "of all choices (default 1)");
  program.add_option("--rounds", options.rounds, "the fastest counts (default 9)")
      ->check(CLI::Range(1, 1000));
  program.add_flag("--world-only", options.world_only, "not what is measured, for a profile");
  program.add_flag("--json", options.json, "one line of JSON");
  CLI11_PARSE(program, argument_count, arguments);
  return run(options);
}
