// reprise run IN OUT...
#include <fmt/format.h>

#include <atomic>
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

/// IN OUT... [+ IN OUT...]...
engine::Expected<std::vector<engine::Rule>> make_rules(const RunArguments& arguments) {
  std::vector<engine::Rule> rules;
  bool is_input = true;
  std::vector<std::string> endpoints{arguments.input};
  endpoints.insert(endpoints.end(), arguments.outputs.begin(), arguments.outputs.end());
  for (const std::string& text : endpoints) {
    if (text == "+" && !is_input && !rules.back().outputs.empty()) {
      is_input = true;
      continue;
    }
    const auto endpoint = engine::parse_endpoint(text);
    if (!endpoint) return std::unexpected(endpoint.error());
    if (is_input) {
      const std::string name = rules.empty() ? "run" : fmt::format("run {}", rules.size() + 1);
      rules.push_back({.name = name, .input = *endpoint, .outputs = {}});
    } else {
      rules.back().outputs.push_back(*endpoint);
    }
    is_input = false;
  }
  if (is_input || rules.back().outputs.empty())
    return engine::failure("\"+\" is followed by one more rule: IN OUT...");
  return rules;
}

Exit run(const RunArguments& arguments) {
  if (const auto flags = check_relay_flags(arguments.options); !flags) return refuse(flags.error());
  const auto rules = make_rules(arguments);
  if (!rules) return refuse(rules.error());
  // From before the relay is opened until it is gone: a signal must not end the process while a
  // shield is up.
  std::atomic<daemon::Relay*> running = nullptr;
  const StopSignals signals([&running] {
    if (daemon::Relay* const relay = running) relay->request_stop();
  });
  const auto relay = daemon::Relay::open(*rules, arguments.options);
  if (!relay) return refuse(relay.error());
  running = relay->get();
  if (signals.flag()) (*relay)->request_stop();  // it came while the relay was opened
  note_fallback((*relay)->backend());
  for (const std::string& note : (*relay)->notes()) print_note(fmt::format("reprise: {}\n", note));
  print_note(fmt::format(
      "reprise: relaying {} to {} output{}{}, mode {}, policy {}{}{}, backend {}{}; Ctrl-C ends\n",
      arguments.input, rules->front().outputs.size(), rules->front().outputs.size() == 1 ? "" : "s",
      rules->size() == 1 ? "" : fmt::format(" and {} more", rules->size() - 1),
      name((*relay)->mode()), engine::name(arguments.options.stage.policy),
      arguments.options.workers > 1 ? fmt::format(", {} workers", arguments.options.workers) : "",
      arguments.options.threads > 1 ? ", 2 threads" : "", name((*relay)->backend().kind),
      arguments.options.shield ? ", shielded" : ""));
  daemon::RelayReport last;
  const engine::Duration interval{std::llround(arguments.interval_seconds * 1e9)};
  const daemon::RelayReport report =
      (*relay)->run(interval, [&last](const daemon::RelayReport& now) {
        print_note(fmt::format("reprise: {}\n", to_line(now, last)));
        last = now;
      });
  running = nullptr;
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
      "  reprise run 239.1.1.1:5000%eth0 239.2.2.2:5000%eth1 + 239.1.1.2:5000%eth0 192.0.2.9:5000\n"
      "  reprise run 10.0.0.7@232.1.1.1:5000%eth0 '[ff3e::1]:5000%eth1' 192.0.2.9:5000\n"
      "Needs CAP_NET_RAW. Ends cleanly on Ctrl-C or SIGTERM and prints what it did.");
  command->add_option("IN", arguments->input, "what to relay, with its interface")->required();
  command->add_option("OUT", arguments->outputs, "where to send it; \"+\" begins another rule")
      ->required();
  add_relay_flags(*command, arguments->options);
  command
      ->add_option("--interval", arguments->interval_seconds,
                   "print rates so often, in seconds (default: never)")
      ->check(seconds(0.1, 86'400));
  command->add_flag("--json", arguments->json, "print the final counts as one line of JSON");
  command->callback([arguments, &chosen] { chosen = [arguments] { return run(*arguments); }; });
}

}  // namespace reprise::apps
