// The case on the real kernel: the two-thread pipeline under overload, policies × hazards, beside
// what the simulation says for the same loops with costs that were measured just before.
//
// Two layouts, because a small machine has too few cores for a generator, two threads of a relay
// and a sink:
//   two cores  the ingress stage is fed from memory at a fixed rate (memory_source.hpp) on one
//              core; the egress stage sends on the other one, on the real kernel, into a namespace
//   one core   both threads share one core, as the historic relay's did; a generator in a namespace
//              of its own sends to its packet socket from the other core
// Nothing is sent outside the namespaces that this program makes. Rounds are interleaved; the
// table shows medians.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "regression_cases.hpp"
#include "regression_figures.hpp"
#include "regression_real.hpp"
#include "reprise/lab/run.hpp"
#include "reprise/lab/scenario.hpp"
#include "reprise/trial/calibrate.hpp"

namespace reprise::bench {
namespace {

Figures run_simulated(const Case& tried, const Options& options, const sim::CostProfile& costs,
                      double offered_per_second) {
  lab::Scenario scenario;
  scenario.name = tried.name;
  sim::WorldConfig& world = scenario.world;
  world.costs = costs;
  sim::NodeConfig& node = world.nodes[0];
  node.stage = tried.stage;
  node.threads = 2;
  node.egress_core = tried.layout == Layout::two_cores ? 1 : 0;
  node.completions_max = 2 * tried.stage.submissions_max;
  if (tried.send_buffer_bytes > 0) node.send_buffer_bytes = 2 * tried.send_buffer_bytes;
  node.receive_buffer_bytes = 2 * (4U << 20U);
  if (tried.layout == Layout::two_cores) world.costs.receive_ns = kMemorySourceFrameNs;
  world.traffic[0].rate = static_cast<std::uint64_t>(offered_per_second);
  world.traffic[0].payload_bytes = options.payload_bytes;
  world.traffic[0].count =
      static_cast<std::uint64_t>(offered_per_second * std::min(options.seconds, 1.0));
  const lab::RunResult result = lab::run(scenario, 1, {&interrupted, {}});
  const lab::HopResult& hop = result.hops[0];
  const auto duration = static_cast<double>(std::max<std::int64_t>(result.duration_ns, 1));
  Figures figures;
  figures.egress_per_second = static_cast<double>(hop.sent) * 1e9 / duration;
  figures.offered_per_second = static_cast<double>(hop.arrived) * 1e9 / duration;
  figures.refused_fraction = 1 - static_cast<double>(hop.sent) /
                                     static_cast<double>(std::max<std::uint64_t>(hop.arrived, 1));
  for (std::size_t place = 0; place < lab::kPlaceCount; ++place) {
    figures.census[std::string(lab::kPlaceNames[place])] =
        static_cast<double>(hop.place_times[place]) / duration;
  }
  figures.outstanding = static_cast<double>(hop.outstanding_integral) / duration;
  figures.in_flight = figures.census["in_flight"] + figures.census["completed"];
  return figures;
}

Expected<sim::CostProfile> costs_for(const Options& options) {
  if (!options.costs_file.empty()) {
    const auto scenario = lab::parse_scenario("version = 1\n", "bench", {}, options.costs_file);
    if (!scenario) return std::unexpected(scenario.error());
    return scenario->world.costs;
  }
  trial::CalibrateRequest request;
  request.stop = &interrupted;
  request.progress = [](std::uint64_t done, std::uint64_t of) {
    fmt::print(stderr, "\rmeasuring costs: {} of {} ", done, of);
  };
  const auto calibration = trial::calibrate(request);
  fmt::print(stderr, "\n");
  if (!calibration) return std::unexpected(calibration.error());
  return calibration->costs;
}

int run(const Options& options) {
  std::vector<Case> cases = all_cases();
  if (!options.only.empty()) {
    std::erase_if(cases, [&](const Case& tried) {
      return tried.name.find(options.only) == std::string::npos;
    });
  }
  if (cases.empty()) {
    fmt::print(stderr, "bench_regression: --only \"{}\": no such case\n", options.only);
    return 2;
  }
  const auto costs = costs_for(options);
  if (!costs) {
    fmt::print(stderr, "bench_regression: {}\n", costs.error().message);
    return 1;
  }
  std::vector<std::vector<Figures>> rounds(cases.size());
  for (unsigned round = 0; round < options.rounds; ++round) {
    for (std::size_t index = 0; index < cases.size() && !interrupted; ++index) {
      fmt::print(stderr, "round {} of {}: {}\n", round + 1, options.rounds, cases[index].name);
      const auto figures = run_real(cases[index], options);
      if (!figures) {
        fmt::print(stderr, "bench_regression: {}\n", figures.error().message);
        return 1;
      }
      rounds[index].push_back(*figures);
    }
  }
  ordered_json results{{"payload_bytes", options.payload_bytes},
                       {"seconds", options.seconds},
                       {"rounds", options.rounds},
                       {"results", ordered_json::array()}};
  for (std::size_t index = 0; index < cases.size(); ++index) {
    if (rounds[index].empty()) continue;  // interrupted
    const Figures real = median_of(rounds[index]);
    std::vector<double> rates;
    for (const Figures& figures : rounds[index]) rates.push_back(figures.egress_per_second);
    results["results"].push_back(
        {{"case", cases[index].name},
         {"layout", cases[index].layout == Layout::two_cores ? "two cores" : "one core"},
         {"real", to_json(real)},
         {"least_per_second", std::ranges::min(rates)},
         {"most_per_second", std::ranges::max(rates)},
         {"simulated",
          to_json(run_simulated(cases[index], options, *costs, real.offered_per_second))}});
  }
  if (options.json) {
    fmt::print("{}\n", results.dump());
  } else {
    print_table(results);
  }
  return interrupted ? 1 : 0;
}

}  // namespace
}  // namespace reprise::bench

int main(int argument_count, char** arguments) {
  using namespace reprise::bench;
  CLI::App program("The two-thread pipeline under overload, real and simulated",
                   "bench_regression");
  Options options;
  program.add_option("--seconds", options.seconds, "of traffic in one run (default 1)")
      ->check(CLI::Range(0.05, 30.0));
  program.add_option("--rounds", options.rounds, "of every case, interleaved (default 3)")
      ->check(CLI::Range(1, 100));
  program.add_option("--rate", options.rate, "offered, two cores (default 690000)");
  program.add_option("--generator-rate", options.generator_rate,
                     "asked of the generator, one core (default 400000)");
  program.add_option("--payload", options.payload_bytes, "bytes (default 1400)")
      ->check(CLI::Range(16, 1472));
  program.add_option("--only", options.only, "cases whose name contains this");
  program.add_option("--costs", options.costs_file,
                     "of the simulation, as reprise-lab calibrate --toml writes them (default: "
                     "measured first)");
  program.add_flag("--json", options.json, "one line of JSON");
  CLI11_PARSE(program, argument_count, arguments);
  std::signal(SIGINT, [](int) { interrupted = true; });
  return run(options);
}
