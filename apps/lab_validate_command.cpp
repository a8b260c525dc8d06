// reprise-lab validate [GRID]
#include <cerrno>
#include <filesystem>
#include <memory>
#include <system_error>

#include "commands.hpp"
#include "lab_progress.hpp"
#include "reprise/lab/grid_file.hpp"
#include "reprise/trial/calibrate.hpp"
#include "reprise/trial/regression/validation.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

constexpr const char* kDefaultGrid = "examples/scenarios/report_2025_11/emulation.toml";

struct LabValidateArguments {
  std::string grid;
  std::string costs_path;
  std::uint32_t rounds = 9;
  double seconds = 0;  ///< 0: as long as the grid's traffic
  bool json = false;
};

/// The example that comes with the program: from here, beside the build, or installed.
std::string default_grid() {
  std::error_code ignored;
  const auto program = std::filesystem::read_symlink("/proc/self/exe", ignored).parent_path();
  for (const std::filesystem::path& folder :
       {std::filesystem::path(), program.parent_path().parent_path(),
        program.parent_path() / "share/reprise"}) {
    const std::filesystem::path path = folder / kDefaultGrid;
    if (std::filesystem::exists(path, ignored)) return path;
  }
  return kDefaultGrid;
}

engine::Expected<sim::CostProfile> costs_for(const LabValidateArguments& arguments,
                                             const StopSignals& signals) {
  if (!arguments.costs_path.empty()) {
    const auto scenario = lab::parse_scenario("version = 1\n", "costs", {}, arguments.costs_path);
    if (!scenario) return std::unexpected(scenario.error());
    return scenario->world.costs;
  }
  LabProgress progress("costs");
  trial::CalibrateRequest request;
  request.stop = &signals.flag();
  request.progress = [&](std::uint64_t done, std::uint64_t of) { progress.show(done, of); };
  const auto calibration = trial::calibrate(request);
  if (!calibration) return std::unexpected(calibration.error());
  return calibration->costs;
}

double offered_seconds(const lab::GridFile& grid) {
  const sim::TrafficConfig& traffic = grid.rows.front().scenario.world.traffic.front();
  return static_cast<double>(traffic.count) / static_cast<double>(traffic.rate);
}

Exit refuse_or_stop(const engine::Error& error) {
  refuse(error);
  return error.errno_value == EINTR ? Exit::not_held : Exit::wrong;
}

Exit lab_validate(const LabValidateArguments& arguments) {
  auto grid = lab::load_grid(arguments.grid.empty() ? default_grid() : arguments.grid);
  if (!grid) return refuse(grid.error());
  if (auto possible = trial::check_rows(*grid); !possible) return refuse(possible.error());
  if (auto enough = trial::check_cores(); !enough) return refuse(enough.error());
  const StopSignals signals;
  const auto costs = costs_for(arguments, signals);
  if (!costs) return refuse_or_stop(costs.error());
  engine::Expected<trial::Validation> validation;
  {
    LabProgress progress("validate");
    const double seconds = arguments.seconds > 0 ? arguments.seconds : offered_seconds(*grid);
    validation = trial::validate(
        {.grid = std::move(*grid),
         .costs = *costs,
         .rounds = arguments.rounds,
         .seconds = seconds,
         .stop = &signals.flag(),
         .progress = [&](std::uint64_t done, std::uint64_t of) { progress.show(done, of); }});
  }
  if (!validation) return refuse_or_stop(validation.error());
  if (arguments.json) {
    print_json(trial::to_json(*validation));
  } else {
    print_text(trial::to_text(*validation));
  }
  return validation->held() ? Exit::held : Exit::not_held;
}

}  // namespace

void add_lab_validate_command(CLI::App& program, std::function<Exit()>& chosen) {
  constexpr std::uint64_t kRoundsMax = 100;
  auto arguments = std::make_shared<LabValidateArguments>();
  CLI::App* command = program.add_subcommand(
      "validate", "Predict how fast this machine relays, and measure whether it is true");
  command->footer(
      "  reprise-lab validate --rounds 15\n"
      "Runs every row of a grid on the real kernel and in the simulation. One parameter is fitted "
      "on the\nfirst row; the others are predicted, and may be 15 % off in the mean. Makes network "
      "namespaces,\nsends nothing outside and leaves nothing behind. Runs as root, or without "
      "where "
      "user namespaces\nare allowed; needs two cores. Ctrl-C keeps the rounds that have finished.");
  command->add_option("GRID", arguments->grid,
                      std::string("a grid file (TOML; default: ") + kDefaultGrid + ")");
  command->add_option("--rounds", arguments->rounds, "rounds to take medians of (default 9)")
      ->check(whole_number(1, kRoundsMax));
  command
      ->add_option("--seconds", arguments->seconds,
                   "of traffic in each run (default: as the grid says)")
      ->check(seconds(0.05, 30));
  command->add_option("--costs", arguments->costs_path,
                      "take the costs from this file, as calibrate --toml writes it (default: "
                      "measure them first)");
  command->add_flag("--json", arguments->json, "print the result as one line of JSON");
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return lab_validate(*arguments); }; });
}

}  // namespace reprise::apps
