#include "reprise/daemon/relay.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reprise/posix/capability.hpp"
#include "reprise/posix/network_interface.hpp"
#include "reprise/posix/port_holder.hpp"

namespace reprise::daemon {

using engine::Duration;
using engine::Endpoint;
using engine::Expected;
using engine::failure;
using engine::Instant;
using engine::Rule;
using engine::SocketIndex;

namespace {

/// Ethernet header and two VLAN tags.
constexpr std::uint32_t kLinkHeaderBytes = 14 + 8;

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
  uring::UringBackend::Options ring;
  ring.submission_entries = fitted.stage.submissions_max;
  ring.completion_entries =
      std::clamp(4 * fitted.stage.region_count(), 2 * ring.submission_entries, 65'536U);
  auto backend = uring::UringBackend::create(ring);
  if (!backend) return std::unexpected(backend.error());

  std::unique_ptr<Relay> relay(
      new Relay(engine::Flat<engine::Stage>(fitted.stage), std::move(*backend), fitted));
  const auto memory =
      relay->backend_->register_memory(fitted.stage.region_count(), fitted.stage.region_bytes);
  if (!memory) return std::unexpected(memory.error());
  relay->memory_ = *memory;
  if (const auto done = relay->open_inputs(rules); !done) return std::unexpected(done.error());
  if (const auto done = relay->open_outputs(rules); !done) return std::unexpected(done.error());
  relay->started_at_ = relay->backend_->now();
  return relay;
}

Relay::Relay(engine::Flat<engine::Stage> stage, std::unique_ptr<uring::UringBackend> backend,
             const RelayOptions& options)
    : stage_(std::move(stage)),
      backend_(std::move(backend)),
      options_(options),
      runner_(options.stage),
      batch_(options.stage.region_count() + options.stage.sends_max + 64,
             options.stage.region_count() + options.stage.sends_max + 64) {}

Expected<void> Relay::open_inputs(std::span<const Rule> rules) {
  for (const Rule& rule : rules) {
    const Endpoint& input = rule.input;
    auto known = std::ranges::find(inputs_, input.interface, &Input::interface);
    if (known == inputs_.end())
      known = inputs_.insert(inputs_.end(), Input{input.interface, {}, {}, {}});
    known->wanted.push_back({input.source, input.group, input.port});
  }
  for (Input& input : inputs_) {
    const auto socket = backend_->open(
        engine::PacketSocketSpec{input.interface, input.wanted, options_.receive_buffer_bytes});
    if (!socket) return std::unexpected(socket.error());
    input.socket = *socket;
    input.index = *stage_->add_input(*socket);  // inputs_max is at least the number of rules
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
      const auto socket =
          backend_->open(engine::SendSocketSpec{.destination = output.group,
                                                .port = output.port,
                                                .interface = output.interface,
                                                .source = output.source,
                                                .hops = options_.hops,
                                                .dscp = 0,
                                                .send_buffer_bytes = options_.send_buffer_bytes});
      if (!socket) return std::unexpected(socket.error());
      sockets.push_back(*socket);
    }
    const auto input = std::ranges::find(inputs_, rule.input.interface, &Input::interface);
    const auto route = stage_->add_route(
        {rule.input.source, rule.input.group, input->index, rule.input.port}, sockets);
    if (!route)
      return failure(fmt::format("rule \"{}\": {}", rule.name, engine::name(route.error())));
    routed_.push_back({rule, *route});
  }
  return {};
}

RelayReport Relay::run(Duration interval,
                       const std::function<void(const RelayReport&)>& on_interval) {
  const bool reports = interval > Duration{} && on_interval;
  Instant next_report = reports ? backend_->now() + interval : engine::kNever;
  for (;;) {
    if (stop_requested_.load(std::memory_order_relaxed)) begin_stop();
    const engine::Next next = runner_.step(*stage_, {*backend_, batch_, memory_});
    if (next.kind == engine::Next::Kind::stopped) break;
    if (next.kind == engine::Next::Kind::run) continue;
    backend_->submit_and_wait(next.completions, std::min(next_report, stop_deadline_));
    if (!reports && !stopping_) continue;
    const Instant now = backend_->now();
    if (now >= next_report) {
      on_interval(report());
      next_report = next_report + interval;
    }
    if (now >= stop_deadline_) {
      if (abandoned_) break;  // a send or wait that not even a cancel ended: the ring's end ends it
      stage_->abandon();
      abandoned_ = true;
      stop_deadline_ = now + options_.drain;
    }
  }
  return report();
}

void Relay::begin_stop() {
  if (stopping_) return;
  stopping_ = true;
  stage_->stop();
  stop_deadline_ = backend_->now() + options_.drain;
}

void Relay::request_stop() {
  stop_requested_.store(true, std::memory_order_relaxed);
  backend_->wake();
}

RelayReport Relay::report() {
  RelayReport report;
  report.elapsed = backend_->now() - started_at_;
  report.ingress = stage_->ingress_counters();
  report.regions_outstanding = stage_->ledger().held_count();
  report.turns = runner_.turns();
  report.laws_hold = stage_->laws_hold();
  for (const Input& input : inputs_)
    report.kernel_drops += backend_->statistics(input.socket).kernel_drops;
  for (const Routed& routed : routed_) {
    engine::OutputIndex index = stage_->routes().first_output(routed.route);
    for (const Endpoint& output : routed.rule.outputs) {
      report.outputs.push_back({routed.rule.name, engine::to_string(output),
                                stage_->egress().counters(index), stage_->egress().pending(index)});
      index = stage_->egress().next(index);
    }
  }
  return report;
}

}  // namespace reprise::daemon
