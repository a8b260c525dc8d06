// reprise-lab swarm SCENARIO --seeds A..B
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <memory>
#include <optional>

#include "commands.hpp"
#include "lab_call.hpp"
#include "reprise/lab/swarm.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

using Clock = std::chrono::steady_clock;

struct LabSwarmArguments {
  lab::SwarmRequest request;
  LabCall call;
  std::string seeds;
  std::string shard;
  std::optional<std::uint64_t> shards;
  std::vector<std::string> merged;
};

/// Runs, failures, coverage and rate, on standard error: drawn over itself on a terminal, else a
/// line now and then, for the log of a long campaign.
class SwarmProgress {
 public:
  SwarmProgress() = default;
  SwarmProgress(const SwarmProgress&) = delete;
  SwarmProgress& operator=(const SwarmProgress&) = delete;
  ~SwarmProgress() {
    if (is_drawn_) print_note("\r\033[K");
  }

  void show(const lab::SwarmResult& so_far) {
    const auto now = Clock::now();
    const bool is_terminal = has_terminal();
    const auto pause = is_terminal ? std::chrono::milliseconds(100) : std::chrono::seconds(30);
    if (now - last_ < pause) return;
    last_ = now;
    const double seconds = std::chrono::duration<double>(now - start_).count();
    const std::string line = fmt::format(
        "swarm: {} of {} runs, {} failed; {} alternatives at {} pick sites; {:.1f} runs/s",
        so_far.runs(), lab::count(so_far.asked), so_far.failed, so_far.coverage.seen(),
        so_far.coverage.sites_asked(), static_cast<double>(so_far.runs()) / seconds);
    print_note(is_terminal ? "\r\033[K" + line : line + "\n");
    is_drawn_ = is_terminal;
  }

 private:
  Clock::time_point start_ = Clock::now();
  Clock::time_point last_ = start_;
  bool is_drawn_ = false;
};

Exit report(const lab::SwarmResult& result, bool json) {
  if (json) {
    print_json(lab::to_json(result));
  } else {
    print_text(lab::to_text(result));
  }
  if (result.save_error) print_note("reprise-lab: " + result.save_error->message + "\n");
  return result.held() && !result.save_error ? Exit::held : Exit::not_held;
}

Exit merge_results(const LabSwarmArguments& arguments) {
  std::optional<lab::SwarmResult> all;
  for (const std::string& path : arguments.merged) {
    auto result = lab::read_swarm_result(path);
    if (!result) return refuse(result.error());
    if (!all) {
      all = std::move(*result);
    } else if (const auto done = lab::merge(*all, *result, path); !done) {
      return refuse(done.error());
    }
  }
  return report(*all, arguments.call.json);
}

engine::Expected<lab::Shard> shard_of(const LabSwarmArguments& arguments) {
  if (!arguments.shard.empty()) return lab::parse_shard(arguments.shard);
  return lab::shard_from_environment(arguments.shards,
                                     [](const char* name) { return std::getenv(name); });
}

Exit lab_swarm(const LabSwarmArguments& arguments) {
  if (!arguments.merged.empty()) return merge_results(arguments);
  lab::SwarmRequest request = arguments.request;
  request.costs_path = arguments.call.costs_path;
  request.profile_path = arguments.call.profile_path;
  const auto settings = settings_of(arguments.call);
  if (!settings) return refuse(settings.error());
  request.settings = *settings;
  const auto seeds = lab::parse_seed_range(arguments.seeds);
  if (!seeds) return refuse(seeds.error());
  request.seeds = *seeds;
  const auto shard = shard_of(arguments);
  if (!shard) return refuse(shard.error());
  request.shard = *shard;
  if (shard->count > 1) {
    print_note(fmt::format("reprise-lab: shard {} of {} ({}), {} seeds\n", shard->index + 1,
                           shard->count, shard->source, lab::part_of(*seeds, *shard).count()));
  }
  const StopSignals signals;
  engine::Expected<lab::SwarmResult> result;
  {
    SwarmProgress progress;
    result = lab::swarm(request, {arguments.call.jobs, &signals.flag(),
                                  [&](const lab::SwarmResult& so_far) { progress.show(so_far); }});
  }
  if (!result) return refuse(result.error());
  return report(*result, arguments.call.json);
}

}  // namespace

void add_lab_swarm_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<LabSwarmArguments>();
  CLI::App* command = program.add_subcommand(
      "swarm", "Simulate a scenario under many seeds, here or on a cluster, and check each run");
  command->footer(
      "  reprise-lab swarm examples/scenarios/faults.toml --seeds 1..1000\n"
      "  reprise-lab swarm --merge shard1.json shard2.json\n"
      "As a task of a Slurm array or a Kubernetes indexed job it takes its shard of the seeds by "
      "itself;\nunder GNU parallel with --shards N. docs/SWARM.md and examples/swarm show each.");
  CLI::Option* scenario =
      command->add_option("SCENARIO", arguments->request.scenario_path, "a scenario file (TOML)");
  CLI::Option* seeds =
      command->add_option("--seeds", arguments->seeds, "FIRST..LAST, both included");
  CLI::Option* merged = command->add_option("--merge", arguments->merged,
                                            "instead: one result of these files of --json");
  merged->excludes(scenario)->excludes(seeds);
  CLI::Option* shard = command->add_option(
      "--shard", arguments->shard, "only the i-th of n parts of the seeds: i/n, from 1/n to n/n");
  command
      ->add_option("--shards", arguments->shards,
                   "how many parts there are, where the environment says which one this is")
      ->check(whole_number(1, 1'000'000))
      ->excludes(shard);
  command->add_option("--save-failures", arguments->request.save_folder,
                      "write a run file of each run that fails into this folder");
  add_lab_options(*command, arguments->call);
  command->callback([arguments, &chosen, scenario, seeds, merged] {
    if (merged->count() == 0) {
      for (const CLI::Option* needed : {scenario, seeds}) {
        if (needed->count() == 0) throw CLI::RequiredError(needed->get_name());
      }
    }
    chosen = [arguments] { return lab_swarm(*arguments); };
  });
}

}  // namespace reprise::apps
