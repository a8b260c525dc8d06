#include "reprise/daemon/relay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <thread>

#include "reprise/daemon/core_affinity.hpp"
#include "reprise/posix/capability.hpp"
#include "reprise/posix/port_holder.hpp"

namespace reprise::daemon {

using engine::Duration;
using engine::Endpoint;
using engine::Expected;
using engine::failure;
using engine::Instant;
using engine::Rule;

namespace {

/// How old another thread's counts may be in a report while it runs.
constexpr Duration kPublishInterval = engine::milliseconds(100);

Expected<void> check_cores(const std::vector<unsigned>& cores) {
  for (const unsigned core : cores) {
    Expected<void> pinned;
    std::jthread([&] { pinned = pin_to_core(core); }).join();
    if (!pinned) return pinned;
  }
  return {};
}

}  // namespace

Expected<std::unique_ptr<Relay>> Relay::open(std::span<const Rule> rules,
                                             const RelayOptions& options) {
  if (rules.empty()) return failure("no rule: expected at least one input with an output");
  if (const auto findings = engine::check(rules); !findings.empty())
    return std::unexpected(findings.front());
  if (const auto consistent = check(options); !consistent)
    return std::unexpected(consistent.error());
  const Expected<std::uint32_t> frame_bytes = largest_input_frame(rules);
  if (!frame_bytes) return std::unexpected(frame_bytes.error());
  if (const auto findings = engine::check(fit_to_rules(options, rules, *frame_bytes));
      !findings.empty())
    return std::unexpected(findings.front());
  if (const auto allowed =
          posix::require_capability(posix::Capability::net_raw,
                                    fmt::format("a packet socket on {}", rules[0].input.interface));
      !allowed) {
    return std::unexpected(allowed.error());
  }
  if (options.shield) {
    if (const auto allowed = posix::require_capability(posix::Capability::net_admin, "--shield");
        !allowed) {
      return std::unexpected(allowed.error());
    }
  }
  if (options.one_core) {
    if (const auto possible = OnOneCore::here(); !possible)
      return std::unexpected(possible.error());
  }
  if (const auto possible = check_cores(options.cores); !possible)
    return std::unexpected(possible.error());
  std::unique_ptr<Relay> relay(new Relay(options));
  if (const auto done = relay->open_lanes(rules); !done) return std::unexpected(done.error());
  if (const auto done = relay->record_flight(); !done) return std::unexpected(done.error());
  if (const auto done = relay->join(rules); !done) return std::unexpected(done.error());
  if (const auto done = relay->shield_inputs(rules); !done) return std::unexpected(done.error());
  relay->started_at_ = relay->lanes_.front()->now();
  return relay;
}

Expected<void> Relay::open_lanes(std::span<const Rule> rules) {
  const auto count = static_cast<std::uint16_t>(options_.workers);
  for (std::uint16_t index = 0; index < count; ++index) {
    LaneShare share{.index = index, .count = count, .fanout_groups = {}};
    if (index > 0) share.fanout_groups = lanes_.front()->fanout_groups();
    auto lane = Lane::open(rules, options_, share);
    if (!lane) return std::unexpected(lane.error());
    for (const std::string& note : (*lane)->notes()) notes_.push_back(note);
    lanes_.push_back(*std::move(lane));
  }
  for (const Rule& rule : rules) {
    for (const Endpoint& output : rule.outputs)
      outputs_.push_back({rule.name, engine::to_string(output), {}, 0});
  }
  return {};
}

Expected<void> Relay::record_flight() {
  if (options_.flight_log.path.empty()) return {};
  std::vector<flight::TrackPlan> plans;
  for (const auto& lane : lanes_) {
    for (const flight::TrackPlan& plan : lane->flight_plans()) plans.push_back(plan);
  }
  auto log = FlightLog::create(options_.flight_log, plans);
  if (!log) return std::unexpected(log.error());
  flight_log_ = *std::move(log);
  for (std::size_t index = 0; index < lanes_.size(); ++index)
    lanes_[index]->record_flight(*flight_log_, index * options_.threads);
  return {};
}

Expected<void> Relay::join(std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    const Endpoint& input = rule.input;
    if (input.group.is_multicast()) {
      if (const auto joined = memberships_.join(input.group, input.source, input.interface);
          !joined)
        return joined;
      continue;
    }
    auto holder = posix::hold_port(input.group, input.port, input.interface);
    if (!holder) return std::unexpected(holder.error());
    held_ports_.push_back(std::move(holder->socket));
  }
  return {};
}

/// Where no shield is wanted, too, a relay that was killed may have left one.
Expected<void> Relay::shield_inputs(std::span<const Rule> rules) {
  std::map<std::string, std::vector<engine::WantedTraffic>> wanted;
  for (const Rule& rule : rules) {
    wanted[rule.input.interface].push_back({rule.input.source, rule.input.group, rule.input.port});
  }
  for (const auto& [interface, traffic] : wanted) {
    if (options_.shield) {
      auto shield = Shield::attach(interface, traffic);
      if (!shield) return std::unexpected(shield.error());
      shields_.push_back(*std::move(shield));
    } else if (const auto removed = Shield::remove_stale(interface); !removed) {
      notes_.push_back(removed.error().message);
    }
  }
  return {};
}

RelayReport Relay::run(Duration interval,
                       const std::function<void(const RelayReport&)>& on_interval) {
  const bool reports = interval > Duration{} && on_interval;
  if (reports) {
    for (const auto& lane : lanes_) lane->publish_every(kPublishInterval);
  }
  Instant next_report = engine::kNever;
  run_lanes([&](Instant now) {
    if (reports && next_report == engine::kNever) next_report = now + interval;
    if (now >= next_report) {
      on_interval(report());
      next_report = next_report + interval;
    }
    enforce_drain_time(now);
    return std::min(next_report, stop_deadline_);
  });
  return report();
}

void Relay::run_lanes(const Worker::Attend& attend) {
  std::optional<OnOneCore> one_core;  // open() has seen that it is possible
  if (options_.one_core) {
    if (auto kept = OnOneCore::here()) one_core.emplace(*std::move(kept));
  }
  std::vector<std::jthread> others;
  try {
    for (std::size_t index = 1; index < lanes_.size(); ++index)
      others.emplace_back([lane = lanes_[index].get()] { lane->run(); });
    lanes_.front()->run(attend);
  } catch (...) {  // out of `attend`: the other threads must not be waited for for ever
    for (const auto& lane : lanes_) lane->give_up();
    throw;
  }
  end_other_lanes();
}

/// The first lane has stopped; the others have been told to. All have the same time for it.
void Relay::end_other_lanes() {
  const auto have_ended = [this](Instant deadline) {
    return std::ranges::all_of(lanes_, [&](const auto& lane) {
      return lane->wait_until_ended(std::max(deadline - lane->now(), Duration{}));
    });
  };
  const auto others = std::span(lanes_).subspan(1);
  if (others.empty()) return;
  Instant deadline =
      stop_deadline_ == engine::kNever ? lanes_.front()->now() + options_.drain : stop_deadline_;
  if (!abandoned_) {
    if (have_ended(deadline)) return;
    for (const auto& lane : others) lane->abandon();
    deadline = lanes_.front()->now() + options_.drain;
  }
  if (have_ended(deadline)) return;
  for (const auto& lane : others) lane->give_up();
}

/// What is not sent when the drain time is over is dropped. What not even a cancel has ended when
/// it is over once more ends with the backend.
void Relay::enforce_drain_time(Instant now) {
  if (!stop_requested_.load(std::memory_order_relaxed)) return;
  if (stop_deadline_ == engine::kNever) stop_deadline_ = now + options_.drain;
  if (now < stop_deadline_) return;
  for (const auto& lane : lanes_) abandoned_ ? lane->give_up() : lane->abandon();
  abandoned_ = true;
  stop_deadline_ = now + options_.drain;
}

void Relay::request_stop() {
  stop_requested_.store(true, std::memory_order_relaxed);
  for (const auto& lane : lanes_) lane->stop();
}

IngressMode Relay::mode() const {
  switch (lanes_.front()->plan()) {
    case IngressPlan::frames: return IngressMode::latency;
    case IngressPlan::ring: return IngressMode::throughput;
    case IngressPlan::both: break;
  }
  return IngressMode::automatic;
}

RelayReport Relay::report() {
  RelayReport report;
  report.outputs = outputs_;
  for (const auto& lane : lanes_) lane->add_to(report, lane == lanes_.front());
  report.elapsed = lanes_.front()->now() - started_at_;
  report.backend = backend();
  report.workers = options_.workers;
  report.threads = options_.threads;
  report.shield = !shields_.empty();
  return report;
}

}  // namespace reprise::daemon
