// reprise-lab size SCENARIO --of pool
#include <memory>

#include "commands.hpp"
#include "lab_call.hpp"
#include "lab_progress.hpp"
#include "reprise/lab/size.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

struct LabSizeArguments {
  lab::SizeRequest request;
  LabCall call;
};

Exit lab_size(const LabSizeArguments& arguments) {
  const auto settings = settings_of(arguments.call);
  if (!settings) return refuse(settings.error());
  const auto variations = variations_of(arguments.call);
  if (!variations) return refuse(variations.error());
  lab::SizeRequest request = arguments.request;
  request.costs_path = arguments.call.costs_path;
  request.profile_path = arguments.call.profile_path;
  request.settings = *settings;
  request.variations = *variations;
  request.seed = arguments.call.seed;
  const StopSignals signals;
  engine::Expected<lab::Frontier> frontier;
  {
    LabProgress progress("size");
    frontier = lab::size(request, {.jobs = arguments.call.jobs,
                                   .stop = &signals.flag(),
                                   .progress = [&](std::uint64_t done, std::uint64_t of) {
                                     progress.show(done, of);
                                   }});
  }
  if (!frontier) return refuse(frontier.error());
  if (arguments.call.json) {
    print_json(lab::to_json(*frontier));
  } else {
    print_text(lab::to_text(*frontier));
  }
  return frontier->held() ? Exit::held : Exit::not_held;
}

}  // namespace

void add_lab_size_command(CLI::App& program, std::function<Exit()>& chosen) {
  constexpr std::uint64_t kSeedsMax = 10'000;
  auto arguments = std::make_shared<LabSizeArguments>();
  CLI::App* command = program.add_subcommand(
      "size", "The smallest pool, ring, batch or socket buffer that refuses nothing");
  command->footer(
      "  reprise-lab size examples/scenarios/pool_threshold.toml --vary "
      "policy=synchronous,deferred\n"
      "Found by simulating, and checked one below and several above; not proved. Exit status 1: "
      "even the\nlargest value refuses something. docs/SIZE.md says what counts as refused.");
  command->add_option("SCENARIO", arguments->request.scenario_path, "a scenario file (TOML)")
      ->required();
  command->add_option("--of", arguments->request.of, "what to size (default: pool)")
      ->check(one_of(lab::kSizedKeys));
  add_vary_option(*command, arguments->call);
  add_seed_option(*command, arguments->call);
  command
      ->add_option("--seeds", arguments->request.seeds,
                   "so many seeds from the first one on, none of which may refuse (default 1)")
      ->check(whole_number(1, kSeedsMax));
  add_lab_options(*command, arguments->call);
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return lab_size(*arguments); }; });
}

}  // namespace reprise::apps
