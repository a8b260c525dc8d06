// reprise-lab run SCENARIO
#include <fmt/format.h>

#include <limits>
#include <memory>
#include <optional>

#include "commands.hpp"
#include "lab_pictures.hpp"
#include "lab_progress.hpp"
#include "reprise/lab/expectation.hpp"
#include "reprise/lab/recorded_run.hpp"
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
  std::string record_path;
  LabPictureArguments pictures;
  bool json = false;
};

/// Keeps the run where it was asked for, and one that failed in any case. Where: empty, if nowhere.
engine::Expected<std::string> keep(const lab::RunFile& file, const LabRunArguments& arguments) {
  const bool failed = !file.failures.empty() && file.complete;
  if (arguments.record_path.empty() && !failed) return {};
  std::string path = arguments.record_path.empty() ? lab::run_file_name(file.scenario.seed)
                                                   : arguments.record_path;
  if (auto done = lab::write_run_file(file, path); !done) return std::unexpected(done.error());
  if (failed)
    print_note(fmt::format("the run is kept in {}; see: reprise-lab replay {}\n", path, path));
  return path;
}

/// Prints the result. Status of the run alone.
Exit tell(const lab::RecordedRun& run, const std::vector<lab::Expectation>& expected,
          const std::string& kept_in, bool as_json) {
  const auto expectations = lab::check(expected, run.result);
  if (as_json) {
    nlohmann::ordered_json json = lab::to_json(run.result);
    json["expectations"] = lab::to_json(expectations);
    if (!kept_in.empty()) json["run_file"] = kept_in;
    print_json(json);
  } else {
    print_text(lab::to_text(run.result) + lab::to_text(expectations));
  }
  return lab::all_held(expectations) && run.result.complete ? Exit::held : Exit::not_held;
}

Exit lab_run(const LabRunArguments& arguments) {
  std::vector<lab::Setting> settings;
  for (const std::string& text : arguments.settings) {
    const auto setting = lab::parse_setting(text);
    if (!setting) return refuse(setting.error());
    settings.push_back(*setting);
  }
  auto scenario = lab::read_scenario(arguments.scenario, settings, arguments.costs_path,
                                     arguments.profile_path);
  if (!scenario) return refuse(scenario.error());
  scenario->seed = arguments.seed.value_or(scenario->seed);
  const auto resolved = lab::resolve(*scenario);
  if (!resolved) return refuse(resolved.error());
  auto pictures = LabPictures::open(arguments.pictures, resolved->name, resolved->seed);
  if (!pictures) return refuse(pictures.error());
  const StopSignals signals;
  LabProgress progress(resolved->name);
  lab::RecordControl control;
  control.run.stop = &signals.flag();
  control.run.progress = [&](std::uint64_t done, std::uint64_t of) { progress.show(done, of); };
  control.on_assertion = [&](const lab::RecordedRun& run) {
    if (const auto kept = keep(run.file, arguments); !kept) refuse(kept.error());
  };
  pictures->attach(control.run);
  const auto run = lab::record_run(*scenario, {}, control);
  if (!run) return refuse(run.error());
  const auto kept_in = keep(run->file, arguments);
  const Exit held = tell(*run, resolved->expectations, kept_in.value_or(""), arguments.json);
  if (!kept_in) return refuse(kept_in.error());
  const auto pictures_closed = pictures->close();
  if (!pictures_closed) return refuse(pictures_closed.error());
  return held;
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
  command->add_option("--record", arguments->record_path,
                      "keep the run in this file, for replay and shrink; one that fails is kept "
                      "in any case, as reprise-run-SEED.toml");
  add_picture_flags(*command, arguments->pictures);
  command->add_flag("--json", arguments->json, "print the result as one line of JSON");
  command->callback([arguments, &chosen] { chosen = [arguments] { return lab_run(*arguments); }; });
}

}  // namespace reprise::apps
