// reprise run IN OUT...
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "commands.hpp"
#include "relay_flags.hpp"
#include "reprise/daemon/relay.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

struct RunArguments {
  std::string input;
  std::vector<std::string> outputs;
  daemon::RelayOptions options;
  double interval_seconds = 0;
  bool json = false;
};

engine::Expected<engine::Rule> make_rule(const RunArguments& arguments) {
  engine::Rule rule;
  rule.name = "run";
  const auto input = engine::parse_endpoint(arguments.input);
  if (!input) return std::unexpected(input.error());
  rule.input = *input;
  for (const std::string& text : arguments.outputs) {
    const auto output = engine::parse_endpoint(text);
    if (!output) return std::unexpected(output.error());
    rule.outputs.push_back(*output);
  }
  return rule;
}

Exit run(const RunArguments& arguments) {
  if (const auto flags = check_relay_flags(arguments.options); !flags) return refuse(flags.error());
  const auto rule = make_rule(arguments);
  if (!rule) return refuse(rule.error());
  const auto relay = daemon::Relay::open({&*rule, 1}, arguments.options);
  if (!relay) return refuse(relay.error());
  const StopSignals signals([&relay] { (*relay)->request_stop(); });
  note_fallback((*relay)->backend());
  print_note(fmt::format(
      "reprise: relaying {} to {} output{}, policy {}{}, backend {}; Ctrl-C ends\n",
      arguments.input, rule->outputs.size(), rule->outputs.size() == 1 ? "" : "s",
      engine::name(arguments.options.stage.policy),
      arguments.options.threads > 1 ? ", 2 threads" : "", name((*relay)->backend().kind)));
  daemon::RelayReport last;
  const engine::Duration interval{std::llround(arguments.interval_seconds * 1e9)};
  const daemon::RelayReport report =
      (*relay)->run(interval, [&last](const daemon::RelayReport& now) {
        print_note(fmt::format("reprise: {}\n", to_line(now, last)));
        last = now;
      });
  if (arguments.json) {
    print_json(to_json(report));
  } else {
    print_text(to_text(report));
  }
  return report.laws_hold && report.regions_outstanding == 0 ? Exit::held : Exit::not_held;
}

}  // namespace

void add_run_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<RunArguments>();
  CLI::App* command =
      program.add_subcommand("run", "Relay now, from one input to one or more outputs");
  command->footer(
      "Endpoints are [SOURCE@]GROUP:PORT[%INTERFACE], IPv6 groups in brackets:\n"
      "  reprise run 239.1.1.1:5000%eth0 239.2.2.2:5000%eth1\n"
      "  reprise run 10.0.0.7@232.1.1.1:5000%eth0 '[ff3e::1]:5000%eth1' 192.0.2.9:5000\n"
      "Needs CAP_NET_RAW. Ends cleanly on Ctrl-C or SIGTERM and prints what it did.");
  command->add_option("IN", arguments->input, "what to relay, with its interface")->required();
  command->add_option("OUT", arguments->outputs, "where to send it")->required();
  add_relay_flags(*command, arguments->options);
  command
      ->add_option("--interval", arguments->interval_seconds,
                   "print rates so often, in seconds (default: never)")
      ->check(seconds(0.1, 86'400));
  command->add_flag("--json", arguments->json, "print the final counts as one line of JSON");
  command->callback([arguments, &chosen] { chosen = [arguments] { return run(*arguments); }; });
}

}  // namespace reprise::apps
