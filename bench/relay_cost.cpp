// The whole relay's CPU per delivered datagram, beside a plain recvmmsg/sendmmsg loop and socat, in
// one run.
//
// Each variant relays numbered datagrams between namespaces in the demo's topology, generator and
// relay pinned to two CPUs. Rounds are interleaved, medians and ranges printed. CPU is user and
// system time of the relay's process from the moment it is ready, with the softirq work that its
// own calls run. A round that lost datagrams says so.
#include <arpa/inet.h>
#include <fmt/format.h>
#include <ifaddrs.h>
#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <csignal>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "plain_relay.hpp"
#include "reprise/daemon/relay.hpp"
#include "reprise/traffic/demo.hpp"

namespace reprise {
namespace {

std::atomic<bool> interrupted = false;

std::int64_t cpu_ns(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto ns = [](const timeval& time) {
    return time.tv_sec * 1'000'000'000LL + time.tv_usec * 1000LL;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

void report_cpu(const traffic::DemoRelayTask& task, std::int64_t ns) {
  task.report(nlohmann::json{{"cpu_ns", ns}}.dump());
}

daemon::Relay* running = nullptr;

int relay_with_reprise(daemon::BackendKind backend, engine::Policy policy,
                       const traffic::DemoRelayTask& task) {
  daemon::RelayOptions options;
  options.backend = backend;
  options.stage.policy = policy;
  const auto relay = daemon::Relay::open({&task.rule, 1}, options);
  if (!relay) {
    fmt::print(stderr, "relay_cost: {}\n", relay.error().message);
    return 1;
  }
  running = relay->get();
  std::signal(SIGTERM, [](int) { running->request_stop(); });
  task.ready();
  const std::int64_t before = cpu_ns(RUSAGE_SELF);
  (*relay)->run();
  report_cpu(task, cpu_ns(RUSAGE_SELF) - before);
  return 0;
}

int relay_with_plain_loop(const traffic::DemoRelayTask& task) {
  const auto relay = bench::PlainRelay::open(task.rule);
  if (!relay) {
    fmt::print(stderr, "relay_cost: {}\n", relay.error().message);
    return 1;
  }
  task.ready();
  const std::int64_t before = cpu_ns(RUSAGE_SELF);
  relay->run(task.stop);
  report_cpu(task, cpu_ns(RUSAGE_SELF) - before);
  return 0;
}

/// Whether a UDP socket on `port` is open in this namespace.
bool port_is_open(std::uint16_t port) {
  std::ifstream table("/proc/net/udp");
  const std::string wanted = fmt::format(":{:04X} ", port);
  for (std::string line; std::getline(table, line);) {
    if (line.find(wanted) != std::string::npos) return true;
  }
  return false;
}

std::string ipv4_address_of(const std::string& interface) {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return "";
  std::string found;
  for (const ifaddrs* entry = all; entry != nullptr; entry = entry->ifa_next) {
    if (entry->ifa_addr == nullptr || entry->ifa_addr->sa_family != AF_INET ||
        interface != entry->ifa_name)
      continue;
    std::array<char, INET_ADDRSTRLEN> text{};
    sockaddr_in address{};
    std::memcpy(&address, entry->ifa_addr, sizeof address);
    found = ::inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  }
  ::freeifaddrs(all);
  return found;
}

int relay_with_socat(const traffic::DemoRelayTask& task) {
  const engine::Endpoint& in = task.rule.input;
  const engine::Endpoint& out = task.rule.outputs[0];
  const std::string from = fmt::format("UDP4-RECV:{},ip-add-membership={}:{}", in.port,
                                       to_string(in.group), in.interface);
  const std::string to =
      fmt::format("UDP4-SENDTO:{}:{},ip-multicast-if={},ip-multicast-ttl=16", to_string(out.group),
                  out.port, ipv4_address_of(out.interface));
  const pid_t child = ::fork();
  if (child == 0) {
    ::execlp("socat", "socat", "-u", from.c_str(), to.c_str(), nullptr);
    ::_exit(127);
  }
  for (int tries = 0; tries < 500 && !port_is_open(in.port); ++tries) ::usleep(10'000);
  task.ready();
  while (!task.stop.load()) ::usleep(10'000);
  ::kill(child, SIGTERM);
  int status = 0;
  ::waitpid(child, &status, 0);
  report_cpu(task, cpu_ns(RUSAGE_CHILDREN));
  return WIFEXITED(status) && WEXITSTATUS(status) == 127 ? 1 : 0;
}

struct Variant {
  std::string name;
  traffic::DemoRelay relay;
  std::vector<double> ns_per_datagram;
  std::vector<double> delivered_per_second;
  std::uint64_t lost = 0;
  std::uint64_t reordered = 0;
};

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

bool run_round(Variant& variant, const traffic::DemoOptions& options) {
  const auto result = traffic::run_demo(options, variant.relay, interrupted);
  if (!result) {
    fmt::print(stderr, "relay_cost: {}: {}\n", variant.name, result.error().message);
    return false;
  }
  if (result->received == 0) return false;
  variant.ns_per_datagram.push_back(result->relay_report.value("cpu_ns", 0.0) /
                                    static_cast<double>(result->received));
  variant.delivered_per_second.push_back(result->datagrams_per_second);
  variant.lost += result->lost;
  variant.reordered += result->reordered;
  return true;
}

nlohmann::ordered_json to_json(const Variant& variant, double reference_ns) {
  const double ns = median(variant.ns_per_datagram);
  return {{"variant", variant.name},
          {"cpu_ns_per_datagram", ns},
          {"least", std::ranges::min(variant.ns_per_datagram)},
          {"most", std::ranges::max(variant.ns_per_datagram)},
          {"against_plain_loop", ns / reference_ns},
          {"delivered_per_second", median(variant.delivered_per_second)},
          {"lost", variant.lost},
          {"reordered", variant.reordered}};
}

}  // namespace
}  // namespace reprise

int main(int argument_count, char** arguments) {
  using namespace reprise;
  CLI::App program("CPU per delivered datagram of whole relays, side by side", "bench_relay_cost");
  traffic::DemoOptions options;
  options.progress = false;
  options.count = 200'000;
  options.rate_per_second = 50'000;
  unsigned rounds = 5;
  bool json = false;
  program.add_option("--count", options.count, "datagrams in a round (default 200000)");
  program.add_option("--rate", options.rate_per_second,
                     "per second, 0: as the window opens (default 50000)");
  program.add_option("--payload", options.payload_bytes, "bytes (default 1400)");
  program.add_option("--rounds", rounds, "of every variant, interleaved (default 5)")
      ->check(CLI::Range(1, 1000));
  program.add_flag("--json", json, "one line of JSON");
  CLI11_PARSE(program, argument_count, arguments);
  std::signal(SIGINT, [](int) { interrupted = true; });

  const auto with = [](daemon::BackendKind backend, engine::Policy policy) {
    return [=](const traffic::DemoRelayTask& task) {
      return relay_with_reprise(backend, policy, task);
    };
  };
  using daemon::BackendKind;
  using engine::Policy;
  std::vector<Variant> variants{
      {"plain recvmmsg/sendmmsg", relay_with_plain_loop, {}, {}},
      {"socat", relay_with_socat, {}, {}},
      {"reprise adaptive", with(BackendKind::uring, Policy::adaptive), {}, {}},
      {"reprise synchronous", with(BackendKind::uring, Policy::synchronous), {}, {}},
      {"reprise deferred", with(BackendKind::uring, Policy::deferred), {}, {}},
      {"reprise adaptive on asio", with(BackendKind::asio, Policy::adaptive), {}, {}}};
  for (unsigned round = 0; round < rounds && !interrupted; ++round) {
    for (Variant& variant : variants) {
      fmt::print(stderr, "round {} of {}: {}\n", round + 1, rounds, variant.name);
      if (!run_round(variant, options) && !interrupted) return 1;
      if (interrupted) break;
    }
  }
  std::erase_if(variants, [](const Variant& variant) { return variant.ns_per_datagram.empty(); });
  if (variants.empty()) return 1;
  const double reference_ns = median(variants[0].ns_per_datagram);
  nlohmann::ordered_json results = {{"rate", options.rate_per_second},
                                    {"payload_bytes", options.payload_bytes},
                                    {"count", options.count},
                                    {"rounds", rounds},
                                    {"results", nlohmann::ordered_json::array()}};
  for (const Variant& variant : variants)
    results["results"].push_back(to_json(variant, reference_ns));
  if (json) {
    fmt::print("{}\n", results.dump());
    return 0;
  }
  fmt::print("{:<26}{:>14}{:>20}{:>10}{:>14}{:>8}\n", "relay", "CPU ns/dgram", "(least - most)",
             "ratio", "delivered/s", "lost");
  for (const auto& row : results["results"]) {
    fmt::print(
        "{:<26}{:>14.0f}{:>20}{:>10.2f}{:>14.0f}{:>8}\n", row["variant"].get<std::string>(),
        row["cpu_ns_per_datagram"].get<double>(),
        fmt::format("({:.0f} - {:.0f})", row["least"].get<double>(), row["most"].get<double>()),
        row["against_plain_loop"].get<double>(), row["delivered_per_second"].get<double>(),
        row["lost"].get<std::uint64_t>());
  }
  return 0;
}
