#include "round.hpp"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "offered_load.hpp"
#include "reprise/traffic/generator.hpp"
#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/traffic/receiver.hpp"
#include "reprise/traffic/results_json.hpp"
#include "usage.hpp"

namespace reprise::bench::peers {
namespace {

using engine::Duration;
using engine::Expected;
using engine::failure;
using engine::Instant;
using engine::milliseconds;
using nlohmann::json;
using traffic::Child;
using traffic::ChildContext;
using traffic::monotonic_now;

constexpr Duration kProbePause{200'000};
constexpr Duration kProbePatience = engine::seconds(10);
constexpr Duration kQuiet = milliseconds(25);
constexpr Duration kQuietPatience = engine::seconds(5);

/// A row of relays while it is measured.
class Row {
 public:
  Row(const Case& tried, const Relay& relay, const Hosts& hosts, const RoundOptions& options)
      : tried_(tried), relay_(relay), hosts_(hosts), options_(options) {}

  Expected<void> start() {
    started_at_ = monotonic_now();
    for (std::size_t hop = 0; hop < tried_.scenario.hops; ++hop) {
      auto child = relay_.start({hosts_.relay(hop), options_.relay_core, hop,
                                 rules_of(tried_.scenario, hop, relay_.keeps_group)});
      if (!child) return std::unexpected(child.error());
      children_.push_back(std::move(*child));
      processes_.push_back(children_.back().pid());
    }
    return {};
  }

  /// Sends probes until one arrives at the sink, and returns how long that took since start().
  Expected<Duration> wait_until_it_relays(const std::atomic<bool>& stop) {
    Expected<Probe> probe = failure("");
    auto opened = hosts_.source().visit([&]() -> Expected<void> {
      probe = Probe::open(tried_.scenario);
      if (!probe) return std::unexpected(probe.error());
      return {};
    });
    if (!opened) return std::unexpected(opened.error());
    const Arrivals before = hosts_.arrivals();
    while (!stop.load()) {
      probe->send();
      const Instant next = monotonic_now() + kProbePause;
      do {
        if ((hosts_.arrivals() - before).datagrams(tried_.scenario.payload_bytes) > 0)
          return monotonic_now() - started_at_;
      } while (monotonic_now() < next);
      if (auto alive = check_alive(); !alive) return std::unexpected(alive.error());
      if (monotonic_now() - started_at_ > kProbePatience)
        return failure("relays nothing after 10 s");
    }
    return failure("interrupted");
  }

  Expected<void> check_alive() {
    for (Child& child : children_) {
      const traffic::ChildEnd* const end = child.wait({});
      if (end != nullptr) return failure(describe(*end) + ": " + end->notes);
    }
    return {};
  }

  /// Until nothing has arrived for a while; returns when the last did.
  [[nodiscard]] Instant wait_until_quiet() const {
    Arrivals last = hosts_.arrivals();
    const Instant begin = monotonic_now();
    Instant changed = begin;
    for (Instant now = begin; now - changed < kQuiet && now - begin < kQuietPatience;
         now = monotonic_now()) {
      traffic::sleep_until(now + milliseconds(1));
      if (const Arrivals arrivals = hosts_.arrivals(); arrivals != last) {
        last = arrivals;
        changed = monotonic_now();
      }
    }
    return changed;
  }

  [[nodiscard]] const std::vector<pid_t>& processes() const { return processes_; }

  /// Of the relays, with the softirq work of their core that its own thread does.
  [[nodiscard]] std::int64_t cpu_ns() const {
    std::vector<pid_t> all = processes_;
    if (softirq_thread_ > 0) all.push_back(softirq_thread_);
    return cpu_ns_of(all);
  }

 private:
  const Case& tried_;
  const Relay& relay_;
  const Hosts& hosts_;
  const RoundOptions& options_;
  std::vector<Child> children_;
  std::vector<pid_t> processes_;
  Instant started_at_{};
  pid_t softirq_thread_ = softirq_thread_of(options_.relay_core);
};

/// CPU time of this process and of the children that it has waited for.
std::int64_t own_cpu_ns() {
  std::int64_t total_ns = 0;
  for (const int who : {RUSAGE_SELF, RUSAGE_CHILDREN}) {
    rusage usage{};
    ::getrusage(who, &usage);
    for (const timeval& time : {usage.ru_utime, usage.ru_stime})
      total_ns += time.tv_sec * 1'000'000'000LL + time.tv_usec * 1000LL;
  }
  return total_ns;
}

/// A child's report, once it has ended by itself.
Expected<json> report_of(Child& child, Duration longest, const std::atomic<bool>& stop) {
  const Instant deadline = monotonic_now() + longest;
  const traffic::ChildEnd* end = nullptr;
  while (end == nullptr && !stop.load() && monotonic_now() < deadline)
    end = child.wait(milliseconds(100));
  if (stop.load()) return failure("interrupted");
  if (end == nullptr || !end->succeeded()) return failure("the traffic did not end well");
  return json::parse(end->report);
}

Expected<Child> start_generator(const Case& tried, const Hosts& hosts,
                                const RoundOptions& options) {
  return Child::start({"generator", &hosts.source(), options.traffic_core},
                      [&](const ChildContext& context) {
                        const auto offered =
                            offer(tried.scenario, options.warm_up + options.length, context.stop());
                        if (!offered) return 1;
                        const json report{{"sent", offered->sent}, {"ns", offered->duration.ns}};
                        context.report(report.dump());
                        return 0;
                      });
}

Expected<Metrics> measure_throughput(const Case& tried, const Relay& relay, const Hosts& hosts,
                                     Row& row, const RoundOptions& options,
                                     const std::atomic<bool>& stop) {
  const Arrivals at_start = hosts.arrivals();
  const Instant warm = monotonic_now() + options.warm_up;
  auto generator = start_generator(tried, hosts, options);
  if (!generator) return std::unexpected(generator.error());
  while (monotonic_now() < warm && !stop.load()) traffic::sleep_until(warm);
  const Arrivals arrived_before = hosts.arrivals();
  const std::int64_t cpu_before_ns = row.cpu_ns();
  const std::int64_t own_before_ns = own_cpu_ns();
  const MachineReading machine_before = read_machine();
  const Instant begin = monotonic_now();
  const auto offered = report_of(*generator, options.length + engine::seconds(10), stop);
  if (!offered) return std::unexpected(offered.error());
  const Instant last = row.wait_until_quiet();
  const MachineUse use = use_between(machine_before, read_machine(), options.relay_core);
  const std::int64_t cpu_ns = row.cpu_ns() - cpu_before_ns;
  // The generator is one of these, with its warm-up.
  const double own_ns = static_cast<double>(own_cpu_ns() - own_before_ns) *
                        static_cast<double>(options.length.ns) /
                        static_cast<double>((options.warm_up + options.length).ns);
  const double others_ns = std::max(0.0, static_cast<double>(use.busy_ns - cpu_ns) - own_ns);
  if (auto alive = row.check_alive(); !alive) return std::unexpected(alive.error());

  const Scenario& scenario = tried.scenario;
  const auto sent = (*offered)["sent"].get<double>() * static_cast<double>(scenario.outputs);
  const Arrivals at_end = hosts.arrivals();
  const auto datagrams = [&](const Arrivals& since) {
    return static_cast<double>((at_end - since).datagrams(scenario.payload_bytes));
  };
  const double delivered = datagrams(arrived_before);
  if (delivered < 1) return failure("has stopped delivering");
  const double lost = std::max(0.0, sent - datagrams(at_start));
  Metrics metrics{
      {"offered_per_second", sent * 1e9 / (*offered)["ns"].get<double>()},
      {"delivered_per_second", delivered * 1e9 / static_cast<double>((last - begin).ns)},
      {"lost", lost},
      {"loss_percent", 100 * lost / sent},
      {"core_ns", static_cast<double>(use.core_busy_ns) / delivered},
      {"machine_ns", static_cast<double>(use.busy_ns) / delivered},
      {"others_percent", 100 * others_ns / static_cast<double>(use.elapsed_ns)},
      {"steal_percent", 100 * use.steal_fraction}};
  if (relay.has_process) metrics["cpu_ns"] = static_cast<double>(cpu_ns) / delivered;
  return metrics;
}

Expected<Child> start_checking_sink(const Case& tried, const Relay& relay, const Hosts& hosts,
                                    const RoundOptions& options, std::uint64_t count) {
  const std::size_t cable = relay.keeps_group ? 0 : tried.scenario.hops;
  auto sink =
      Child::start({"sink", &hosts.sink(), options.traffic_core}, [&](const ChildContext& context) {
        traffic::ReceiverOptions received;
        received.input = endpoint_on(cable, 0, 0, "in");
        received.count = count;
        received.linger = milliseconds(50);
        received.idle_before_first = engine::seconds(5);
        received.idle_after_first = milliseconds(500);
        received.ready = [&context] { context.ready(); };
        const auto result = traffic::receive(received, context.stop());
        if (!result) return 1;
        context.report(to_json(*result).dump());
        return 0;
      });
  if (!sink) return sink;
  if (auto ready = sink->wait_until_ready(engine::seconds(5)); !ready)
    return std::unexpected(ready.error());
  return sink;
}

Expected<Metrics> measure_checked(const Case& tried, const Relay& relay, const Hosts& hosts,
                                  Row& row, const RoundOptions& options,
                                  const std::atomic<bool>& stop) {
  const auto count =
      static_cast<std::uint64_t>(static_cast<double>(options.length.ns) / 1e9 *
                                 static_cast<double>(tried.scenario.rate_per_second));
  auto sink = start_checking_sink(tried, relay, hosts, options, count);
  if (!sink) return std::unexpected(sink.error());
  const MachineReading before = read_machine();
  auto generator = Child::start({"generator", &hosts.source(), options.traffic_core},
                                [&](const ChildContext& context) {
                                  traffic::GeneratorOptions offered;
                                  offered.destination = endpoint_on(0, 0, 0, "out");
                                  offered.payload_bytes = tried.scenario.payload_bytes;
                                  offered.rate_per_second = tried.scenario.rate_per_second;
                                  offered.count = count;
                                  const auto result = traffic::generate(offered, context.stop());
                                  if (!result) return 1;
                                  context.report(json{{"sent", result->sent}}.dump());
                                  return 0;
                                });
  if (!generator) return std::unexpected(generator.error());
  const auto offered = report_of(*generator, options.length + engine::seconds(10), stop);
  if (!offered) return std::unexpected(offered.error());
  const auto arrived = report_of(*sink, engine::seconds(10), stop);
  if (!arrived) return std::unexpected(arrived.error());
  const MachineUse use = use_between(before, read_machine(), options.relay_core);
  if (auto alive = row.check_alive(); !alive) return std::unexpected(alive.error());
  const json& sunk = *arrived;
  return Metrics{{"p50_us", sunk["latency_p50_ns"].get<double>() / 1e3},
                 {"p99_us", sunk["latency_p99_ns"].get<double>() / 1e3},
                 {"p999_us", sunk["latency_p999_ns"].get<double>() / 1e3},
                 {"lost", (*offered)["sent"].get<double>() - sunk["received"].get<double>()},
                 {"reordered", sunk["reordered"]},
                 {"duplicated", sunk["duplicated"]},
                 {"corrupted", sunk["corrupted"]},
                 {"steal_percent", 100 * use.steal_fraction}};
}

Metrics measure_start(Duration start, const Row& row) {
  const MemoryUse use = memory_of(row.processes());
  const auto mebibytes = [](std::uint64_t bytes) { return static_cast<double>(bytes) / 1048576; };
  return {{"start_ms", static_cast<double>(start.ns) / 1e6},
          {"pss_mib", mebibytes(use.proportional_bytes - use.ring_proportional_bytes)},
          {"rss_mib", mebibytes(use.resident_bytes - use.ring_resident_bytes)},
          {"pss_with_rings_mib", mebibytes(use.proportional_bytes)},
          {"rss_with_rings_mib", mebibytes(use.resident_bytes)}};
}

}  // namespace

Expected<Metrics> run_round(const Case& tried, const Relay& relay, const Hosts& hosts,
                            const RoundOptions& options, const std::atomic<bool>& stop) {
  Row row(tried, relay, hosts, options);
  if (auto started = row.start(); !started) return std::unexpected(started.error());
  const auto start = row.wait_until_it_relays(stop);
  if (!start) return std::unexpected(start.error());
  static_cast<void>(row.wait_until_quiet());
  switch (tried.kind) {
    case Kind::throughput: return measure_throughput(tried, relay, hosts, row, options, stop);
    case Kind::checked: return measure_checked(tried, relay, hosts, row, options, stop);
    case Kind::start: return measure_start(*start, row);
  }
  return failure("no such kind of case");
}

}  // namespace reprise::bench::peers
