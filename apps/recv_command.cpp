// reprise recv FROM
#include <fmt/format.h>

#include <cmath>
#include <memory>

#include "commands.hpp"
#include "reprise/traffic/receiver.hpp"
#include "reprise/traffic/results_json.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

struct RecvArguments {
  std::string input;
  traffic::ReceiverOptions options;
  double idle_seconds = 0;
  bool json = false;
};

std::string to_text(const traffic::ReceiverResult& result) {
  return fmt::format(
      "received {} in {:.2f} s: lost {}, reordered {}, duplicated {}, corrupted {}\n"
      "latency p50 {:.1f} µs, p99 {:.1f} µs (where the sender shares this host)\n",
      result.received, static_cast<double>(result.duration.ns) / 1e9, result.lost, result.reordered,
      result.duplicated, result.corrupted, static_cast<double>(result.latency.p50.ns) / 1e3,
      static_cast<double>(result.latency.p99.ns) / 1e3);
}

Exit recv(RecvArguments arguments) {
  const auto input = engine::parse_endpoint(arguments.input);
  if (!input) return refuse(input.error());
  arguments.options.input = *input;
  arguments.options.idle_after_first = engine::Duration{std::llround(arguments.idle_seconds * 1e9)};
  arguments.options.ready = [&arguments] {
    fmt::print(stderr, "reprise: receiving {}; Ctrl-C ends\n", arguments.input);
  };
  const StopSignals signals;
  const auto result = traffic::receive(arguments.options, signals.flag());
  if (!result) return refuse(result.error());
  if (arguments.json) {
    print_json(traffic::to_json(*result));
  } else {
    print_text(to_text(*result));
  }
  const bool intact = result->lost == 0 && result->reordered == 0 && result->duplicated == 0 &&
                      result->corrupted == 0;
  return intact && result->received > 0 ? Exit::held : Exit::not_held;
}

}  // namespace

void add_recv_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<RecvArguments>();
  CLI::App* command = program.add_subcommand("recv", "Receive test datagrams and check every one");
  command->footer(
      "  reprise recv 239.2.2.2:5000%eth0 --count 60000\n"
      "Exit status 1 when something was lost, reordered, duplicated or corrupted, or nothing "
      "came.");
  command->add_option("FROM", arguments->input, "[SOURCE@]GROUP:PORT[%INTERFACE]")->required();
  command
      ->add_option("--count", arguments->options.count, "end after so many (default: until Ctrl-C)")
      ->check(whole_number(1, kCountMax));
  command
      ->add_option("--idle", arguments->idle_seconds,
                   "end after so many seconds without one (default: never)")
      ->check(seconds(0, 86'400));
  command->add_flag("--json", arguments->json, "print the result as one line of JSON");
  command->callback([arguments, &chosen] { chosen = [arguments] { return recv(*arguments); }; });
}

}  // namespace reprise::apps
