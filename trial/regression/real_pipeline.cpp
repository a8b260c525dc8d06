#include "reprise/trial/regression/real_pipeline.hpp"

#include <fcntl.h>
#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <memory>
#include <optional>
#include <thread>
#include <utility>

#include "reprise/daemon/relay.hpp"
#include "reprise/daemon/worker.hpp"
#include "reprise/traffic/child.hpp"
#include "reprise/traffic/generator.hpp"
#include "reprise/trial/cable.hpp"
#include "reprise/trial/core.hpp"
#include "reprise/trial/regression/memory_source.hpp"
#include "reprise/uring/uring_backend.hpp"

namespace reprise::trial {
namespace {

using engine::Expected;
using engine::failure;
using engine::Instant;
using nlohmann::ordered_json;

constexpr std::uint16_t kPort = 5000;

int null_device() { return ::open("/dev/null", O_WRONLY | O_CLOEXEC); }

/// Ends the child with a note on standard error.
int fail(std::string_view message) {
  fmt::print(stderr, "pipeline: {}\n", message);
  return 1;
}

struct Counts {
  std::uint64_t received = 0;
  std::uint64_t no_buffer = 0;
  double seconds = 0;
};

PipelineFigures figures_of(const Counts& counts,
                           const std::optional<daemon::CensusResult>& census) {
  PipelineFigures figures;
  figures.offered_per_second = static_cast<double>(counts.received) / counts.seconds;
  figures.refused_fraction = static_cast<double>(counts.no_buffer) /
                             static_cast<double>(std::max<std::uint64_t>(counts.received, 1));
  if (!census) return figures;
  for (std::size_t place = 0; place < daemon::kPlaceCount; ++place) {
    figures.census[std::string(daemon::kPlaceNames[place])] = census->mean[place];
    if (place >= static_cast<std::size_t>(daemon::Place::hand_off))
      figures.outstanding += census->mean[place];
  }
  figures.in_flight = figures.census["in_flight"] + figures.census["completed"];
  return figures;
}

std::uint64_t no_buffer_of(const engine::IngressCounters& counters) {
  return counters.dropped[static_cast<std::size_t>(engine::IngressDrop::no_buffer)];
}

// Two cores.

MemorySourceOptions source_options(const PipelineLoad& load) {
  MemorySourceOptions options;
  options.header.source = engine::Address::ipv4(192, 0, 2, 9);
  options.header.destination = engine::Address::ipv4(239, 9, 9, 9);
  options.header.destination_port = kPort;
  options.payload_bytes = load.payload_bytes;
  options.rate_per_second = load.rate;
  options.count = static_cast<std::uint64_t>(static_cast<double>(load.rate) * load.seconds);
  return options;
}

/// Both workers, and what is between them.
struct Pipeline {
  Pipeline(const engine::StageConfig& stage, std::unique_ptr<MemorySource> owned_source,
           std::unique_ptr<uring::UringBackend> ring)
      : source(owned_source.get()),
        ingress(engine::with_role(stage, engine::Role::ingress), std::move(owned_source)),
        egress(engine::with_role(stage, engine::Role::egress), std::move(ring)),
        hand_off(stage, ingress.backend(), egress.backend()) {}

  /// Memory, hand-off, census, log; then the socket, and the route that leads to it.
  Expected<void> connect(const PipelineCase& tried, const engine::Endpoint& to);
  Expected<void> add_route(const PipelineCase& tried, const engine::Endpoint& to);

  MemorySource* source;  ///< of `ingress`
  daemon::Worker ingress;
  daemon::Worker egress;
  daemon::ThreadHandOff hand_off;
  daemon::IngressOccupancy occupancy;
};

Expected<void> Pipeline::connect(const PipelineCase& tried, const engine::Endpoint& to) {
  const auto memory = ingress.backend().register_memory(tried.stage.memory());
  if (!memory) return std::unexpected(memory.error());
  if (auto used = egress.backend().use_memory(*memory); !used) return used;
  ingress.set_memory(*memory);
  egress.set_memory(*memory);
  ingress.set_hand_off(hand_off);
  egress.set_hand_off(hand_off);
  ingress.tell_census(occupancy);
  egress.take_census(&occupancy);
  if (tried.stage.hazards.log_lines != engine::LogLines::none) {
    const int lines_to = null_device();
    ingress.write_lines_to(lines_to);
    egress.write_lines_to(lines_to);
  }
  return add_route(tried, to);
}

Expected<void> Pipeline::add_route(const PipelineCase& tried, const engine::Endpoint& to) {
  engine::SendSocketSpec spec;
  spec.destination = to.group;
  spec.port = to.port;
  spec.interface = to.interface;
  spec.send_buffer_bytes = tried.send_buffer_bytes;
  const auto socket = egress.backend().open(spec);
  if (!socket) return std::unexpected(socket.error());
  const auto first = egress.stage().add_outputs({&*socket, 1});
  const auto input = ingress.stage().add_input(engine::SocketIndex{0});
  if (!first || !input) return failure("no room for an input and an output");
  const engine::RouteKey key{{}, source_options({}).header.destination, *input, kPort};
  if (auto added = ingress.stage().add_route(key, *first); !added) return failure("no route");
  egress.watch(*first);
  return {};
}

/// In the child, in the namespace that sends.
int run_on_two_cores(const PipelineCase& tried, const PipelineLoad& load,
                     const engine::Endpoint& to, const traffic::ChildContext& context) {
  auto ring = uring::UringBackend::create({.submission_entries = tried.stage.submissions_max,
                                           .completion_entries = 2 * tried.stage.submissions_max});
  if (!ring) return fail(ring.error().message);
  Pipeline pipeline(tried.stage, std::make_unique<MemorySource>(source_options(load)),
                    std::move(*ring));
  if (auto connected = pipeline.connect(tried, to); !connected)
    return fail(connected.error().message);
  const std::vector<unsigned> cores = allowed_cores();
  const auto pinned = PinnedHere::pin(cores.front());
  if (!pinned) return fail(pinned.error().message);

  context.ready();
  const Instant begin = pipeline.source->now();
  const auto after = [&](double share) {
    return begin + engine::Duration{static_cast<std::int64_t>(load.seconds * share * 1e9)};
  };
  RateWindow window(after(kWarmUp), after(1));
  std::jthread sender = start_on(cores.back(), [&](const std::stop_token&) {
    pipeline.egress.run([&](Instant now) {
      window.look(now, pipeline.egress.stage().egress().sent());
      return engine::kNever;
    });
  });
  Instant end = begin;
  pipeline.ingress.run([&](Instant now) {
    if (pipeline.source->has_ended() || context.stop().load()) {
      if (end == begin) end = now;
      pipeline.ingress.command(daemon::Command::stop);
    }
    return engine::kNever;
  });
  sender.join();
  if (end == begin) end = pipeline.source->now();
  const daemon::WorkerCounts in = pipeline.ingress.counts();
  const daemon::WorkerCounts out = pipeline.egress.counts();
  const std::uint64_t dropped = pipeline.source->statistics(engine::SocketIndex{0}).kernel_drops;
  PipelineFigures figures = figures_of({.received = in.ingress.received + dropped,
                                        .no_buffer = no_buffer_of(in.ingress) + dropped,
                                        .seconds = static_cast<double>((end - begin).ns) / 1e9},
                                       out.census);
  figures.egress_per_second = window.per_second();
  context.report(to_json(figures).dump());
  if (!in.laws_hold || !out.laws_hold) return fail("a conservation law does not hold");
  return 0;
}

// One core.

int run_on_one_core(const PipelineCase& tried, const engine::Rule& rule,
                    const traffic::ChildContext& context) {
  daemon::RelayOptions options;
  options.stage = tried.stage;
  options.threads = 2;
  options.one_core = true;
  options.census = true;
  options.send_buffer_bytes = tried.send_buffer_bytes;
  options.log_descriptor = null_device();
  const auto relay = daemon::Relay::open({&rule, 1}, options);
  if (!relay) return fail(relay.error().message);
  static std::atomic<daemon::Relay*> running = nullptr;
  running = relay->get();
  std::signal(SIGTERM, [](int) { running.load()->request_stop(); });
  context.ready();
  const daemon::RelayReport report = (*relay)->run();
  const PipelineFigures figures =
      figures_of({.received = report.ingress.received + report.kernel_drops,
                  .no_buffer = no_buffer_of(report.ingress),
                  .seconds = static_cast<double>(report.elapsed.ns) / 1e9},
                 report.census);
  ordered_json json = to_json(figures);
  json["arrived"] = report.ingress.received + report.kernel_drops;
  json["sent"] = report.output_total().sent;
  context.report(json.dump());
  return report.laws_hold ? 0 : fail("a conservation law does not hold");
}

Expected<const traffic::ChildEnd*> wait_for(traffic::Child& child, engine::Duration longest,
                                            const std::atomic<bool>& stop) {
  constexpr engine::Duration kLook = engine::milliseconds(100);
  for (engine::Duration waited{}; waited < longest; waited = waited + kLook) {
    if (const traffic::ChildEnd* end = child.wait(kLook); end != nullptr) return end;
    if (!stop.load(std::memory_order_relaxed)) continue;
    child.stop();
    return failure("interrupted", EINTR);
  }
  return failure("it does not end");
}

engine::Duration patience(const PipelineLoad& load) {
  return engine::Duration{static_cast<std::int64_t>((load.seconds + 10) * 1e9)};
}

/// A generator on the other core, until it has sent all. Returns how many seconds that took.
Expected<double> offer(const Cable& cable, const PipelineLoad& load,
                       const std::atomic<bool>& stop) {
  const traffic::ChildSpec spec{"generator", &cable.far, allowed_cores().front()};
  auto generator = traffic::Child::start(spec, [&](const traffic::ChildContext& context) {
    traffic::GeneratorOptions offered;
    offered.destination = cable.to_near;
    offered.payload_bytes = load.payload_bytes;
    offered.rate_per_second = load.rate;
    offered.count = static_cast<std::uint64_t>(static_cast<double>(load.rate) * load.seconds);
    context.ready();
    const auto result = traffic::generate(offered, context.stop());
    if (!result) return fail(result.error().message);
    context.report(ordered_json{{"ns", result->duration.ns}}.dump());
    return 0;
  });
  if (!generator) return std::unexpected(generator.error());
  const auto end = wait_for(*generator, patience(load) + patience(load), stop);
  if (!end) return std::unexpected(end.error());
  if (!(*end)->succeeded())
    return failure(fmt::format("the generator {}", traffic::describe(**end)));
  return ordered_json::parse((*end)->report)["ns"].get<double>() / 1e9;
}

/// Waits for the relay in the child, and reads what it reports.
Expected<PipelineFigures> result_of(traffic::Child& relay, const Cable& cable, Layout layout,
                                    const PipelineLoad& load, const std::atomic<bool>& stop) {
  if (auto ready = relay.wait_until_ready(engine::seconds(10)); !ready)
    return std::unexpected(ready.error());
  Expected<double> offered_seconds = 0.0;
  Expected<const traffic::ChildEnd*> end = nullptr;
  if (layout == Layout::one_core) {
    offered_seconds = offer(cable, load, stop);
    if (!offered_seconds) return std::unexpected(offered_seconds.error());
    end = &relay.stop();
  } else {
    end = wait_for(relay, patience(load), stop);
    if (!end) return std::unexpected(end.error());
  }
  if (!(*end)->succeeded()) return failure(fmt::format("the relay {}", traffic::describe(**end)));
  const auto json = ordered_json::parse((*end)->report);
  PipelineFigures figures = pipeline_figures_from(json);
  if (layout == Layout::two_cores) return figures;
  // Over the time in which something was offered.
  const double arrived = json["arrived"];
  const double sent = json["sent"];
  figures.offered_per_second = arrived / *offered_seconds;
  figures.egress_per_second = sent / *offered_seconds;
  figures.refused_fraction = 1 - sent / std::max(1.0, arrived);
  return figures;
}

}  // namespace

Expected<void> check_cores() {
  const std::size_t cores = allowed_cores().size();
  if (cores >= 2) return {};
  return failure(
      fmt::format("this process may run on {} core; expected two, one for each thread "
                  "of the pipeline (see taskset(1))",
                  cores));
}

Expected<PipelineFigures> run_real(const PipelineCase& tried, const PipelineLoad& load,
                                   const std::atomic<bool>& stop) {
  if (auto enough = check_cores(); !enough) return std::unexpected(enough.error());
  auto cable = lay_cable();
  if (!cable) return std::unexpected(cable.error());
  engine::Rule rule;
  rule.name = "pipeline";
  rule.input = cable->at_near;
  rule.outputs = {cable->to_far};
  traffic::ChildSpec spec{"relay", &cable->near, {}};
  if (tried.layout == Layout::one_core) spec.cpu = allowed_cores().back();
  auto relay = traffic::Child::start(spec, [&](const traffic::ChildContext& context) {
    return tried.layout == Layout::two_cores ? run_on_two_cores(tried, load, cable->to_far, context)
                                             : run_on_one_core(tried, rule, context);
  });
  if (!relay) return std::unexpected(relay.error());
  auto figures = result_of(*relay, *cable, tried.layout, load, stop);
  if (!figures) {
    return failure(fmt::format("{}: {}", tried.name, figures.error().message),
                   figures.error().errno_value);
  }
  return figures;
}

}  // namespace reprise::trial
