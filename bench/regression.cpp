// The case on the real kernel: the two-thread pipeline under overload, policies × hazards, beside
// what the simulation says for the same loops with costs that were measured just before.
//
// Two layouts, because a small machine has too few cores for a generator, two threads of a relay
// and a sink:
//   two cores  the ingress stage is fed from memory at a fixed rate (memory_source.hpp) on one
//              core; the egress stage sends on the other one, on the real kernel, into a namespace
//   one core   both threads share one core, as the historic relay's did; a generator in a namespace
//              of its own sends to its packet socket from the other core
// Nothing is sent outside the namespaces that this program makes. Rounds are interleaved; the
// table shows medians.
#include <fmt/format.h>
#include <sched.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>
#include <vector>

#include "memory_source.hpp"
#include "regression_cases.hpp"
#include "reprise/daemon/relay.hpp"
#include "reprise/daemon/worker.hpp"
#include "reprise/lab/run.hpp"
#include "reprise/lab/scenario.hpp"
#include "reprise/traffic/child.hpp"
#include "reprise/traffic/generator.hpp"
#include "reprise/trial/cable.hpp"
#include "reprise/trial/calibrate.hpp"
#include "reprise/uring/uring_backend.hpp"

namespace reprise::bench {
namespace {

using engine::Expected;
using engine::failure;
using nlohmann::ordered_json;

std::atomic<bool> interrupted = false;

struct Options {
  double seconds = 1.0;  ///< of traffic in one run
  unsigned rounds = 3;
  std::uint64_t rate = 690'000;            ///< two cores
  std::uint64_t generator_rate = 400'000;  ///< one core, asked for
  std::uint32_t payload_bytes = 1400;
  std::string only;
  std::string costs_file;
  bool json = false;
};

/// What one run gave, real or simulated.
struct Figures {
  double egress_per_second = 0;
  double refused_fraction = 0;
  double outstanding = 0;
  double in_flight = 0;
  double offered_per_second = 0;
  std::map<std::string, double> census;  ///< mean buffers by place
};

void pin_to(unsigned core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET(core, &cores);
  ::sched_setaffinity(0, sizeof cores, &cores);
}

template <class Names, class Values>
std::map<std::string, double> by_name(const Names& names, const Values& values) {
  std::map<std::string, double> map;
  for (std::size_t index = 0; index < names.size(); ++index) {
    map[std::string(names[index])] = static_cast<double>(values[index]);
  }
  return map;
}

Figures figures_of(std::uint64_t received, std::uint64_t no_buffer, std::uint64_t sent,
                   double seconds, const std::optional<daemon::CensusResult>& census) {
  Figures figures;
  figures.egress_per_second = static_cast<double>(sent) / seconds;
  figures.offered_per_second = static_cast<double>(received) / seconds;
  figures.refused_fraction =
      received == 0 ? 0 : static_cast<double>(no_buffer) / static_cast<double>(received);
  if (!census) return figures;
  figures.census = by_name(daemon::kPlaceNames, census->mean);
  for (std::size_t place = 0; place < daemon::kPlaceCount; ++place) {
    if (place >= static_cast<std::size_t>(daemon::Place::hand_off)) {
      figures.outstanding += census->mean[place];
    }
  }
  figures.in_flight = figures.census["in_flight"] + figures.census["completed"];
  return figures;
}

ordered_json to_json(const Figures& figures) {
  return {{"egress_per_second", figures.egress_per_second},
          {"offered_per_second", figures.offered_per_second},
          {"refused_fraction", figures.refused_fraction},
          {"outstanding_mean", figures.outstanding},
          {"in_flight_mean", figures.in_flight},
          {"census", figures.census}};
}

Figures figures_from(const ordered_json& json) {
  return {json["egress_per_second"],  json["refused_fraction"],
          json["outstanding_mean"],   json["in_flight_mean"],
          json["offered_per_second"], json["census"].get<std::map<std::string, double>>()};
}

std::uint64_t no_buffer_of(const engine::IngressCounters& counters) {
  return counters.dropped[static_cast<std::size_t>(engine::IngressDrop::no_buffer)];
}

std::unique_ptr<uring::UringBackend> open_ring(const engine::StageConfig& stage) {
  uring::UringBackend::Options options;
  options.submission_entries = stage.submissions_max;
  options.completion_entries = 2 * stage.submissions_max;
  auto backend = uring::UringBackend::create(options);
  return backend ? std::move(*backend) : nullptr;
}

// Two cores.

/// In the child, in the namespace that sends.
int run_on_two_cores(const Case& tried, const Options& options, const engine::Endpoint& to,
                     const traffic::ChildContext& context) {
  MemorySourceOptions source_options;
  source_options.header.source = engine::Address::ipv4(192, 0, 2, 9);
  source_options.header.destination = engine::Address::ipv4(239, 9, 9, 9);
  source_options.header.destination_port = 5000;
  source_options.payload_bytes = options.payload_bytes;
  source_options.rate_per_second = options.rate;
  source_options.count =
      static_cast<std::uint64_t>(static_cast<double>(options.rate) * options.seconds);
  auto owned_source = std::make_unique<MemorySource>(source_options);
  MemorySource& source = *owned_source;
  daemon::Worker ingress(engine::with_role(tried.stage, engine::Role::ingress),
                         std::move(owned_source));
  auto ring = open_ring(tried.stage);
  if (ring == nullptr) return 1;
  daemon::Worker egress(engine::with_role(tried.stage, engine::Role::egress), std::move(ring));
  daemon::ThreadHandOff hand_off(tried.stage, ingress.backend(), egress.backend());
  const auto memory =
      ingress.backend().register_memory(tried.stage.region_count(), tried.stage.region_bytes);
  if (!memory || !egress.backend().use_memory(*memory)) return 1;
  ingress.set_memory(*memory);
  egress.set_memory(*memory);
  ingress.set_hand_off(hand_off);
  egress.set_hand_off(hand_off);
  daemon::IngressOccupancy occupancy;
  ingress.tell_census(occupancy);
  egress.take_census(&occupancy);
  const int lines_to = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  if (tried.stage.hazards.log_lines != engine::LogLines::none) {
    ingress.write_lines_to(lines_to);
    egress.write_lines_to(lines_to);
  }
  engine::SendSocketSpec spec;
  spec.destination = to.group;
  spec.port = to.port;
  spec.interface = to.interface;
  spec.send_buffer_bytes = tried.send_buffer_bytes;
  const auto socket = egress.backend().open(spec);
  if (!socket) return 1;
  const auto first = egress.stage().add_outputs({&*socket, 1});
  const auto input = ingress.stage().add_input(engine::SocketIndex{0});
  const engine::RouteKey key{{}, source_options.header.destination, *input, 5000};
  if (!first || !ingress.stage().add_route(key, *first)) return 1;
  egress.watch(*first);

  context.ready();
  const engine::Instant begin = source.now();
  std::jthread sender([&egress] {
    pin_to(1);
    egress.run();
  });
  pin_to(0);
  engine::Instant end = begin;
  ingress.run([&](engine::Instant now) {
    if (source.has_ended() || context.stop().load()) {
      if (end == begin) end = now;
      ingress.command(daemon::Command::stop);
    }
    return engine::kNever;
  });
  sender.join();
  if (end == begin) end = source.now();
  const daemon::WorkerCounts in = ingress.counts();
  const daemon::WorkerCounts out = egress.counts();
  const std::uint64_t dropped = source.statistics(engine::SocketIndex{0}).kernel_drops;
  context.report(
      to_json(figures_of(in.ingress.received + dropped, no_buffer_of(in.ingress) + dropped,
                         out.outputs[0].counters.sent, static_cast<double>((end - begin).ns) / 1e9,
                         out.census))
          .dump());
  return in.laws_hold && out.laws_hold ? 0 : 1;
}

// One core.

int run_on_one_core(const Case& tried, const engine::Rule& rule,
                    const traffic::ChildContext& context) {
  daemon::RelayOptions options;
  options.stage = tried.stage;
  options.threads = 2;
  options.one_core = true;
  options.census = true;
  options.send_buffer_bytes = tried.send_buffer_bytes;
  options.log_descriptor = ::open("/dev/null", O_WRONLY | O_CLOEXEC);
  const auto relay = daemon::Relay::open({&rule, 1}, options);
  if (!relay) {
    fmt::print(stderr, "bench_regression: {}\n", relay.error().message);
    return 1;
  }
  static std::atomic<daemon::Relay*> running = nullptr;
  running = relay->get();
  std::signal(SIGTERM, [](int) { running.load()->request_stop(); });
  context.ready();
  const daemon::RelayReport report = (*relay)->run();
  const double seconds = static_cast<double>(report.elapsed.ns) / 1e9;
  const std::uint64_t lost = report.kernel_drops;
  Figures figures = figures_of(report.ingress.received + lost, no_buffer_of(report.ingress),
                               report.output_total().sent, seconds, report.census);
  ordered_json json = to_json(figures);
  json["kernel_drops"] = lost;
  json["sent"] = report.output_total().sent;
  json["received"] = report.ingress.received;
  context.report(json.dump());
  return report.laws_hold ? 0 : 1;
}

/// A generator on the other core, for as long as a run takes.
Expected<traffic::GeneratorResult> offer(const trial::Cable& in, const Options& options) {
  const traffic::ChildSpec spec{"generator", &in.far, 0U};
  auto generator = traffic::Child::start(spec, [&](const traffic::ChildContext& context) {
    traffic::GeneratorOptions offered;
    offered.destination = in.to_near;
    offered.payload_bytes = options.payload_bytes;
    offered.rate_per_second = options.generator_rate;
    offered.count =
        static_cast<std::uint64_t>(static_cast<double>(options.generator_rate) * options.seconds);
    context.ready();
    const auto result = traffic::generate(offered, context.stop());
    if (!result) return 1;
    context.report(ordered_json{{"sent", result->sent}, {"ns", result->duration.ns}}.dump());
    return 0;
  });
  if (!generator) return std::unexpected(generator.error());
  const traffic::ChildEnd* end = nullptr;
  for (int waits = 0; end == nullptr && waits < 600; ++waits) {
    end = generator->wait(engine::milliseconds(100));
    if (interrupted) end = &generator->stop();
  }
  if (end == nullptr || !end->succeeded()) return failure("the generator did not end well");
  const auto report = ordered_json::parse(end->report);
  traffic::GeneratorResult result;
  result.sent = report["sent"];
  result.duration.ns = report["ns"];
  return result;
}

// Rounds.

/// The hosts: a cable that the relay sends into, and one that it receives from. Its near ends lie
/// in the same namespace where it needs both.
struct Hosts {
  trial::Cable out;
  std::optional<trial::Cable> in;
};

Expected<Figures> run_real(const Case& tried, const Options& options) {
  auto cable = trial::lay_cable();
  if (!cable) return std::unexpected(cable.error());
  const bool two_cores = tried.layout == Layout::two_cores;
  engine::Rule rule;
  rule.name = "bench";
  rule.input = cable->at_near;
  rule.outputs = {cable->to_far};
  const traffic::ChildSpec spec{"relay", &cable->near, 1U};
  auto relay = traffic::Child::start(
      two_cores ? traffic::ChildSpec{"relay", &cable->near, {}} : spec,
      [&](const traffic::ChildContext& context) {
        return two_cores ? run_on_two_cores(tried, options, cable->to_far, context)
                         : run_on_one_core(tried, rule, context);
      });
  if (!relay) return std::unexpected(relay.error());
  if (auto ready = relay->wait_until_ready(engine::seconds(10)); !ready)
    return std::unexpected(ready.error());
  double offered_seconds = 0;
  if (!two_cores) {
    const auto offered = offer(*cable, options);
    if (!offered) return std::unexpected(offered.error());
    offered_seconds = static_cast<double>(offered->duration.ns) / 1e9;
  }
  const traffic::ChildEnd* end =
      two_cores
          ? relay->wait(engine::Duration{static_cast<std::int64_t>((options.seconds + 10) * 1e9)})
          : &relay->stop();
  if (end == nullptr || !end->succeeded()) {
    return failure(fmt::format("{}: the relay {}", tried.name,
                               end == nullptr ? "does not end" : traffic::describe(*end)));
  }
  const auto json = ordered_json::parse(end->report);
  Figures figures = figures_from(json);
  if (two_cores) return figures;
  // Over the time in which something was offered.
  const double received = json["received"];
  const double drops = json["kernel_drops"];
  figures.offered_per_second = (received + drops) / offered_seconds;
  figures.egress_per_second = json["sent"].get<double>() / offered_seconds;
  figures.refused_fraction = 1 - json["sent"].get<double>() / std::max(1.0, received + drops);
  return figures;
}

Figures run_simulated(const Case& tried, const Options& options, const sim::CostProfile& costs,
                      double offered_per_second) {
  lab::Scenario scenario;
  scenario.name = tried.name;
  sim::WorldConfig& world = scenario.world;
  world.costs = costs;
  sim::NodeConfig& node = world.nodes[0];
  node.stage = tried.stage;
  node.threads = 2;
  node.egress_core = tried.layout == Layout::two_cores ? 1 : 0;
  node.completions_max = 2 * tried.stage.submissions_max;
  if (tried.send_buffer_bytes > 0) node.send_buffer_bytes = 2 * tried.send_buffer_bytes;
  node.receive_buffer_bytes = 2 * (4U << 20U);
  if (tried.layout == Layout::two_cores) world.costs.receive_ns = kMemorySourceFrameNs;
  world.traffic[0].rate = static_cast<std::uint64_t>(offered_per_second);
  world.traffic[0].payload_bytes = options.payload_bytes;
  world.traffic[0].count =
      static_cast<std::uint64_t>(offered_per_second * std::min(options.seconds, 1.0));
  const lab::RunResult result = lab::run(scenario, 1, {&interrupted, {}});
  const lab::HopResult& hop = result.hops[0];
  const auto duration = static_cast<double>(std::max<std::int64_t>(result.duration_ns, 1));
  Figures figures;
  figures.egress_per_second = static_cast<double>(hop.sent) * 1e9 / duration;
  figures.offered_per_second = static_cast<double>(hop.arrived) * 1e9 / duration;
  figures.refused_fraction = 1 - static_cast<double>(hop.sent) /
                                     static_cast<double>(std::max<std::uint64_t>(hop.arrived, 1));
  for (std::size_t place = 0; place < lab::kPlaceCount; ++place) {
    figures.census[std::string(lab::kPlaceNames[place])] =
        static_cast<double>(hop.place_times[place]) / duration;
  }
  figures.outstanding = static_cast<double>(hop.outstanding_integral) / duration;
  figures.in_flight = figures.census["in_flight"] + figures.census["completed"];
  return figures;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// By each figure's own median.
Figures median_of(const std::vector<Figures>& rounds) {
  const auto of = [&rounds](auto member) {
    std::vector<double> values;
    for (const Figures& figures : rounds) values.push_back(figures.*member);
    return median(values);
  };
  Figures middle;
  middle.egress_per_second = of(&Figures::egress_per_second);
  middle.refused_fraction = of(&Figures::refused_fraction);
  middle.outstanding = of(&Figures::outstanding);
  middle.in_flight = of(&Figures::in_flight);
  middle.offered_per_second = of(&Figures::offered_per_second);
  for (const auto& [place, count] : rounds.front().census) {
    std::vector<double> values;
    for (const Figures& figures : rounds) values.push_back(figures.census.at(place));
    middle.census[place] = median(values);
  }
  return middle;
}

void print_table(const ordered_json& results) {
  fmt::print("{:<34}{:>9}{:>17}{:>9}{:>9}{:>8}{:>8} |{:>9}{:>7}{:>9}{:>7}{:>9}\n", "two threads",
             "offered", "egress k/s", "(range)", "refused", "outst.", "queued", "sim k/s", "",
             "refused", "outst.", "queued");
  for (const auto& row : results["results"]) {
    const Figures real = figures_from(row["real"]);
    const Figures simulated = figures_from(row["simulated"]);
    fmt::print(
        "{:<34}{:>8.0f}k{:>10.0f} {:>15}{:>8.1f}%{:>9.0f}{:>8.0f} "
        "|{:>9.0f}{:>7}{:>8.1f}%{:>7.0f}{:>9.0f}\n",
        row["case"].get<std::string>(), real.offered_per_second / 1e3, real.egress_per_second / 1e3,
        fmt::format("({:.0f}-{:.0f})", row["least_per_second"].get<double>() / 1e3,
                    row["most_per_second"].get<double>() / 1e3),
        100 * real.refused_fraction, real.outstanding, real.census.at("egress_queue"),
        simulated.egress_per_second / 1e3,
        fmt::format("{:.2f}x", simulated.egress_per_second / std::max(1.0, real.egress_per_second)),
        100 * simulated.refused_fraction, simulated.outstanding,
        simulated.census.at("egress_queue"));
  }
  fmt::print("\nBuffers by place, mean (real / simulated):\n{:<34}", "");
  for (const std::string_view place : lab::kPlaceNames) fmt::print("{:>15}", place);
  fmt::print("\n");
  for (const auto& row : results["results"]) {
    fmt::print("{:<34}", row["case"].get<std::string>());
    for (const std::string_view place : lab::kPlaceNames) {
      const std::string key(place);
      fmt::print("{:>15}", fmt::format("{:.0f} / {:.0f}", row["real"]["census"][key].get<double>(),
                                       row["simulated"]["census"][key].get<double>()));
    }
    fmt::print("\n");
  }
}

Expected<sim::CostProfile> costs_for(const Options& options) {
  if (!options.costs_file.empty()) {
    const auto scenario = lab::parse_scenario("version = 1\n", "bench", {}, options.costs_file);
    if (!scenario) return std::unexpected(scenario.error());
    return scenario->world.costs;
  }
  trial::CalibrateRequest request;
  request.stop = &interrupted;
  request.progress = [](std::uint64_t done, std::uint64_t of) {
    fmt::print(stderr, "\rmeasuring costs: {} of {} ", done, of);
  };
  const auto calibration = trial::calibrate(request);
  fmt::print(stderr, "\n");
  if (!calibration) return std::unexpected(calibration.error());
  return calibration->costs;
}

int run(const Options& options) {
  std::vector<Case> cases = all_cases();
  if (!options.only.empty()) {
    std::erase_if(cases, [&](const Case& tried) {
      return tried.name.find(options.only) == std::string::npos;
    });
  }
  if (cases.empty()) {
    fmt::print(stderr, "bench_regression: --only \"{}\": no such case\n", options.only);
    return 2;
  }
  const auto costs = costs_for(options);
  if (!costs) {
    fmt::print(stderr, "bench_regression: {}\n", costs.error().message);
    return 1;
  }
  std::vector<std::vector<Figures>> rounds(cases.size());
  for (unsigned round = 0; round < options.rounds; ++round) {
    for (std::size_t index = 0; index < cases.size() && !interrupted; ++index) {
      fmt::print(stderr, "round {} of {}: {}\n", round + 1, options.rounds, cases[index].name);
      const auto figures = run_real(cases[index], options);
      if (!figures) {
        fmt::print(stderr, "bench_regression: {}\n", figures.error().message);
        return 1;
      }
      rounds[index].push_back(*figures);
    }
  }
  ordered_json results{{"payload_bytes", options.payload_bytes},
                       {"seconds", options.seconds},
                       {"rounds", options.rounds},
                       {"results", ordered_json::array()}};
  for (std::size_t index = 0; index < cases.size(); ++index) {
    if (rounds[index].empty()) continue;  // interrupted
    const Figures real = median_of(rounds[index]);
    std::vector<double> rates;
    for (const Figures& figures : rounds[index]) rates.push_back(figures.egress_per_second);
    results["results"].push_back(
        {{"case", cases[index].name},
         {"layout", cases[index].layout == Layout::two_cores ? "two cores" : "one core"},
         {"real", to_json(real)},
         {"least_per_second", std::ranges::min(rates)},
         {"most_per_second", std::ranges::max(rates)},
         {"simulated",
          to_json(run_simulated(cases[index], options, *costs, real.offered_per_second))}});
  }
  if (options.json) {
    fmt::print("{}\n", results.dump());
  } else {
    print_table(results);
  }
  return interrupted ? 1 : 0;
}

}  // namespace
}  // namespace reprise::bench

int main(int argument_count, char** arguments) {
  using namespace reprise::bench;
  CLI::App program("The two-thread pipeline under overload, real and simulated",
                   "bench_regression");
  Options options;
  program.add_option("--seconds", options.seconds, "of traffic in one run (default 1)")
      ->check(CLI::Range(0.05, 30.0));
  program.add_option("--rounds", options.rounds, "of every case, interleaved (default 3)")
      ->check(CLI::Range(1, 100));
  program.add_option("--rate", options.rate, "offered, two cores (default 690000)");
  program.add_option("--generator-rate", options.generator_rate,
                     "asked of the generator, one core (default 400000)");
  program.add_option("--payload", options.payload_bytes, "bytes (default 1400)")
      ->check(CLI::Range(16, 1472));
  program.add_option("--only", options.only, "cases whose name contains this");
  program.add_option("--costs", options.costs_file,
                     "of the simulation, as reprise-lab calibrate --toml writes them (default: "
                     "measured first)");
  program.add_flag("--json", options.json, "one line of JSON");
  CLI11_PARSE(program, argument_count, arguments);
  std::signal(SIGINT, [](int) { interrupted = true; });
  return run(options);
}
