// reprise-lab shrink FILE -o SMALLER
#include <limits>
#include <memory>
#include <optional>
#include <string>

#include "commands.hpp"
#include "lab_progress.hpp"
#include "reprise/lab/shrink.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

struct LabShrinkArguments {
  std::string path;
  std::string output;
  std::uint64_t attempts_max = lab::ShrinkOptions{}.attempts_max;
  bool necessary = false;
  bool json = false;
};

/// Shrinks `file` in place and writes what is left.
engine::Expected<lab::Shrunk> shrink_to(lab::RunFile& file, const LabShrinkArguments& arguments,
                                        const lab::ShrinkOptions& options) {
  auto shrunk = lab::shrink(file, options);
  if (!shrunk) return shrunk;
  if (auto done = lab::write_run_file(shrunk->file, arguments.output, "-o"); !done)
    return std::unexpected(done.error());
  file = shrunk->file;
  return shrunk;
}

Exit lab_shrink(const LabShrinkArguments& arguments) {
  if (arguments.output.empty() && !arguments.necessary)
    return refuse({"shrink: expected -o SMALLER, --necessary or both"});
  auto file = lab::read_run_file(arguments.path);
  if (!file) return refuse(file.error());
  const StopSignals signals;
  std::optional<lab::Shrunk> shrunk;
  std::optional<lab::Necessary> necessary;
  {
    LabProgress progress("shrink");
    const lab::ShrinkOptions options{
        arguments.attempts_max, &signals.flag(),
        [&](std::uint64_t attempts, std::uint64_t of) { progress.show(attempts, of); }};
    if (!arguments.output.empty()) {
      auto done = shrink_to(*file, arguments, options);
      if (!done) return refuse(done.error());
      shrunk = std::move(*done);
    }
    if (arguments.necessary && !signals.flag()) {
      auto done = lab::necessary_picks(*file, options);
      if (!done) return refuse(done.error());
      necessary = std::move(*done);
    }
  }
  if (arguments.json) {
    nlohmann::ordered_json json{{"shrunk", nullptr}, {"necessary", nullptr}};
    if (shrunk) json["shrunk"] = lab::to_json(*shrunk);
    if (necessary) json["necessary"] = lab::to_json(*necessary);
    print_json(json);
  } else {
    if (shrunk) print_text(lab::to_text(*shrunk));
    if (necessary) print_text(lab::to_text(*necessary));
  }
  const bool is_complete =
      (!shrunk || shrunk->complete) && (!arguments.necessary || (necessary && necessary->complete));
  return is_complete ? Exit::held : Exit::not_held;
}

}  // namespace

void add_lab_shrink_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<LabShrinkArguments>();
  CLI::App* command =
      program.add_subcommand("shrink", "Find a smaller run that fails as a recorded one did");
  command->footer(
      "  reprise-lab shrink reprise-run-7.toml -o smaller.toml --necessary\n"
      "Ctrl-C keeps the smallest run so far. Status 1: it stopped early.");
  command->add_option("FILE", arguments->path, "a run file in which something failed")->required();
  command->add_option("-o,--output", arguments->output, "write the smaller run to this file");
  command->add_flag("--necessary", arguments->necessary,
                    "list the picks without which the failure vanishes (of the smaller run)");
  command
      ->add_option("--attempts", arguments->attempts_max,
                   "try at most so many runs (default: 2000)")
      ->check(whole_number(1, std::numeric_limits<std::uint64_t>::max()));
  command->add_flag("--json", arguments->json, "print the result as one line of JSON");
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return lab_shrink(*arguments); }; });
}

}  // namespace reprise::apps
