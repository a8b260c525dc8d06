#include "reprise/traffic/demo.hpp"

#include <fmt/format.h>
#include <sched.h>
#include <unistd.h>

#include <cstdio>
#include <vector>

#include "reprise/traffic/child.hpp"
#include "reprise/traffic/demo_topology.hpp"
#include "reprise/traffic/generator.hpp"
#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/traffic/receiver.hpp"
#include "reprise/traffic/results_json.hpp"
#include "reprise/traffic/shared_counters.hpp"

namespace reprise::traffic {
namespace {

using engine::Duration;
using engine::Expected;
using engine::Instant;
using Json = nlohmann::ordered_json;

constexpr Duration kReadyTimeout = engine::seconds(10);
constexpr Duration kPoll = engine::milliseconds(100);
constexpr Duration kSinkLinger = engine::milliseconds(100);  ///< for late duplicates
constexpr Duration kSinkIdle = engine::seconds(2);           ///< in flight no longer than this
constexpr Duration kSinkTimeout = engine::seconds(10);
constexpr Duration kTerminalInterval = engine::milliseconds(200);
constexpr Duration kLogInterval = engine::seconds(1);

constexpr int kExitCannotRun = 2;

/// One line on standard error: rewritten in place on a terminal, else printed every second.
class Progress {
 public:
  Progress(const DemoOptions& options, const TrafficCounters& counters)
      : options_(options),
        counters_(counters),
        terminal_(isatty(STDERR_FILENO) == 1),
        next_(monotonic_now() + interval()) {}
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() {
    if (terminal_ && shown_) fmt::print(stderr, "\r\x1b[K");
  }

  void update() {
    const Instant now = monotonic_now();
    if (!options_.progress || now < next_) return;
    next_ = now + interval();
    shown_ = true;
    fmt::print(stderr, "{}demo: sent {} and received {} of {} datagrams{}",
               terminal_ ? "\r\x1b[K" : "", counters_.sent.load(std::memory_order_relaxed),
               counters_.received.load(std::memory_order_relaxed), options_.count,
               terminal_ ? "" : "\n");
    std::fflush(stderr);
  }

 private:
  [[nodiscard]] Duration interval() const { return terminal_ ? kTerminalInterval : kLogInterval; }

  const DemoOptions& options_;
  const TrafficCounters& counters_;
  bool terminal_;
  bool shown_ = false;
  Instant next_;
};

/// What the function of a child does with its result: reports it, or says why there is none.
template <class Result>
int deliver(const ChildContext& context, const Expected<Result>& result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().message);
    return kExitCannotRun;
  }
  context.report(to_json(*result).dump());
  return 0;
}

Expected<Child> start_receiver(const DemoOptions& options, const DemoTopology& topology,
                               TrafficCounters& counters) {
  const ChildSpec spec{"sink", &topology.sink, options.placement.receiver};
  return Child::start(spec, [&](const ChildContext& context) {
    ReceiverOptions receiver;
    receiver.input = topology.received_from;
    receiver.count = options.count;
    receiver.linger = kSinkLinger;
    receiver.published = &counters.received;
    receiver.ready = [&] { context.ready(); };
    return deliver(context, receive(receiver, context.stop()));
  });
}

Expected<Child> start_relay(const DemoOptions& options, const DemoTopology& topology,
                            const DemoRelay& relay) {
  const ChildSpec spec{"relay", &topology.relay, options.placement.relay};
  return Child::start(spec, [&](const ChildContext& context) {
    return relay({.rule = topology.rule,
                  .stop = context.stop(),
                  .ready = [&] { context.ready(); },
                  .report = [&](std::string_view text) { context.report(text); }});
  });
}

Expected<Child> start_generator(const DemoOptions& options, const DemoTopology& topology,
                                TrafficCounters& counters) {
  const ChildSpec spec{"generator", &topology.source, options.placement.generator};
  return Child::start(spec, [&](const ChildContext& context) {
    GeneratorOptions generator;
    generator.destination = topology.sent_to;
    generator.count = options.count;
    generator.payload_bytes = options.payload_bytes;
    generator.rate_per_second = options.rate_per_second;
    generator.window = {.received = &counters.received, .datagrams = options.window_datagrams};
    generator.published = &counters.sent;
    return deliver(context, generate(generator, context.stop()));
  });
}

/// An error where the child did not end well, or what it reported is no JSON object.
Expected<Json> report_of(std::string_view name, const ChildEnd& end) {
  if (!end.succeeded()) {
    return engine::failure(fmt::format("demo: the {} {}{}", name, describe(end),
                                       end.signal == 0 ? " (its message is above)" : ""));
  }
  Json report = Json::parse(end.report.empty() ? "{}" : end.report, nullptr, false);
  if (!report.is_object()) {
    return engine::failure(
        fmt::format("demo: the {} reported '{}', expected a JSON object", name, end.report));
  }
  return report;
}

/// The three processes, from the start of the last one to the end of the first.
class Run {
 public:
  Run(Child& generator, Child& relay, Child& receiver, const std::atomic<bool>& stop)
      : generator_(generator), relay_(relay), receiver_(receiver), stop_(stop) {}

  /// Returns when the generator is done. An error where another process ended before it.
  Expected<void> watch(Progress& progress) {
    while (generator_.wait(kPoll) == nullptr) {
      progress.update();
      if (stop_.load(std::memory_order_relaxed)) {
        interrupted_ = true;
        generator_.stop();
        return {};
      }
      if (const ChildEnd* end = relay_.wait({})) return ended_early("relay", *end);
    }
    return {};
  }

  /// Gives what is on its way time to arrive, then ends the sink and last the relay.
  Expected<DemoResult> finish(const DemoOptions& options, const TrafficCounters& counters) {
    const auto generator = report_of("generator", generator_.stop());
    if (!generator) return std::unexpected(generator.error());
    wait_for_the_rest(counters);
    const auto receiver = report_of("sink", receiver_.stop());
    if (!receiver) return std::unexpected(receiver.error());
    auto relay = report_of("relay", relay_.stop());
    if (!relay) return std::unexpected(relay.error());

    DemoResult result = read(*generator, *receiver);
    result.relay_report = std::move(*relay);
    result.interrupted = interrupted_;
    result.complete = result.sent == options.count;
    return result;
  }

 private:
  static Expected<void> ended_early(std::string_view name, const ChildEnd& end) {
    return engine::failure(fmt::format(
        "demo: the {} {} while traffic was running (see its message above)", name, describe(end)));
  }

  /// Until the sink ends by itself, or nothing has arrived for a while.
  void wait_for_the_rest(const TrafficCounters& counters) {
    const Instant deadline = monotonic_now() + kSinkTimeout;
    std::uint64_t received = counters.received.load(std::memory_order_relaxed);
    Instant last_change = monotonic_now();
    while (receiver_.wait(kPoll) == nullptr) {
      const Instant now = monotonic_now();
      const std::uint64_t current = counters.received.load(std::memory_order_relaxed);
      if (current != received) last_change = now;
      received = current;
      const bool interrupted = stop_.load(std::memory_order_relaxed);
      interrupted_ = interrupted_ || interrupted;
      if (interrupted || now - last_change >= kSinkIdle || now >= deadline) return;
    }
  }

  static DemoResult read(const Json& generator, const Json& receiver) {
    const auto count = [&](const char* field) { return receiver.value(field, std::uint64_t{0}); };
    const auto duration = [&](const char* field) {
      return Duration{receiver.value(field, std::int64_t{0})};
    };
    DemoResult result;
    result.sent = generator.value("sent", std::uint64_t{0});
    result.stalls = generator.value("stalls", std::uint64_t{0});
    result.received = count("received");
    result.lost = result.sent > result.received ? result.sent - result.received : 0;
    result.reordered = count("reordered");
    result.duplicated = count("duplicated");
    result.corrupted = count("corrupted");
    result.sink_drops = count("kernel_drops");
    result.duration = duration("duration_ns");
    result.latency = {duration("latency_p50_ns"), duration("latency_p99_ns"),
                      duration("latency_p999_ns")};
    if (result.duration.ns > 0) {
      result.datagrams_per_second =
          static_cast<double>(result.received) * 1e9 / static_cast<double>(result.duration.ns);
    }
    return result;
  }

  Child& generator_;
  Child& relay_;
  Child& receiver_;
  const std::atomic<bool>& stop_;
  bool interrupted_ = false;
};

}  // namespace

DemoPlacement default_demo_placement() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return {};
  std::vector<unsigned> cpus;
  for (unsigned cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed)) cpus.push_back(cpu);
  }
  if (cpus.size() < 2) return {};
  return {.generator = cpus[0], .relay = cpus[1], .receiver = std::nullopt};
}

nlohmann::ordered_json to_json(const DemoResult& result) {
  return {{"sent", result.sent},
          {"received", result.received},
          {"lost", result.lost},
          {"reordered", result.reordered},
          {"duplicated", result.duplicated},
          {"corrupted", result.corrupted},
          {"seconds", static_cast<double>(result.duration.ns) / 1e9},
          {"datagrams_per_second", result.datagrams_per_second},
          {"latency_p50_ns", result.latency.p50.ns},
          {"latency_p99_ns", result.latency.p99.ns},
          {"latency_p999_ns", result.latency.p999.ns},
          {"stalls", result.stalls},
          {"sink_drops", result.sink_drops},
          {"interrupted", result.interrupted},
          {"complete", result.complete},
          {"relay", result.relay_report}};
}

Expected<DemoResult> run_demo(const DemoOptions& options, const DemoRelay& relay,
                              const std::atomic<bool>& stop) {
  if (options.count == 0) return engine::failure("demo: count 0: expected at least 1");
  const auto topology =
      build_demo_topology({.family = options.family, .cable = {.offloads = options.offloads}});
  if (!topology) return std::unexpected(topology.error());
  const SharedCounters counters;

  auto receiver = start_receiver(options, *topology, *counters);
  if (!receiver) return std::unexpected(receiver.error());
  auto relaying = start_relay(options, *topology, relay);
  if (!relaying) return std::unexpected(relaying.error());
  for (Child* child : {&*receiver, &*relaying}) {
    if (auto ready = child->wait_until_ready(kReadyTimeout); !ready) {
      return std::unexpected(ready.error());
    }
  }
  auto generator = start_generator(options, *topology, *counters);
  if (!generator) return std::unexpected(generator.error());

  Run run(*generator, *relaying, *receiver, stop);
  {
    Progress progress(options, *counters);
    if (auto watched = run.watch(progress); !watched) return std::unexpected(watched.error());
  }
  return run.finish(options, *counters);
}

}  // namespace reprise::traffic
