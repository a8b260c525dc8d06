// reprise-lab compare SCENARIO --vary key=a,b
#include <memory>

#include "commands.hpp"
#include "lab_call.hpp"
#include "lab_pictures.hpp"
#include "lab_progress.hpp"
#include "reprise/lab/compare.hpp"
#include "stop_signals.hpp"

namespace reprise::apps {
namespace {

struct LabCompareArguments {
  std::string scenario;
  LabCall call;
  std::uint32_t series_points = 0;
};

Exit lab_compare(const LabCompareArguments& arguments) {
  const auto settings = settings_of(arguments.call);
  if (!settings) return refuse(settings.error());
  const auto variations = variations_of(arguments.call);
  if (!variations) return refuse(variations.error());
  const lab::CompareRequest request{.scenario_path = arguments.scenario,
                                    .costs_path = arguments.call.costs_path,
                                    .profile_path = arguments.call.profile_path,
                                    .settings = *settings,
                                    .variations = *variations,
                                    .seed = arguments.call.seed,
                                    .series_points = arguments.series_points};
  const StopSignals signals;
  engine::Expected<lab::Comparison> compared;
  {
    LabProgress progress("compare");
    compared = lab::compare(request, {.jobs = arguments.call.jobs,
                                      .stop = &signals.flag(),
                                      .progress = [&](std::uint64_t done, std::uint64_t of) {
                                        progress.show(done, of);
                                      }});
  }
  if (!compared) return refuse(compared.error());
  if (arguments.call.json) {
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
      "  reprise-lab compare examples/scenarios/poisson.toml --vary policy=synchronous,deferred\n"
      "Ctrl-C keeps the points that have finished.");
  command->add_option("SCENARIO", arguments->scenario, "a scenario file (TOML)")->required();
  add_vary_option(*command, arguments->call)->required();
  add_seed_option(*command, arguments->call);
  add_lab_options(*command, arguments->call);
  add_series_flag(*command, arguments->series_points);
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return lab_compare(*arguments); }; });
}

}  // namespace reprise::apps
