// reprise-lab run SCENARIO
#include <limits>
#include <memory>
#include <optional>

#include "commands.hpp"
#include "lab_progress.hpp"
#include "reprise/lab/run.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

struct LabRunArguments {
  std::string scenario;
  std::string costs_path;
  std::string profile_path;
  std::vector<std::string> settings;
  std::optional<std::uint64_t> seed;
  bool json = false;
};

Exit lab_run(const LabRunArguments& arguments) {
  std::vector<lab::Setting> settings;
  for (const std::string& text : arguments.settings) {
    const auto setting = lab::parse_setting(text);
    if (!setting) return refuse(setting.error());
    settings.push_back(*setting);
  }
  const auto scenario = lab::load_scenario(arguments.scenario, settings, arguments.costs_path,
                                           arguments.profile_path);
  if (!scenario) return refuse(scenario.error());
  const StopSignals signals;
  LabProgress progress(scenario->name);
  lab::RunControl control{&signals.flag(),
                          [&](std::uint64_t done, std::uint64_t of) { progress.show(done, of); }};
  const lab::RunResult result =
      lab::run(*scenario, arguments.seed.value_or(scenario->seed), control);
  if (arguments.json) {
    print_json(lab::to_json(result));
  } else {
    print_text(lab::to_text(result));
  }
  return result.laws_hold && result.complete ? Exit::held : Exit::not_held;
}

}  // namespace

void add_lab_run_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<LabRunArguments>();
  CLI::App* command = program.add_subcommand("run", "Simulate one scenario");
  command->footer("  reprise-lab run examples/scenarios/poisson.toml --seed 7 --set pool=256");
  command->add_option("SCENARIO", arguments->scenario, "a scenario file (TOML)")->required();
  command
      ->add_option("--seed", arguments->seed,
                   "seed of all choices (default: the scenario's, else 1)")
      ->check(whole_number(0, std::numeric_limits<std::uint64_t>::max()));
  command->add_option("--set", arguments->settings, "change a key: key=value; repeatable")
      ->allow_extra_args(false);
  command->add_option("--costs", arguments->costs_path,
                      "take the costs from this file, as calibrate --toml writes it");
  command->add_option("--profile", arguments->profile_path,
                      "take the kernel from this profile, as in profiles/");
  command->add_flag("--json", arguments->json, "print the result as one line of JSON");
  command->callback([arguments, &chosen] { chosen = [arguments] { return lab_run(*arguments); }; });
}

}  // namespace reprise::apps
