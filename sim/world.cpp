#include "reprise/sim/world.hpp"

#include <algorithm>
#include <utility>

#include "reprise/sim/node_kernel.hpp"

namespace reprise::sim {

using engine::Instant;

namespace {

std::vector<NodePlan> plans_of(const WorldConfig& config) {
  std::vector<NodePlan> plans;
  plans.reserve(config.nodes.size());
  const std::uint32_t groups = group_count(config.traffic);
  for (std::uint32_t index = 0; index < config.nodes.size(); ++index) {
    plans.push_back({config.nodes[index], node_kernel(config, index), index, groups});
  }
  return plans;
}

}  // namespace

void World::State::place(engine::FlatLayout& layout, const WorldConfig& config) {
  actors.place(layout, config, plans_of(config));
  std::uint32_t outlets = 0;
  for (const NodeConfig& node : config.nodes) outlets += node.fan_out;
  layout.place(delivered, outlets * static_cast<std::uint32_t>(config.traffic.size()));
}

void World::State::start(const WorldConfig& config) { actors.start(config, plans_of(config)); }

World::World(std::shared_ptr<const WorldConfig> config)
    : config_(std::move(config)),
      state_(*config_),
      scheduler_(*config_),
      batch_(1024, 1024),
      has_faults_(!config_->faults.is_empty()) {}

Event World::step(Choices& choices, Timing timing) {
  const auto [actor, at] = scheduler_.next(state_->actors, state_->now, choices, timing);
  if (actor == nullptr) return {state_->now, EventKind::quiet, 0, 0, 0};
  state_->now = std::max(state_->now, at);  // W3
  if (has_faults_) {
    arrivals_.clear();
    const bool is_source = actor->kind == Actor::Kind::source;
    const std::uint32_t node = is_source ? config_->entry_of(actor->index) : actor->index;
    if (disturb(node, choices)) return {state_->now, EventKind::disturbance, node, 0, 0};
  }
  switch (actor->kind) {
    case Actor::Kind::source: return act_source(actor->index, choices);
    case Actor::Kind::thread: return act_thread(actor->index, actor->part, choices);
    case Actor::Kind::link: return act_link(actor->index, actor->part, choices);
    case Actor::Kind::inlet: return act_inlet(actor->index, choices);
    case Actor::Kind::ring_timer: return act_ring_timer(actor->index, choices);
  }
  return {};
}

Event World::act_source(std::uint32_t flow, Choices& choices) {
  Source& source = state_->actors.sources[flow];
  const TrafficConfig& traffic = config_->traffic[flow];
  Packet packet;
  packet.sequence = source.sequence++;
  packet.flow = flow;
  packet.payload_bytes = traffic.payload_of(packet.sequence);
  ++state_->offered;
  const bool taken = arrive(config_->entry_of(flow), packet, choices);
  source.go_on(traffic, choices);
  scheduler_.touch_source(state_->actors, flow);
  return {state_->now, EventKind::arrival, flow, packet.sequence, taken ? 0U : 1U};
}

/// A frame came over the network to a relay. False: its packet socket dropped it.
bool World::arrive(std::uint32_t index, const Packet& packet, Choices& choices) {
  if (!has_faults_) return reach(index, packet, choices);
  disturb(index, choices);  // it may have been another node's act
  Node& node = at(index);
  const Inlet::Leaving leaving =
      node.inlet.enter(packet, node.is_cut_off(), state_->now, node.kernel.faults(), choices);
  scheduler_.touch_inlet(state_->actors, index);
  bool taken = true;
  for (const Packet& each : leaving.all()) {
    if (!reach(index, each, choices)) taken = false;
  }
  return taken;
}

bool World::reach(std::uint32_t index, const Packet& packet, Choices& choices) {
  for (std::uint32_t number = 0; has_faults_ && number < packet.datagrams(); ++number)
    arrivals_.push_back({index, packet.flow, packet.sequence + number});
  const bool taken = at(index).kernel.arrive(kInputSocket, packet, state_->now);
  scheduler_.touch_ring_timer(state_->actors, index);
  wake_if_due(index, 0, choices);
  return taken;
}

Event World::act_inlet(std::uint32_t index, Choices& choices) {
  const Packet packet = at(index).inlet.leave(state_->now);
  scheduler_.touch_inlet(state_->actors, index);
  reach(index, packet, choices);
  return {state_->now, EventKind::release, index, packet.sequence, packet.flow};
}

Event World::act_ring_timer(std::uint32_t index, Choices& choices) {
  at(index).kernel.tick_blocks(state_->now);
  scheduler_.touch_ring_timer(state_->actors, index);
  wake_if_due(index, 0, choices);
  return {state_->now, EventKind::ring_tick, index, 0, 0};
}

/// Faults that last begin and end before their node acts. Whether any did.
bool World::disturb(std::uint32_t index, Choices& choices) {
  if (!at(index).kernel.disturb(kInputSocket, state_->now, choices)) return false;
  scheduler_.touch_links(state_->actors, index);
  for (std::uint32_t thread = 0; thread < at(index).threads.size(); ++thread) {
    wake_if_due(index, thread, choices);
  }
  return true;
}

/// A thread does not get its core back before the fault ends.
void World::starve(std::uint32_t index, std::uint32_t number, Choices& choices) {
  Node& node = at(index);
  Faults& faults = node.kernel.faults();
  faults.advance(FaultKind::starvation, state_->now, node.threads.size(), choices);
  if (!faults.lasts(FaultKind::starvation)) return;
  if (faults.target(FaultKind::starvation) != number) return;
  Thread& thread = node.threads[number];
  thread.ready_at = std::max(thread.ready_at, faults.end(FaultKind::starvation));
}

/// What the kernel does for a thread when something became due: work where it comes to it now
/// (TaskRun), and the end of a wait.
void World::wake_if_due(std::uint32_t index, std::uint32_t number, Choices& choices) {
  Node& node = at(index);
  Thread& thread = node.threads[number];
  const RingIndex ring{number};
  const bool waits = thread.state == ThreadState::waiting;
  const TaskRun task_run = node.kernel.profile().task_run;
  if (node.kernel.work_count(ring) > 0 &&
      (task_run == TaskRun::plain || (waits && task_run == TaskRun::cooperative))) {
    detail_.clear();
    KernelBackend backend(node.kernel, ring, choices, config_->costs, state_->now, detail_);
    backend.run_task_work();
    scheduler_.touch_links(state_->actors, index);
  }
  if (thread.state == ThreadState::ready) return;
  scheduler_.touch_threads(index);
  if (waits && node.kernel.ready_count(ring) >= thread.waits_for) wake(thread, state_->now);
}

/// Ends a wait, or the next one (I7).
void World::wake(Thread& thread, Instant at) {
  if (thread.state != ThreadState::waiting) {
    thread.woken = 1;
    return;
  }
  thread.state = ThreadState::ready;
  thread.returns = 1;
  thread.ready_at = std::max(thread.ready_at, at + engine::Duration{config_->costs.wake_ns});
}

Event World::act_thread(std::uint32_t index, std::uint32_t number, Choices& choices) {
  Node& node = at(index);
  Thread& thread = node.threads[number];
  Core& core = state_->actors.cores[thread.core];
  detail_.clear();
  scheduler_.touch_threads(index);
  if (take_core(core, index, number, state_->now, config_->costs.slice_ns)) {
    detail_.cost_ns += config_->costs.switch_ns;
  }
  const bool spun_out = thread.state == ThreadState::spinning && !node.finds_something(number);
  if (spun_out) thread.runner.spun(thread.runner.spins_left());
  thread.state = ThreadState::ready;
  if (thread.returns != 0) return act_wake(index, number, choices);
  const engine::Next next = run_phase(node, number, choices);
  scheduler_.touch_links(state_->actors, index);
  charge(thread);
  thread.ready_at = state_->now + engine::Duration{config_->costs.turn_ns + detail_.cost_ns};
  if (has_faults_) starve(index, number, choices);
  core.free_at = thread.ready_at;
  settle(thread, next, node.kernel.reapable_count(RingIndex{number}) >= next.completions);
  return {state_->now, EventKind::phase, index,
          std::uint64_t{number} << 32 | static_cast<std::uint64_t>(thread.runner.last_phase()),
          detail_.digest.value()};
}

Event World::act_wake(std::uint32_t index, std::uint32_t number, Choices& choices) {
  Node& node = at(index);
  Thread& thread = node.threads[number];
  KernelBackend backend(node.kernel, RingIndex{number}, choices, config_->costs, state_->now,
                        detail_);
  backend.run_task_work();
  thread.returns = 0;
  thread.ready_at = state_->now + engine::Duration{detail_.cost_ns};
  state_->actors.cores[thread.core].free_at = thread.ready_at;
  return {state_->now, EventKind::wake, index, std::uint64_t{number} << 32, detail_.digest.value()};
}

engine::Next World::run_phase(Node& node, std::uint32_t number, Choices& choices) {
  Thread& thread = node.threads[number];
  KernelBackend backend(node.kernel, RingIndex{number}, choices, config_->costs, state_->now,
                        detail_);
  SimHandOff hand_off(node.hand_off, config_->costs, detail_);
  const engine::Next next =
      thread.runner.step(thread.stage, {backend, batch_, node.kernel.memory(), &hand_off});
  if (next.kind == engine::Next::Kind::wait || next.kind == engine::Next::Kind::poll) {
    backend.submit_and_wait(next.completions, engine::kNever);
  }
  if (hand_off.woke_peer()) {
    wake(node.threads[1 - number], state_->now + engine::Duration{detail_.cost_ns});
  }
  return next;
}

/// What the phase did beside calls: lines written, bytes moved.
void World::charge(Thread& thread) {
  const std::uint64_t lines = thread.stage.log_lines();
  detail_.cost_ns +=
      static_cast<std::int64_t>(lines - thread.lines_logged) * config_->costs.log_line_ns;
  thread.lines_logged = lines;
  const std::uint64_t bytes = thread.stage.egress().moved_bytes();
  detail_.cost_ns +=
      static_cast<std::int64_t>(bytes - thread.bytes_moved) * config_->costs.move_byte_ps / 1000;
  thread.bytes_moved = bytes;
}

/// How the thread goes on after its phase.
void World::settle(Thread& thread, const engine::Next& next, bool is_satisfied) {
  switch (next.kind) {
    case engine::Next::Kind::run: break;
    case engine::Next::Kind::stopped: thread.state = ThreadState::stopped; break;
    case engine::Next::Kind::spin:
    case engine::Next::Kind::poll: thread.state = ThreadState::spinning; break;
    case engine::Next::Kind::sleep:
      thread.state = ThreadState::sleeping;
      thread.sleep_ns = next.length.ns + config_->costs.sleep_slack_ns;
      thread.ready_at = thread.ready_at + engine::Duration{thread.sleep_ns};
      break;
    case engine::Next::Kind::wait:
      if (std::exchange(thread.woken, 0) != 0 || is_satisfied) break;
      thread.state = ThreadState::waiting;
      thread.waits_for = next.completions;
      break;
  }
}

Event World::act_link(std::uint32_t index, std::uint32_t link, Choices& choices) {
  Node& node = at(index);
  const Kernel::LinkEvent happened = node.kernel.step_link(link);
  scheduler_.touch_link(state_->actors, index, link);
  if (!happened.delivered) {
    wake_if_due(index, node.threads.size() - 1, choices);
    return {state_->now, EventKind::departure, index, link, happened.packet.sequence};
  }
  const Packet& packet = happened.packet;
  if (has_faults_ && node.kernel.faults().happens(FaultKind::port_refused, state_->now, choices)) {
    node.kernel.refuse(packet.socket);
  }
  if (config_->leads_on(index, link)) {
    arrive(index + 1, packet, choices);
  } else {
    Delivered& outlet_state = state_->delivered[outlet(index, link, packet.flow)];
    if (packet.sequence < outlet_state.next_sequence) ++outlet_state.reordered;
    outlet_state.next_sequence =
        std::max(outlet_state.next_sequence, packet.sequence + packet.datagrams());
    outlet_state.received += packet.datagrams();
    outlet_state.bytes += packet.payload_bytes;
    if (packet.damaged != 0) outlet_state.damaged += packet.datagrams();
  }
  return {state_->now, EventKind::delivery, index, packet.sequence,
          delivered_word(link, packet.flow, packet.datagrams(), packet.damaged != 0)};
}

void World::stop(bool abandon) {
  scheduler_.touch_all_threads();
  for (std::uint32_t index = 0; index < node_count(); ++index) {
    Node& node = at(index);
    node.threads[0].stage.stop();
    const std::uint32_t last = node.threads.size() - 1;
    if (abandon) node.threads[last].stage.abandon();
    for (std::uint32_t thread = 0; thread <= last; ++thread) {
      if (thread == 0 || abandon) wake(node.threads[thread], state_->now);
    }
  }
}

std::uint32_t World::outlet(std::uint32_t node, std::uint32_t output, std::uint32_t flow) const {
  std::uint32_t first = 0;
  for (std::uint32_t index = 0; index < node; ++index) first += config_->nodes[index].fan_out;
  return (first + output) * state_->actors.sources.size() + flow;
}

const Delivered& World::delivered(std::uint32_t node, std::uint32_t output,
                                  std::uint32_t flow) const {
  return state_->delivered[outlet(node, output, flow)];
}

std::uint64_t World::fault_count(FaultKind kind) const {
  std::uint64_t sum = 0;
  for (std::uint32_t index = 0; index < node_count(); ++index) {
    sum += node(index).kernel.fault_count(kind);
  }
  return sum;
}

std::uint64_t World::offered(std::uint32_t node) const {
  std::uint64_t sum = 0;
  for (std::uint32_t flow = 0; flow < state_->actors.sources.size(); ++flow) {
    if (config_->entry_of(flow) == node) sum += state_->actors.sources[flow].sequence;
  }
  return sum;
}

bool World::laws_hold() const {
  std::uint64_t came_before = 0;  // over the link of the node before
  std::uint64_t offered_to_all = 0;
  for (std::uint32_t index = 0; index < node_count(); ++index) {
    const Node& node = state_->actors.nodes[index];
    if (!node.laws_hold()) return false;
    offered_to_all += offered(index);
    if (node.entered() != came_before + offered(index)) return false;
    std::uint64_t left = 0;
    for (std::uint32_t output = 0; output < config_->nodes[index].fan_out; ++output) {
      for (std::uint32_t flow = 0; flow < state_->actors.sources.size(); ++flow) {
        left += delivered(index, output, flow).received;
      }
    }
    came_before = config_->leads_on(index, 0) ? state_->actors.nodes[index + 1].entered() : 0;
    const std::uint64_t lost = node.kernel.queue_drops() + node.kernel.link_losses();
    if (node.kernel.sent() != lost + node.kernel.travelling() + left + came_before) return false;
  }
  return offered_to_all == state_->offered;
}

}  // namespace reprise::sim
