// Relays side by side: this one, a bare prototype of its fast path, and its peers. What is measured
// and how: docs/BENCHMARKS.md, "Beside other relays".
//
// Every round lays cables between namespaces of its own and runs each relay on them in turn, so
// that what drifts on the host drifts for all. Generator, sink and this process have one core, the
// relay the other. Ctrl-C ends it in order; nothing outlives this process.
#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "must_show.hpp"
#include "plots.hpp"
#include "results.hpp"
#include "round.hpp"

namespace reprise::bench::peers {
namespace {

using nlohmann::ordered_json;

std::atomic<bool> interrupted = false;

constexpr unsigned kTriesMax = 3;
constexpr double kStealPercentMax = 1;
/// This relay's default flags choose how it receives by load, which takes some 200 ms.
constexpr engine::Duration kWarmUp = engine::milliseconds(400);

struct Options {
  std::string program;
  std::vector<std::string> relays;
  std::vector<std::string> cases;
  std::string plots;
  unsigned rounds = 0;
  double seconds = 0;
  bool quick = false;
  bool json = false;
};

/// Configuration and control sockets of relays that need some; gone with this object.
class TemporaryFolder {
 public:
  TemporaryFolder()
      : path_(std::filesystem::temp_directory_path() /
              fmt::format("reprise-peers-{}", ::getpid())) {
    std::filesystem::create_directory(path_);
  }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  ~TemporaryFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

/// The first two cores that this process may use, which it is pinned to the first of.
bool take_cores(RoundOptions& round) {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  std::vector<unsigned> cores;
  for (unsigned core = 0; core < CPU_SETSIZE && cores.size() < 2; ++core) {
    if (CPU_ISSET(core, &allowed)) cores.push_back(core);
  }
  if (cores.size() < 2) return false;
  round.traffic_core = cores[0];
  round.relay_core = cores[1];
  CPU_ZERO(&allowed);
  CPU_SET(cores[0], &allowed);
  return ::sched_setaffinity(0, sizeof allowed, &allowed) == 0;
}

/// Leaves those that `wanted` names; empty: all. False, with a message, where one is unknown.
template <class Named>
bool choose(std::vector<Named>& all, const std::vector<std::string>& wanted, const char* what) {
  for (const std::string& name : wanted) {
    if (std::ranges::find(all, name, &Named::name) != all.end()) continue;
    std::string names;
    for (const Named& one : all) names += " " + one.name;
    fmt::print(stderr, "bench_peers: {}: no such {}; there are:{}\n", name, what, names);
    return false;
  }
  if (wanted.empty()) return true;
  std::erase_if(all, [&wanted](const Named& one) {
    return std::ranges::find(wanted, one.name) == wanted.end();
  });
  return true;
}

void measure(const Case& tried, const Relay& relay, const Hosts& hosts, const RoundOptions& options,
             Results& results) {
  for (unsigned tries = 1; !interrupted; ++tries) {
    const auto metrics = run_round(tried, relay, hosts, options, interrupted);
    if (interrupted) return;
    if (!metrics) {
      fmt::print(stderr, "  {}: {}\n", relay.name, metrics.error().message);
      results.add_problem(tried.name, relay.name, metrics.error().message);
      return;
    }
    const auto steal = metrics->find("steal_percent");
    if (steal != metrics->end() && steal->second > kStealPercentMax) {
      results.add_disturbed();
      if (tries < kTriesMax) continue;
      results.add_problem(tried.name, relay.name, "disturbed by steal time");
    }
    results.add(tried.name, relay.name, *metrics);
    return;
  }
}

/// False where the host allows no cables.
bool run_rounds(const Options& options, const std::vector<Case>& cases,
                const std::vector<Relay>& relays, RoundOptions round, Results& results) {
  for (unsigned index = 0; index < options.rounds && !interrupted; ++index) {
    for (const Case& tried : cases) {
      fmt::print(stderr, "round {} of {}: {}\n", index + 1, options.rounds, tried.name);
      const auto hosts = Hosts::build(tried.scenario);
      if (!hosts) {
        fmt::print(stderr, "bench_peers: {}\n", hosts.error().message);
        return false;
      }
      for (const Relay& relay : relays) {
        if (interrupted) return true;
        if (!relay.absent.empty()) continue;
        std::string refusal = relay.refusal(tried.scenario);
        if (tried.kind == Kind::start && !relay.is_program)
          refusal = "no program of its own: part of this benchmark";
        if (refusal.empty()) {
          measure(tried, relay, *hosts, round, results);
        } else {
          results.add_problem(tried.name, relay.name, "skipped: " + refusal);
        }
      }
    }
  }
  return true;
}

int run(Options options) {
  if (options.rounds == 0) options.rounds = options.quick ? 1 : 3;
  if (options.seconds == 0) options.seconds = options.quick ? 0.3 : 1;
  const TemporaryFolder folder;
  std::vector<Relay> relays = all_relays(options.program, folder.path());
  std::vector<Case> cases = all_cases();
  if (!choose(relays, options.relays, "relay") || !choose(cases, options.cases, "case")) return 2;
  if (options.quick && options.cases.empty()) {
    std::erase_if(cases, [](const Case& tried) { return !tried.is_quick; });
  }
  RoundOptions round;
  round.length = {std::llround(options.seconds * 1e9)};
  round.warm_up = kWarmUp;
  if (!take_cores(round)) {
    fmt::print(stderr, "bench_peers: needs two cores, one for the relay alone\n");
    return 1;
  }
  for (const Relay& relay : relays) {
    if (!relay.absent.empty()) fmt::print(stderr, "{}: absent: {}\n", relay.name, relay.absent);
  }
  Results results;
  if (!run_rounds(options, cases, relays, round, results)) return 1;
  const std::vector<Promise> promises = judge(results);
  if (!options.plots.empty()) {
    if (auto written = write_plots(options.plots, results, cases, relays); !written)
      fmt::print(stderr, "bench_peers: {}\n", written.error().message);
  }
  if (options.json) {
    ordered_json json{{"rounds", options.rounds},
                      {"seconds", options.seconds},
                      {"disturbed_rounds", results.disturbed()},
                      {"others_percent", results.median_of_all("others_percent")},
                      {"interrupted", interrupted.load()},
                      {"results", results.to_json(cases, relays)},
                      {"must_show", to_json(promises)}};
    json["absent"] = ordered_json::object();
    for (const Relay& relay : relays) {
      if (!relay.absent.empty()) json["absent"][relay.name] = relay.absent;
    }
    fmt::print("{}\n", json.dump());
  } else {
    fmt::print("{}", results.to_text(cases, relays));
    for (const Relay& relay : relays) {
      if (!relay.absent.empty()) fmt::print("\nabsent: {}: {}\n", relay.name, relay.absent);
    }
    fmt::print(
        "\nrounds repeated because of steal time: {}; other work on the host: {:.0f} % of a core\n",
        results.disturbed(), results.median_of_all("others_percent"));
    fmt::print("{}", to_text(promises));
  }
  return interrupted ? 1 : 0;
}

}  // namespace
}  // namespace reprise::bench::peers

int main(int argument_count, char** arguments) {
  using namespace reprise::bench::peers;
  CLI::App program("Relays side by side", "bench_peers");
  Options options;
  options.program =
      (std::filesystem::path(arguments[0]).parent_path() / "reprise").lexically_normal().string();
  program.add_option("--relays", options.relays, "of these only, separated by commas")
      ->delimiter(',');
  program.add_option("--cases", options.cases, "of these only, separated by commas")
      ->delimiter(',');
  program.add_option("--rounds", options.rounds, "of every relay and case (default 3; quick: 1)")
      ->check(CLI::Range(1, 1000));
  program.add_option("--seconds", options.seconds, "of traffic in a round (default 1; quick: 0.3)")
      ->check(CLI::Range(0.05, 60.0));
  program.add_option("--program", options.program, "this relay (default: beside this benchmark)");
  program.add_option("--plots", options.plots, "write SVG files into this folder");
  program.add_flag("--quick", options.quick, "under two minutes, for a first look");
  program.add_flag("--json", options.json, "one line of JSON");
  CLI11_PARSE(program, argument_count, arguments);
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = true; };
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  return run(options);
}
