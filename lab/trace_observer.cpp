#include "reprise/lab/trace_observer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <utility>

namespace reprise::lab {

using engine::Instant;

namespace {

constexpr std::string_view kParked = "send in the kernel";

TraceTrack track_of(std::uint32_t node, std::uint32_t thread) { return {node + 1, thread + 1}; }
std::uint32_t process_of(std::uint32_t node) { return node + 1; }

std::string_view between_of(sim::ThreadState state) {
  switch (state) {
    case sim::ThreadState::ready: return "no core";
    case sim::ThreadState::waiting: return "wait";
    case sim::ThreadState::spinning: return "spin";
    case sim::ThreadState::sleeping: return "sleep";
    case sim::ThreadState::stopped: break;
  }
  return {};
}

std::string blocked_name(std::size_t output) {
  return fmt::format("output {} blocked", output + 1);
}

}  // namespace

TraceObserver::TraceObserver(TraceFile file, std::uint64_t events_max)
    : file_(std::move(file)), events_max_(events_max) {}

void TraceObserver::start(const sim::World& world) {
  const std::uint32_t groups = sim::group_count(world.config().traffic);
  for (std::uint32_t index = 0; index < world.node_count(); ++index) {
    const sim::NodeConfig& config = world.config().nodes[index];
    Hop hop;
    hop.threads.resize(config.threads);
    hop.is_blocked.resize(std::size_t{groups} * config.fan_out);
    hop.is_in_kernel.resize(engine::Stage::slot_count(config.stage));
    hops_.push_back(std::move(hop));
    file_.name_process(process_of(index),
                       fmt::format("{} {}", kind_of_node(world.config()), index + 1));
    for (std::uint32_t thread = 0; thread < config.threads; ++thread) {
      const std::string_view role = engine::name(world.node(index).threads[thread].stage.role());
      file_.name_thread(track_of(index, thread),
                        fmt::format("{}, core {}", role, world.node(index).threads[thread].core));
    }
  }
}

void TraceObserver::see(const sim::World& world, const Measurement& measured,
                        const sim::Event& event) {
  if (full_at_ != engine::kNever) return;
  if (hops_.empty()) start(world);
  last_ = event.time;
  const std::uint32_t acted = node_of(world, event);
  if (event.kind == sim::EventKind::phase) add_phase(world, event);
  if (event.kind == sim::EventKind::wake) add_wake(world, event);
  // What leaves one relay may reach the next within the same event.
  for (std::uint32_t index = acted; index < world.node_count() && index <= acted + 1; ++index) {
    const sim::Node& node = world.node(index);
    add_counters(index, node, measured.node(index), event.time);
    add_losses(index, node, measured.node(index), event.time);
    if (node.kernel.faults().are_planned()) add_faults(index, node.kernel.faults(), event.time);
  }
  if (file_.events() >= events_max_) full_at_ = event.time;
}

void TraceObserver::add_between(Thread& thread, TraceTrack track, Instant now) {
  if (!thread.between.empty() && now > thread.busy_until)
    file_.slice(track, thread.between, thread.busy_until, now);
}

void TraceObserver::add_phase(const sim::World& world, const sim::Event& event) {
  const std::uint32_t number = sim::thread_of(event);
  const sim::Node& node = world.node(event.index);
  const sim::Thread& simulated = node.threads[number];
  const sim::PhaseDetail& detail = world.detail();
  const TraceTrack track = track_of(event.index, number);
  Thread& thread = hops_[event.index].threads[number];
  add_between(thread, track, event.time);
  if (!std::exchange(thread.is_in_turn, true))
    file_.begin(track, "turn", event.time, {{"number", simulated.runner.turns() + 1}});
  const std::int64_t turn_ns = world.config().costs.turn_ns;
  const Instant end = event.time + engine::Duration{turn_ns + detail.cost_ns};
  file_.slice(track, engine::name(sim::phase_of(event)), event.time, end);
  if (!detail.submitted.empty()) {
    file_.slice(track, "submit", event.time + engine::Duration{turn_ns}, end,
                {{"sends", detail.submitted.size()},
                 {"ended", detail.completed.size()},
                 {"refused", detail.refused}});
  }
  if (simulated.runner.begins_turn(simulated.stage)) {
    file_.end(track, end);
    thread.is_in_turn = false;
  }
  thread.busy_until = end;
  thread.between = between_of(simulated.state);
  add_parked(event.index, detail, event.time, end);
  add_blocked(event.index, node.egress().egress(), end);
  last_ = std::max(last_, end);
}

void TraceObserver::add_wake(const sim::World& world, const sim::Event& event) {
  const std::uint32_t number = sim::thread_of(event);
  const TraceTrack track = track_of(event.index, number);
  Thread& thread = hops_[event.index].threads[number];
  add_between(thread, track, event.time);
  const Instant end = event.time + engine::Duration{world.detail().cost_ns};
  file_.slice(track, "wake", event.time, end);
  thread.busy_until = end;
  thread.between = between_of(sim::ThreadState::ready);
  add_parked(event.index, world.detail(), event.time, end);
  last_ = std::max(last_, end);
}

/// Sends that have not ended when their call returns, until they have.
void TraceObserver::add_parked(std::uint32_t index, const sim::PhaseDetail& detail, Instant start,
                               Instant end) {
  for (const std::uint32_t slot : detail.completed) end_parked(index, slot, end);
  for (const std::uint32_t slot : detail.reaped) end_parked(index, slot, start);
  Hop& hop = hops_[index];
  for (const std::uint32_t slot : detail.submitted) {
    if (std::ranges::find(detail.completed, slot) != detail.completed.end()) continue;
    hop.is_in_kernel[slot] = true;
    file_.begin_beside(process_of(index), kParked, slot, end);
  }
}

void TraceObserver::end_parked(std::uint32_t index, std::uint32_t slot, Instant at) {
  if (!hops_[index].is_in_kernel[slot]) return;
  hops_[index].is_in_kernel[slot] = false;
  file_.end_beside(process_of(index), kParked, slot, at);
}

void TraceObserver::add_blocked(std::uint32_t index, const engine::Egress& egress, Instant now) {
  std::vector<bool>& is_blocked = hops_[index].is_blocked;
  for (std::uint32_t output = 0; output < is_blocked.size(); ++output) {
    const engine::OutputIndex which{output};
    if (is_blocked[output] == egress.is_blocked(which)) continue;
    is_blocked[output] = !is_blocked[output];
    if (is_blocked[output]) {
      file_.begin_beside(process_of(index), blocked_name(output), output, now,
                         {{"pending", egress.pending(which)}});
    } else {
      file_.end_beside(process_of(index), blocked_name(output), output, now);
    }
  }
}

void TraceObserver::add_counters(std::uint32_t index, const sim::Node& node,
                                 const NodeMeasurement& measured, Instant now) {
  Hop& hop = hops_[index];
  const std::uint32_t process = process_of(index);
  const engine::Ledger& ledger = node.ingress().ledger();
  const Quantities quantities = quantities_of(node, measured);
  const auto differs = [&](Quantity quantity) {
    const auto place = static_cast<std::size_t>(quantity);
    return !hop.quantities || (*hop.quantities)[place] != quantities[place];
  };
  const auto value = [&](Quantity quantity) {
    return quantities[static_cast<std::size_t>(quantity)];
  };
  const std::array<std::uint64_t, 3> pool{ledger.free_count(), ledger.kernel_count(),
                                          value(Quantity::outstanding)};
  if (!hop.quantities || pool != hop.pool) {
    file_.counter(process, "pool", now,
                  {{"free", pool[0]}, {"being filled", pool[1]}, {"outstanding", pool[2]}});
  }
  if (differs(Quantity::backlog))
    file_.counter(process, "backlog", now, {{"datagrams", value(Quantity::backlog)}});
  if (differs(Quantity::in_flight))
    file_.counter(process, "in flight", now, {{"sends", value(Quantity::in_flight)}});
  if (differs(Quantity::socket_frames))
    file_.counter(process, "receive buffer", now, {{"frames", value(Quantity::socket_frames)}});
  if (differs(Quantity::link_frames))
    file_.counter(process, "queueing discipline", now, {{"frames", value(Quantity::link_frames)}});
  if (node.threads.size() > 1) {
    const std::array<std::uint32_t, 2> hand_off{node.hand_off.items.size(),
                                                node.hand_off.returns.size()};
    if (!hop.quantities || hand_off != hop.hand_off)
      file_.counter(process, "hand-off", now, {{"items", hand_off[0]}, {"returns", hand_off[1]}});
    hop.hand_off = hand_off;
  }
  hop.pool = pool;
  hop.quantities = quantities;
}

void TraceObserver::add_losses(std::uint32_t index, const sim::Node& node,
                               const NodeMeasurement& measured, Instant now) {
  Hop& hop = hops_[index];
  const auto look = [&](std::uint64_t& seen, std::uint64_t count, std::string_view name) {
    if (count == seen) return;
    file_.instant(process_of(index), name, now, {{"datagrams", count - seen}});
    seen = count;
  };
  look(hop.no_buffer, refused_for_want_of_buffers(node, measured.exhaustion), "no buffer");
  look(hop.kernel_drops, node.kernel.kernel_drops(), "dropped: receive buffer full");
  look(hop.queue_drops, node.kernel.queue_drops(), "dropped: queueing discipline full");
}

void TraceObserver::add_faults(std::uint32_t index, const sim::Faults& faults, Instant now) {
  for (std::size_t number = 0; number < sim::kFaultKindCount; ++number) {
    const sim::FaultKind kind = sim::fault_kind(number);
    bool& lasts = hops_[index].lasts[number];
    if (!sim::is_window(kind) || lasts == faults.lasts(kind)) continue;
    lasts = !lasts;
    file_.instant(process_of(index),
                  fmt::format("{} {}", sim::name(kind), lasts ? "begins" : "ends"), now,
                  {{"place", faults.target(kind)}});
  }
}

engine::Expected<void> TraceObserver::close() {
  for (std::uint32_t index = 0; index < hops_.size(); ++index) {
    Hop& hop = hops_[index];
    for (std::uint32_t thread = 0; thread < hop.threads.size(); ++thread) {
      if (hop.threads[thread].is_in_turn) file_.end(track_of(index, thread), last_);
    }
    for (std::size_t output = 0; output < hop.is_blocked.size(); ++output) {
      if (hop.is_blocked[output])
        file_.end_beside(process_of(index), blocked_name(output), output, last_);
    }
    for (std::uint32_t slot = 0; slot < hop.is_in_kernel.size(); ++slot)
      end_parked(index, slot, last_);
  }
  if (full_at_ != engine::kNever)
    file_.instant(1, "the trace ends here: --trace-limit", full_at_, {{"events", events_max_}});
  return file_.close();
}

}  // namespace reprise::lab
