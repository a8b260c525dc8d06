// reprise-lab replay FILE
#include <memory>
#include <string>
#include <utility>

#include "commands.hpp"
#include "lab_progress.hpp"
#include "reprise/lab/flight_replay.hpp"
#include "reprise/lab/replay.hpp"
#include "stop_signals.hpp"

namespace reprise::apps {
namespace {

struct LabReplayArguments {
  std::string path;
  bool goes_on = false;
  bool json = false;
};

/// What a relay in production left behind.
Exit replay_recording(const LabReplayArguments& arguments) {
  const auto replayed = lab::replay_flight(arguments.path);
  if (!replayed) return refuse(replayed.error());
  if (arguments.json) {
    print_json(lab::to_json(*replayed));
  } else {
    print_text(lab::to_text(*replayed));
  }
  return replayed->is_equal() ? Exit::held : Exit::not_held;
}

/// What a simulation left behind.
Exit replay_run(const LabReplayArguments& arguments) {
  auto file = lab::read_run_file(arguments.path);
  if (!file) return refuse(file.error());
  const StopSignals signals;
  engine::Expected<lab::Replay> replayed;
  {
    LabProgress progress("replay");
    progress.show(0, 1);
    lab::ReplayOptions options;
    options.goes_on = arguments.goes_on;
    options.is_silent = arguments.json;
    options.run.stop = &signals.flag();
    options.run.progress = [&](std::uint64_t done, std::uint64_t of) { progress.show(done, of); };
    replayed = lab::replay(std::move(*file), options);
  }
  if (!replayed) return refuse(replayed.error());
  if (arguments.json) {
    print_json(lab::to_json(*replayed));
  } else {
    print_text(lab::to_text(*replayed));
  }
  return replayed->held() ? Exit::held : Exit::not_held;
}

Exit lab_replay(const LabReplayArguments& arguments) {
  return lab::is_flight_recording(arguments.path) ? replay_recording(arguments)
                                                  : replay_run(arguments);
}

}  // namespace

void add_lab_replay_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<LabReplayArguments>();
  CLI::App* command =
      program.add_subcommand("replay", "Repeat a recorded run, or a relay's flight recording");
  command->footer(
      "  reprise-lab replay tests/lab/run_files/timed.toml\n"
      "Status 0: reproduced, 1: it went another way, 2: the file cannot be read.");
  command
      ->add_option("FILE", arguments->path,
                   "a run file, as run --record leaves it, or a flight recording")
      ->required();
  command->add_flag("--continue", arguments->goes_on,
                    "a run file: go on beyond the first divergence, with the picks that fit");
  command->add_flag("--json", arguments->json, "print the result as one line of JSON");
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return lab_replay(*arguments); }; });
}

}  // namespace reprise::apps
