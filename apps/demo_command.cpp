// reprise demo
#include <fmt/format.h>

#include <memory>

#include "commands.hpp"
#include "relay_flags.hpp"
#include "reprise/daemon/relay.hpp"
#include "reprise/traffic/demo.hpp"
#include "reprise/traffic/numbered.hpp"
#include "stop_signals.hpp"
#include "value_checks.hpp"

namespace reprise::apps {
namespace {

/// What fits into the MTU of the demo's cables, 1500, behind the headers of either family.
constexpr std::uint32_t kPayloadBytesMax = 1500 - 40 - 8;

struct DemoArguments {
  traffic::DemoOptions demo;
  daemon::RelayOptions relay;
  bool json = false;
  bool ipv6 = false;
};

/// The relay's process in the demo: the same relay as `reprise run`.
int relay_for_demo(const daemon::RelayOptions& options, const traffic::DemoRelayTask& task) {
  const auto relay = daemon::Relay::open({&task.rule, 1}, options);
  if (!relay) {
    refuse(relay.error());
    return 1;
  }
  const StopSignals signals([&relay] { (*relay)->request_stop(); });
  task.ready();
  task.report(to_json((*relay)->run()).dump());
  return 0;
}

std::string to_text(const traffic::DemoResult& result) {
  return fmt::format(
      "generator -> relay -> sink, {:.2f} s, {:.0f} datagrams/s\n"
      "sent {}, received {}, lost {}, reordered {}, duplicated {}, corrupted {}\n",
      static_cast<double>(result.duration.ns) / 1e9, result.datagrams_per_second, result.sent,
      result.received, result.lost, result.reordered, result.duplicated, result.corrupted);
}

/// Asked before anything is made; the relay's own process would ask too late for one clear line.
engine::Expected<void> check_backend(daemon::BackendKind wanted) {
  const auto opened = daemon::open_backend(wanted, {});
  if (!opened) return std::unexpected(opened.error());
  note_fallback(opened->choice);
  return {};
}

Exit demo(const DemoArguments& arguments) {
  if (const auto flags = check_relay_flags(arguments.relay); !flags) return refuse(flags.error());
  if (const auto backend = check_backend(arguments.relay.backend); !backend) {
    return refuse(backend.error());
  }
  const StopSignals signals;
  traffic::DemoOptions options = arguments.demo;
  options.family = arguments.ipv6 ? engine::Family::ipv6 : engine::Family::ipv4;
  const auto result = traffic::run_demo(
      options,
      [&arguments](const traffic::DemoRelayTask& task) {
        return relay_for_demo(arguments.relay, task);
      },
      signals.flag());
  if (!result) return refuse(result.error());
  if (arguments.json) {
    print_json(traffic::to_json(*result));
  } else {
    print_text(to_text(*result));
  }
  return result->held() ? Exit::held : Exit::not_held;
}

}  // namespace

void add_demo_command(CLI::App& program, std::function<Exit()>& chosen) {
  auto arguments = std::make_shared<DemoArguments>();
  CLI::App* command = program.add_subcommand(
      "demo", "Relay real multicast between namespaces of its own and check every datagram");
  command->footer(
      "Makes three network namespaces, sends numbered datagrams through the relay and checks what "
      "arrives.\n"
      "Leaves nothing behind. Runs as root, or without where user namespaces are allowed.");
  command->add_option("--count", arguments->demo.count, "datagrams to send (default 1000000)")
      ->check(whole_number(1, kCountMax));
  command->add_option("--payload", arguments->demo.payload_bytes, "bytes of each (default 1400)")
      ->check(whole_number(traffic::kPayloadBytesMin, kPayloadBytesMax));
  command
      ->add_option("--window", arguments->demo.window_datagrams,
                   "datagrams sent and not yet received, at most (default 256)")
      ->check(whole_number(1, 1'000'000));
  command
      ->add_option("--rate", arguments->demo.rate_per_second,
                   "datagrams per second (default: as the window opens)")
      ->check(whole_number(1, 1'000'000'000));
  command->add_flag("--ipv6", arguments->ipv6, "IPv6 instead of IPv4");
  add_relay_flags(*command, arguments->relay);
  command->add_flag("--json", arguments->json, "print the result as one line of JSON");
  command->callback([arguments, &chosen] { chosen = [arguments] { return demo(*arguments); }; });
}

}  // namespace reprise::apps
