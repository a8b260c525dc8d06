// reprise-lab explain FROM TO
#include <memory>

#include "commands.hpp"
#include "lab_call.hpp"
#include "lab_progress.hpp"
#include "reprise/lab/explain.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

struct LabExplainArguments {
  lab::ExplainRequest request;
  LabCall call;
};

Exit lab_explain(const LabExplainArguments& arguments) {
  const auto settings = settings_of(arguments.call);
  if (!settings) return refuse(settings.error());
  lab::ExplainRequest request = arguments.request;
  request.costs_path = arguments.call.costs_path;
  request.profile_path = arguments.call.profile_path;
  request.settings = *settings;
  request.seed = arguments.call.seed;
  const StopSignals signals;
  engine::Expected<lab::Explanation> explained;
  {
    LabProgress progress("explain");
    explained = lab::explain(request, {.jobs = arguments.call.jobs,
                                       .stop = &signals.flag(),
                                       .progress = [&](std::uint64_t done, std::uint64_t of) {
                                         progress.show(done, of);
                                       }});
  }
  if (!explained) return refuse(explained.error());
  if (arguments.call.json) {
    print_json(lab::to_json(*explained));
  } else {
    print_text(lab::to_text(*explained));
  }
  return explained->held() ? Exit::held : Exit::not_held;
}

}  // namespace

void add_lab_explain_command(CLI::App& program, std::function<Exit()>& chosen) {
  constexpr std::uint64_t kSeedsMax = 10'000;
  auto arguments = std::make_shared<LabExplainArguments>();
  CLI::App* command = program.add_subcommand(
      "explain", "Which differences between two scenarios change a metric, and by how much");
  command->footer(
      "  reprise-lab explain before.toml after.toml\n"
      "Simulates every mix of the two. With more than 10 differences, delta debugging first finds "
      "those\nthat carry 90 % of the change. docs/EXPLAIN.md says what the figures are.");
  command->add_option("FROM", arguments->request.from_path, "a scenario file (TOML)")->required();
  command->add_option("TO", arguments->request.to_path, "the scenario to explain")->required();
  command->add_option("--metric", arguments->request.metric,
                      "ns_per_datagram (default), or a number of a run's JSON result");
  add_seed_option(*command, arguments->call);
  command
      ->add_option("--seeds", arguments->request.seeds,
                   "so many seeds from the first one on; values are their mean (default 1)")
      ->check(whole_number(1, kSeedsMax));
  add_lab_options(*command, arguments->call);
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return lab_explain(*arguments); }; });
}

}  // namespace reprise::apps
