#include "reprise/daemon/relay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <thread>

#include "reprise/daemon/core_affinity.hpp"
#include "reprise/posix/capability.hpp"
#include "reprise/posix/network_interface.hpp"
#include "reprise/posix/port_holder.hpp"

namespace reprise::daemon {

using engine::Duration;
using engine::Endpoint;
using engine::Expected;
using engine::failure;
using engine::Instant;
using engine::Role;
using engine::Rule;
using engine::SocketIndex;

namespace {

/// Ethernet header and two VLAN tags.
constexpr std::uint32_t kLinkHeaderBytes = 14 + 8;
/// How old the sending thread's counts may be in a report while it runs.
constexpr Duration kPublishInterval = engine::milliseconds(100);

/// Looks at everything that the rules name before anything is opened.
Expected<std::uint32_t> largest_input_frame(std::span<const Rule> rules) {
  std::uint32_t largest = 0;
  for (const Rule& rule : rules) {
    const auto input = posix::find_network_interface(rule.input.interface);
    if (!input) return std::unexpected(input.error());
    largest = std::max(largest, input->mtu_bytes + kLinkHeaderBytes);
    for (const Endpoint& output : rule.outputs) {
      if (output.interface.empty()) continue;
      if (const auto found = posix::find_network_interface(output.interface); !found) {
        return std::unexpected(found.error());
      }
    }
  }
  return largest;
}

engine::StageConfig fit(engine::StageConfig stage, std::span<const Rule> rules,
                        std::uint32_t frame_bytes) {
  std::uint32_t outputs = 0;
  for (const Rule& rule : rules) outputs += static_cast<std::uint32_t>(rule.outputs.size());
  const auto count = static_cast<std::uint32_t>(rules.size());
  stage.rules_max = std::max(stage.rules_max, count);
  stage.inputs_max = std::max(stage.inputs_max, count);
  stage.outputs_max = std::max(stage.outputs_max, outputs);
  stage.region_bytes = std::max(stage.region_bytes, frame_bytes);
  stage.sends_max = std::max({stage.sends_max, stage.submissions_max, stage.batch});
  stage.output_queue = std::max(stage.output_queue, stage.batch);
  return stage;
}

}  // namespace

Expected<std::unique_ptr<Relay>> Relay::open(std::span<const Rule> rules,
                                             const RelayOptions& options) {
  if (rules.empty()) return failure("no rule: expected at least one input with an output");
  if (const auto findings = engine::check(rules); !findings.empty())
    return std::unexpected(findings.front());
  const Expected<std::uint32_t> frame_bytes = largest_input_frame(rules);
  if (!frame_bytes) return std::unexpected(frame_bytes.error());
  RelayOptions fitted = options;
  fitted.stage = fit(options.stage, rules, *frame_bytes);
  if (const auto findings = engine::check(fitted.stage); !findings.empty())
    return std::unexpected(findings.front());
  if (const auto allowed =
          posix::require_capability(posix::Capability::net_raw,
                                    fmt::format("a packet socket on {}", rules[0].input.interface));
      !allowed) {
    return std::unexpected(allowed.error());
  }
  if (options.one_core) {
    if (const auto possible = OnOneCore::here(); !possible)
      return std::unexpected(possible.error());
  }
  auto first = open_backend(options.backend, fitted.stage);
  if (!first) return std::unexpected(first.error());
  std::unique_ptr<engine::Backend> second;
  if (options.threads > 1) {
    auto opened = open_backend(first->choice.kind, fitted.stage);
    if (!opened) return std::unexpected(opened.error());
    second = std::move(opened->backend);
  }
  std::unique_ptr<Relay> relay(new Relay(fitted, *std::move(first), std::move(second)));
  if (const auto done = relay->share_memory(); !done) return std::unexpected(done.error());
  if (const auto done = relay->open_inputs(rules); !done) return std::unexpected(done.error());
  if (const auto done = relay->open_outputs(rules); !done) return std::unexpected(done.error());
  relay->started_at_ = relay->receiving().backend().now();
  return relay;
}

Relay::Relay(const RelayOptions& options, OpenedBackend first,
             std::unique_ptr<engine::Backend> second)
    : options_(options), backend_(std::move(first.choice)) {
  const bool is_pipeline = second != nullptr;
  const Role first_role = is_pipeline ? Role::ingress : Role::unified;
  first_ = std::make_unique<Worker>(engine::with_role(options.stage, first_role),
                                    std::move(first.backend));
  if (is_pipeline) {
    second_ =
        std::make_unique<Worker>(engine::with_role(options.stage, Role::egress), std::move(second));
    hand_off_ =
        std::make_unique<ThreadHandOff>(options.stage, first_->backend(), second_->backend());
    first_->set_hand_off(*hand_off_);
    second_->set_hand_off(*hand_off_);
  }
  if (options.stage.hazards.log_lines != engine::LogLines::none) {
    first_->write_lines_to(options.log_descriptor);
    if (is_pipeline) second_->write_lines_to(options.log_descriptor);
  }
  if (options.census) {
    if (is_pipeline) first_->tell_census(ingress_occupancy_);
    sending().take_census(is_pipeline ? &ingress_occupancy_ : nullptr);
  }
}

/// The first worker's backend owns the regions.
Expected<void> Relay::share_memory() {
  const engine::StageConfig& stage = options_.stage;
  const auto memory = first_->backend().register_memory(stage.region_count(), stage.region_bytes);
  if (!memory) return std::unexpected(memory.error());
  first_->set_memory(*memory);
  if (!second_) return {};
  second_->set_memory(*memory);
  return second_->backend().use_memory(*memory);
}

Expected<void> Relay::open_inputs(std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    const Endpoint& input = rule.input;
    auto known = std::ranges::find(inputs_, input.interface, &Input::interface);
    if (known == inputs_.end())
      known = inputs_.insert(inputs_.end(), Input{input.interface, {}, {}, {}});
    known->wanted.push_back({input.source, input.group, input.port});
  }
  for (Input& input : inputs_) {
    const auto socket = receiving().backend().open(
        engine::PacketSocketSpec{input.interface, input.wanted, options_.receive_buffer_bytes});
    if (!socket) return std::unexpected(socket.error());
    input.socket = *socket;
    input.index =
        *receiving().stage().add_input(*socket);  // inputs_max is at least the number of rules
  }
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

Expected<void> Relay::open_outputs(std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    std::vector<SocketIndex> sockets;
    for (const Endpoint& output : rule.outputs) {
      const auto socket = sending().backend().open(
          engine::SendSocketSpec{.destination = output.group,
                                 .port = output.port,
                                 .interface = output.interface,
                                 .source = output.source,
                                 .hops = options_.hops,
                                 .dscp = 0,
                                 .send_buffer_bytes = options_.send_buffer_bytes});
      if (!socket) return std::unexpected(socket.error());
      sockets.push_back(*socket);
    }
    const auto first = open_route(rule, sockets);
    if (!first) return std::unexpected(first.error());
    engine::OutputIndex index = *first;
    for (const Endpoint& output : rule.outputs) {
      outputs_.push_back({rule.name, engine::to_string(output), {}, 0});
      sending().watch(index);
      index = sending().stage().egress().next(index);
    }
  }
  return {};
}

/// Returns the first of the rule's outputs.
Expected<engine::OutputIndex> Relay::open_route(const Rule& rule,
                                                std::span<const SocketIndex> sockets) {
  const auto refused = [&rule](engine::CommandError error) {
    return failure(fmt::format("rule \"{}\": {}", rule.name, engine::name(error)));
  };
  const auto first = sending().stage().add_outputs(sockets);
  if (!first) return refused(first.error());
  const auto input = std::ranges::find(inputs_, rule.input.interface, &Input::interface);
  const auto route = receiving().stage().add_route(
      {rule.input.source, rule.input.group, input->index, rule.input.port}, *first);
  if (!route) return refused(route.error());
  return *first;
}

RelayReport Relay::run(Duration interval,
                       const std::function<void(const RelayReport&)>& on_interval) {
  const bool reports = interval > Duration{} && on_interval;
  if (reports && second_) second_->publish_every(kPublishInterval);
  Instant next_report = engine::kNever;
  run_workers([&](Instant now) {
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

void Relay::run_workers(const Worker::Attend& attend) {
  std::optional<OnOneCore> one_core;  // open() has seen that it is possible
  if (options_.one_core) {
    if (auto kept = OnOneCore::here()) one_core.emplace(*std::move(kept));
  }
  std::jthread sender;
  if (second_) sender = std::jthread([this] { second_->run(); });
  try {
    first_->run(attend);
  } catch (...) {  // out of `attend`: the other thread must not be waited for for ever
    if (second_) second_->command(Command::give_up);
    throw;
  }
  // All regions are back, so that nothing but a cancel can be open there; or it was told to give
  // up.
  if (second_ && !second_->wait_until_ended(options_.drain)) second_->command(Command::give_up);
}

/// What is not sent when the drain time is over is dropped. What not even a cancel has ended when
/// it is over once more ends with the backend.
void Relay::enforce_drain_time(Instant now) {
  if (!stop_requested_.load(std::memory_order_relaxed)) return;
  if (stop_deadline_ == engine::kNever) stop_deadline_ = now + options_.drain;
  if (now < stop_deadline_) return;
  const Command command = abandoned_ ? Command::give_up : Command::abandon;
  sending().command(command);
  if (abandoned_) receiving().command(command);
  abandoned_ = true;
  stop_deadline_ = now + options_.drain;
}

void Relay::request_stop() {
  stop_requested_.store(true, std::memory_order_relaxed);
  receiving().command(Command::stop);
}

RelayReport Relay::report() {
  // In this order nothing has been sent that is not counted as received.
  const WorkerCounts sent = second_ ? second_->counts() : WorkerCounts{};
  receiving().publish();
  const WorkerCounts in = receiving().counts();
  const WorkerCounts& out = second_ ? sent : in;
  RelayReport report;
  report.elapsed = receiving().backend().now() - started_at_;
  report.ingress = in.ingress;
  report.regions_outstanding = in.held;
  report.turns = out.turns;
  report.backend = backend_;
  report.threads = second_ ? 2 : 1;
  report.laws_hold = in.laws_hold && out.laws_hold;
  if (second_) {
    const bool both_stopped = in.is_stopped && out.is_stopped;
    report.laws_hold =
        report.laws_hold &&
        (both_stopped ? in.crossed == out.crossed && out.held == 0 : out.crossed <= in.crossed);
  }
  report.census = out.census;
  for (const Input& input : inputs_)
    report.kernel_drops += receiving().backend().statistics(input.socket).kernel_drops;
  report.outputs = outputs_;
  for (std::size_t index = 0; index < out.outputs.size(); ++index) {
    report.outputs[index].counters = out.outputs[index].counters;
    report.outputs[index].pending = out.outputs[index].pending;
  }
  return report;
}

}  // namespace reprise::daemon
