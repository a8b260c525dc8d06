#include "relays.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>

#include "prototype.hpp"

namespace reprise::bench::peers {
namespace {

using engine::Endpoint;
using engine::Expected;
using engine::Rule;
using traffic::Child;
using traffic::ChildContext;
using traffic::ChildSpec;

std::string can_do_everything(const Scenario&) { return ""; }

ChildSpec spec_of(const char* name, const RelayTask& task) {
  return {name, &task.where, task.core};
}

/// What a program prints on standard output when it is called so; "" where it cannot be run.
std::string output_of(const std::vector<std::string>& arguments) {
  auto child = Child::start_program({.name = arguments[0]}, arguments);
  if (!child) return "";
  const traffic::ChildEnd* const end = child->wait(engine::seconds(10));
  return end == nullptr || !end->succeeded() ? "" : end->report + end->notes;
}

bool is_program_here(const std::string& name) {
  return !output_of({"sh", "-c", "command -v " + name}).empty();
}

/// Several rules in one call are separated by "+".
Relay reprise_relay(const std::string& program, const std::string& mode) {
  Relay relay{.name = mode.empty() ? "reprise" : "reprise_" + mode,
              .what = mode.empty() ? "this relay, default flags" : "this relay, --mode " + mode};
  const std::string help = output_of({program, "run", "--help"});
  if (help.empty()) {
    relay.absent = program + " cannot be run; build it, or name it with --program";
  } else if (!mode.empty() && help.find("--mode") == std::string::npos) {
    relay.absent = program + " has no --mode";
  }
  relay.refusal = can_do_everything;
  relay.start = [program, mode](const RelayTask& task) {
    std::vector<std::string> arguments{program, "run"};
    if (!mode.empty()) arguments.insert(arguments.end(), {"--mode", mode});
    for (const Rule& rule : task.rules) {
      if (&rule != task.rules.data()) arguments.emplace_back("+");
      arguments.push_back(to_string(rule.input));
      for (const Endpoint& output : rule.outputs) arguments.push_back(to_string(output));
    }
    return Child::start_program(spec_of("reprise", task), arguments);
  };
  return relay;
}

Relay prototype(const char* name, const char* what, Prototype body) {
  Relay relay{.name = name, .what = what, .is_program = false};
  relay.refusal = can_do_everything;
  relay.start = [name, body](const RelayTask& task) {
    return Child::start(spec_of(name, task), [&](const ChildContext& context) {
      const auto relayed = body(task.rules, [&context] { context.ready(); }, context.stop());
      if (!relayed) fmt::print(stderr, "bench_peers: {}: {}\n", name, relayed.error().message);
      return relayed ? 0 : 1;
    });
  };
  return relay;
}

Relay socat() {
  Relay relay{.name = "socat", .what = "socat, one UDP socket to another"};
  if (!is_program_here("socat")) relay.absent = "not installed; see: apt install socat";
  relay.refusal = [](const Scenario& scenario) -> std::string {
    if (scenario.flows > 1) return "one group a process";
    return scenario.outputs > 1 ? "one output a process" : "";
  };
  relay.start = [](const RelayTask& task) {
    const Endpoint& in = task.rules[0].input;
    const Endpoint& out = task.rules[0].outputs[0];
    const std::string from = fmt::format("UDP4-RECV:{},ip-add-membership={}:{}", in.port,
                                         to_string(in.group), in.interface);
    const std::string to =
        fmt::format("UDP4-SENDTO:{}:{},ip-multicast-if=198.18.{}.1,ip-multicast-ttl=16",
                    to_string(out.group), out.port, task.hop + 1);
    return Child::start_program(spec_of("socat", task), {"socat", "-b", "65536", "-u", from, to});
  };
  return relay;
}

Relay kernel_routing(const std::string& folder) {
  Relay relay{.name = "kernel",
              .what = "multicast routing in the kernel, set up by smcroute",
              .has_process = false,
              .keeps_group = true};
  if (!is_program_here("smcrouted")) relay.absent = "not installed; see: apt install smcroute";
  relay.refusal = [](const Scenario& scenario) -> std::string {
    return scenario.outputs > 1 ? "one output an interface, and no group is rewritten" : "";
  };
  relay.start = [folder](const RelayTask& task) -> Expected<Child> {
    const std::string base = fmt::format("{}/smcroute{}", folder, task.hop);
    std::ofstream file(base + ".conf");
    file << "phyint in enable\nphyint out enable\n";
    for (const Rule& rule : task.rules) {
      const std::string group = to_string(rule.input.group);
      file << "mgroup from in group " << group << "\nmroute from in source 198.18.0.1 group "
           << group << " to out\n";
    }
    if (!file.flush()) return engine::failure(base + ".conf: cannot be written");
    return Child::start_program(spec_of("smcroute", task),
                                {"smcrouted", "-n", "-N", "-f", base + ".conf", "-P", base + ".pid",
                                 "-u", base + ".sock", "-i", "peers", "-l", "err"});
  };
  return relay;
}

/// The daemon takes its rules from its control program, which needs the daemon's socket first: a
/// shell waits for it, adds them and then is the daemon's parent.
Relay mcr(const std::string& folder) {
  Relay relay{.name = "mcr", .what = "the public Rust relay of the report, one worker"};
  const char* const daemon = std::getenv("MCRD");
  const char* const control = std::getenv("MCRCTL");
  if (daemon == nullptr || control == nullptr) {
    relay.absent = "MCRD and MCRCTL do not name its daemon and its control program";
    relay.start = [](const RelayTask&) -> Expected<Child> { return engine::failure("no mcr"); };
    relay.refusal = can_do_everything;
    return relay;
  }
  relay.refusal = can_do_everything;
  relay.start = [folder, daemon = std::string(daemon),
                 control = std::string(control)](const RelayTask& task) {
    const std::string socket = fmt::format("{}/mcr{}.sock", folder, task.hop);
    std::string script = fmt::format(
        "trap 'kill $daemon 2>/dev/null; wait; exit 0' TERM\nrm -f '{0}'\n"
        "'{1}' supervisor --interface in --num-workers 1 --control-socket-path '{0}' "
        ">/dev/null 2>&1 &\ndaemon=$!\nwhile ! [ -S '{0}' ]; do sleep 0.005; done\n",
        socket, daemon);
    for (const Rule& rule : task.rules) {
      std::string outputs;
      for (const Endpoint& output : rule.outputs) {
        outputs += fmt::format("{}{}:{}:{}", outputs.empty() ? "" : ",", to_string(output.group),
                               output.port, output.interface);
      }
      script += fmt::format(
          "'{}' --socket-path '{}' add --input-interface in --input-group {} --input-port {} "
          "--outputs {} >/dev/null || exit 1\n",
          control, socket, to_string(rule.input.group), rule.input.port, outputs);
    }
    script += "wait $daemon\n";
    return Child::start_program(spec_of("mcr", task), {"sh", "-c", script});
  };
  return relay;
}

}  // namespace

std::vector<Relay> all_relays(const std::string& program, const std::string& folder) {
  return {reprise_relay(program, ""),
          reprise_relay(program, "throughput"),
          reprise_relay(program, "latency"),
          prototype("bare", "a prototype of the same path with nothing around it", relay_bare),
          prototype("reference", "32 one-shot receives, batches of sends that are waited for",
                    relay_like_reference),
          prototype("mmsg", "recvmmsg and sendmmsg, 64 at a time", relay_with_mmsg),
          socat(),
          kernel_routing(folder),
          mcr(folder)};
}

}  // namespace reprise::bench::peers
