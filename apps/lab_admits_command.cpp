// reprise-lab admits
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "commands.hpp"
#include "reprise/lab/kernel_profile_file.hpp"
#include "reprise/trial/differential/beliefs.hpp"
#include "reprise/trial/differential/trace_json.hpp"

namespace reprise::apps {
namespace {

struct LabAdmitsArguments {
  std::string trace;
  std::string profile;
  bool json = false;
};

Exit lab_admits(const LabAdmitsArguments& arguments) {
  const auto trace = trial::read_trace(arguments.trace);
  if (!trace) return refuse(trace.error());
  if (const auto known = trial::check(*trace); !known) return refuse(known.error());
  sim::KernelProfile profile = trial::profile_of(trace->setup);
  if (!arguments.profile.empty()) {
    const auto file = lab::load_kernel_profile(arguments.profile);
    if (!file) return refuse(file.error());
    profile = file->profile;
  }
  const trial::Verdict verdict = trial::judge(*trace, profile);
  if (arguments.json) {
    print_json(nlohmann::ordered_json{{"admitted", verdict.admitted},
                                      {"exceeded", verdict.exceeded},
                                      {"operations", operation_count(*trace)},
                                      {"beliefs_max", verdict.beliefs_max},
                                      {"act", verdict.act},
                                      {"reason", verdict.reason}});
  } else if (verdict.admitted) {
    print_text(fmt::format("{}: admitted; at most {} states believed\n", arguments.trace,
                           verdict.beliefs_max));
  } else {
    print_text(fmt::format("{}: {}, act {}: {}\n", arguments.trace,
                           verdict.exceeded ? "no verdict" : "rejected", verdict.act + 1,
                           verdict.reason));
  }
  return verdict.admitted ? Exit::held : Exit::not_held;
}

}  // namespace

void add_lab_admits_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<LabAdmitsArguments>();
  CLI::App* command = program.add_subcommand(
      "admits", "Whether some choices of the simulated kernel give what a trace saw");
  command->footer(
      "  reprise-lab admits tests/trial/traces/cooperative.jsonl\n"
      "docs/DIFFERENTIAL.md describes traces. Exit status 1: the model rejects it.");
  command->add_option("trace", arguments->trace, "a trace that `differential` wrote")->required();
  command->add_option("--profile", arguments->profile,
                      "judge by this kernel profile, not by that of the trace's ring");
  command->add_flag("--json", arguments->json, "print the result as one line of JSON");
  command->callback(
      [arguments, &chosen] { chosen = [arguments] { return lab_admits(*arguments); }; });
}

}  // namespace reprise::apps
