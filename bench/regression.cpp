// The case on the real kernel: the two-thread pipeline under overload, policies × hazards, beside
// what the simulation says for the same loops with costs that were measured just before.
//
// The pipeline and its layouts are those of trial/regression/real_pipeline.hpp. Rounds are
// interleaved; the table shows medians.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <string>
#include <vector>

#include "regression_cases.hpp"
#include "regression_table.hpp"
#include "reprise/lab/scenario.hpp"
#include "reprise/trial/calibrate.hpp"
#include "reprise/trial/regression/real_pipeline.hpp"
#include "reprise/trial/regression/simulated_pipeline.hpp"

namespace reprise::bench {
namespace {

using engine::Expected;
using trial::PipelineFigures;

std::atomic<bool> interrupted = false;

struct Options {
  double seconds = 1.0;  ///< of traffic in one run
  unsigned rounds = 3;
  std::uint64_t rate = 690'000;            ///< two cores
  std::uint64_t generator_rate = 400'000;  ///< one core, asked for
  std::uint32_t payload_bytes = 1400;
  std::string only;
  std::string costs_file;
  bool json = false;
};

trial::PipelineLoad load_of(const Case& tried, const Options& options) {
  return {.seconds = options.seconds,
          .rate = tried.layout == Layout::two_cores ? options.rate : options.generator_rate,
          .payload_bytes = options.payload_bytes};
}

/// With as much offered as the real one got.
PipelineFigures run_simulated(const Case& tried, const Options& options,
                              const sim::CostProfile& costs, double offered_per_second) {
  trial::PipelineLoad load = load_of(tried, options);
  load.rate = static_cast<std::uint64_t>(offered_per_second);
  return trial::simulate(trial::scenario_of(tried, load, costs), interrupted);
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
  std::vector<std::vector<PipelineFigures>> rounds(cases.size());
  for (unsigned round = 0; round < options.rounds; ++round) {
    for (std::size_t index = 0; index < cases.size() && !interrupted; ++index) {
      fmt::print(stderr, "round {} of {}: {}\n", round + 1, options.rounds, cases[index].name);
      const auto figures =
          trial::run_real(cases[index], load_of(cases[index], options), interrupted);
      if (!figures && interrupted) break;
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
    const PipelineFigures real = trial::median_of(rounds[index]);
    std::vector<double> rates;
    for (const PipelineFigures& figures : rounds[index]) rates.push_back(figures.egress_per_second);
    results["results"].push_back(
        {{"case", cases[index].name},
         {"layout", cases[index].layout == Layout::two_cores ? "two cores" : "one core"},
         {"real", trial::to_json(real)},
         {"least_per_second", std::ranges::min(rates)},
         {"most_per_second", std::ranges::max(rates)},
         {"simulated",
          trial::to_json(run_simulated(cases[index], options, *costs, real.offered_per_second))}});
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
