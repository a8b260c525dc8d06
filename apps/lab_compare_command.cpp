// reprise-lab compare SCENARIO --vary key=a,b
#include <fmt/format.h>

#include <limits>
#include <memory>
#include <optional>

#include "commands.hpp"
#include "lab_progress.hpp"
#include "reprise/lab/compare.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

struct LabCompareArguments {
  std::string scenario;
  std::string costs_path;
  std::string profile_path;
  std::vector<std::string> variations;
  std::vector<std::string> settings;
  std::optional<std::uint64_t> seed;
  bool json = false;
};

Exit lab_compare(const LabCompareArguments& arguments) {
  lab::CompareRequest request;
  request.scenario_path = arguments.scenario;
  request.costs_path = arguments.costs_path;
  request.profile_path = arguments.profile_path;
  request.seed = arguments.seed;
  for (const std::string& text : arguments.settings) {
    const auto setting = lab::parse_setting(text);
    if (!setting) return refuse(setting.error());
    request.settings.push_back(*setting);
  }
  for (const std::string& text : arguments.variations) {
    const auto variation = lab::parse_variation(text);
    if (!variation) return refuse(variation.error());
    request.variations.push_back(*variation);
  }
  const StopSignals signals;
  LabProgress progress("compare");
  lab::RunControl control{&signals.flag(),
                          [&](std::uint64_t done, std::uint64_t of) { progress.show(done, of); }};
  const auto compared = lab::compare(request, control);
  if (!compared) return refuse(compared.error());
  if (arguments.json) {
    print_json(lab::to_json(*compared));
  } else {
    print_text(lab::to_text(*compared));
  }
  return compared->held() ? Exit::held : Exit::not_held;
}

}  // namespace

void add_lab_compare_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<LabCompareArguments>();
  CLI::App* command =
      program.add_subcommand("compare", "Simulate a scenario at every point of a grid");
  command->footer(
      "  reprise-lab compare examples/scenarios/poisson.toml --vary policy=synchronous,deferred");
  command->add_option("SCENARIO", arguments->scenario, "a scenario file (TOML)")->required();
  command
      ->add_option("--vary", arguments->variations,
                   "key=value,value,…; repeatable: every combination is run")
      ->required()
      ->allow_extra_args(false);
  command
      ->add_option("--set", arguments->settings,
                   "change a key at every point: key=value; repeatable")
      ->allow_extra_args(false);
  command
      ->add_option("--seed", arguments->seed,
                   "seed of all choices (default: the scenario's, else 1)")
      ->check(whole_number(0, std::numeric_limits<std::uint64_t>::max()));
  command->add_option("--costs", arguments->costs_path,
                      "take the costs from this file, as calibrate --toml writes it");
  command->add_option("--profile", arguments->profile_path,
                      "take the kernel from this profile, as in profiles/");
  command->add_flag("--json", arguments->json, "print the results as one line of JSON");
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return lab_compare(*arguments); }; });
}

}  // namespace reprise::apps
