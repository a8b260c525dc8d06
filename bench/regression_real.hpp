// One case of bench/regression.cpp on the real kernel.
#pragma once

#include <fcntl.h>
#include <fmt/format.h>
#include <sched.h>

#include <atomic>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>

#include "memory_source.hpp"
#include "regression_cases.hpp"
#include "regression_figures.hpp"
#include "reprise/daemon/relay.hpp"
#include "reprise/daemon/worker.hpp"
#include "reprise/traffic/child.hpp"
#include "reprise/traffic/generator.hpp"
#include "reprise/trial/cable.hpp"
#include "reprise/uring/uring_backend.hpp"

namespace reprise::bench {

using engine::Expected;
using engine::failure;

inline std::atomic<bool> interrupted = false;

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

inline void pin_to(unsigned core) {
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

inline std::uint64_t no_buffer_of(const engine::IngressCounters& counters) {
  return counters.dropped[static_cast<std::size_t>(engine::IngressDrop::no_buffer)];
}

inline std::unique_ptr<uring::UringBackend> open_ring(const engine::StageConfig& stage) {
  uring::UringBackend::Options options;
  options.submission_entries = stage.submissions_max;
  options.completion_entries = 2 * stage.submissions_max;
  auto backend = uring::UringBackend::create(options);
  return backend ? std::move(*backend) : nullptr;
}

// Two cores.

/// In the child, in the namespace that sends.
inline int run_on_two_cores(const Case& tried, const Options& options, const engine::Endpoint& to,
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
  const auto memory = ingress.backend().register_memory(tried.stage.memory());
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

inline int run_on_one_core(const Case& tried, const engine::Rule& rule,
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
inline Expected<traffic::GeneratorResult> offer(const trial::Cable& in, const Options& options) {
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

inline Expected<Figures> run_real(const Case& tried, const Options& options) {
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

}  // namespace reprise::bench
