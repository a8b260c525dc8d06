#include "reprise/sim/world.hpp"

#include <algorithm>
#include <utility>

namespace reprise::sim {

using engine::Instant;

namespace {

std::vector<NodePlan> plans_of(const WorldConfig& config) {
  std::vector<NodePlan> plans;
  for (std::uint32_t index = 0; index < config.nodes.size(); ++index) {
    plans.push_back({config.nodes[index], node_kernel(config, index)});
  }
  return plans;
}

std::uint32_t core_count(const WorldConfig& config) {
  std::uint32_t last = 0;
  for (const NodeConfig& node : config.nodes) last = std::max({last, node.core, node.egress_core});
  return last + 1;
}

std::vector<engine::SocketIndex> output_sockets(const NodeConfig& config, std::uint32_t flow) {
  std::vector<engine::SocketIndex> sockets;
  sockets.reserve(config.fan_out);
  for (std::uint32_t output = 0; output < config.fan_out; ++output) {
    sockets.push_back(output_socket(config, flow, output));
  }
  return sockets;
}

void start_node(Node& node, const NodePlan& config, std::uint32_t number) {
  node.kernel.start(config.kernel);
  const std::vector<engine::StageConfig> stages = config.node.stages();
  for (std::uint32_t index = 0; index < node.threads.size(); ++index) {
    Thread& thread = node.threads[index];
    thread.stage.start(stages[index]);
    thread.runner = engine::Runner(stages[index]);
    thread.core = index == 0 ? config.node.core : config.node.egress_core;
  }
  engine::Stage& ingress = node.threads[0].stage;
  engine::Stage& egress = node.threads[node.threads.size() - 1].stage;
  const auto input = ingress.add_input(kInputSocket);
  REPRISE_ASSERT(input.has_value());
  for (std::uint32_t flow = 0; flow < config.kernel.headers.size(); ++flow) {
    const auto first = egress.add_outputs(output_sockets(config.node, flow));
    REPRISE_ASSERT(first.has_value());
    const engine::RouteKey key{{}, group_of(number, flow), *input, kPort};
    REPRISE_ASSERT(ingress.add_route(key, *first).has_value());
  }
}

}  // namespace

void Node::place(engine::FlatLayout& layout, const NodePlan& config) {
  kernel.place(layout, config.kernel);
  const std::vector<engine::StageConfig> stages = config.node.stages();
  layout.place(threads, std::span<const engine::StageConfig>(stages));
  if (stages.size() > 1) hand_off.place(layout, config.node.stage);
}

bool Node::is_stopped() const {
  for (std::uint32_t index = 0; index < threads.size(); ++index) {
    if (threads[index].state != ThreadState::stopped) return false;
  }
  return true;
}

std::uint64_t Node::turns() const {
  std::uint64_t turns = 0;
  for (std::uint32_t index = 0; index < threads.size(); ++index) {
    turns += threads[index].runner.turns();
  }
  return turns;
}

bool Node::laws_hold() const {
  for (std::uint32_t index = 0; index < threads.size(); ++index) {
    if (!threads[index].stage.laws_hold()) return false;
  }
  if (!kernel.agrees_with(ingress())) return false;
  if (threads.size() == 1) return true;
  // Each datagram that is out of the ingress stage holds a reference on its region there.
  std::vector<std::uint32_t> references(ingress().ledger().size(), 0);
  std::uint64_t crossing = 0;
  const auto add = [&references](const engine::WorkItem& item) {
    if (item.is_datagram()) ++references[static_cast<std::uint32_t>(item.payload.region)];
    return item.is_datagram();
  };
  for (const engine::WorkItem& item : ingress().handing_over()) add(item);
  for (std::uint32_t place = 0; place < hand_off.items.size(); ++place) {
    if (add(hand_off.items[place])) ++crossing;
  }
  for (std::uint32_t place = 0; place < hand_off.returns.size(); ++place) {
    const engine::ReturnItem& item = hand_off.returns[place];
    references[static_cast<std::uint32_t>(item.region)] += item.references;
  }
  for (std::uint32_t index = 0; index < references.size(); ++index) {
    const engine::RegionIndex region{index};
    const std::uint32_t out = references[index] + egress().ledger().adopted(region);
    if (ingress().ledger().references(region) != out) return false;
  }
  return ingress().crossed() == egress().crossed() + crossing;
}

void World::State::place(engine::FlatLayout& layout, const WorldConfig& config) {
  const std::vector<NodePlan> plans = plans_of(config);
  layout.place(nodes, std::span<const NodePlan>(plans));
  layout.place(sources, static_cast<std::uint32_t>(config.traffic.size()));
  layout.place(cores, core_count(config));
  std::uint32_t outlets = 0;
  for (const NodeConfig& node : config.nodes) outlets += node.fan_out;
  layout.place(delivered, outlets * static_cast<std::uint32_t>(config.traffic.size()));
}

void World::State::start(const WorldConfig& config) {
  const std::vector<NodePlan> plans = plans_of(config);
  for (std::uint32_t index = 0; index < nodes.size(); ++index)
    start_node(nodes[index], plans[index], index);
  for (Core& core : cores.all()) core.node = kNobody;
  for (std::uint32_t flow = 0; flow < sources.size(); ++flow) {
    const TrafficConfig& traffic = config.traffic[flow];
    const std::uint64_t per_arrival = traffic.arrivals == Arrivals::burst ? traffic.burst : 1;
    sources[flow].mean_q16 =
        static_cast<Q16>((1'000'000'000ULL << kQ16Bits) / traffic.rate * per_arrival);
    sources[flow].next_q16 = traffic.start_ns << kQ16Bits;
    sources[flow].left_of_burst = per_arrival;
  }
}

World::World(std::shared_ptr<const WorldConfig> config)
    : config_(std::move(config)), state_(*config_), batch_(1024, 1024) {}

Event World::step(Choices& choices, Timing timing) {
  collect_actors(timing);
  if (actors_.empty()) return {state_->now, EventKind::quiet, 0, 0, 0};
  if (timing == Timing::untimed) {
    return act(actors_[choices.pick(Site::schedule, static_cast<std::uint32_t>(actors_.size()))],
               choices);
  }
  Instant least = engine::kNever;
  for (const Actor& actor : actors_) least = std::min(least, actor.ready_at);
  const auto ties = static_cast<std::uint32_t>(
      std::ranges::count(actors_, least, [](const Actor& actor) { return actor.ready_at; }));
  std::uint32_t skip = choices.pick(Site::tie, ties);
  for (const Actor& actor : actors_) {
    if (actor.ready_at == least && skip-- == 0) return act(actor, choices);
  }
  REPRISE_ASSERT(false);
  return {};
}

void World::collect_actors(Timing timing) {
  actors_.clear();
  for (std::uint32_t flow = 0; flow < state_->sources.size(); ++flow) {
    const Source& source = state_->sources[flow];
    if (source.sequence >= config_->traffic[flow].count) continue;
    actors_.push_back({Actor::Kind::source, flow, 0, Instant{source.next_q16 >> kQ16Bits}});
  }
  for (std::uint32_t index = 0; index < node_count(); ++index) {
    const Node& node = state_->nodes[index];
    for (std::uint32_t link = 0; link < node.kernel.link_count(); ++link) {
      const Instant next = node.kernel.next_link_instant(link);
      if (next != engine::kNever) actors_.push_back({Actor::Kind::link, index, link, next});
    }
  }
  collect_threads(timing);
}

void World::collect_threads(Timing timing) {
  for (std::uint32_t index = 0; index < node_count(); ++index) {
    for (std::uint32_t thread = 0; thread < state_->nodes[index].threads.size(); ++thread) {
      const Instant ready_at = ready_instant(index, thread);
      if (ready_at == engine::kNever) continue;
      const Instant at = timing == Timing::timed ? core_instant(index, thread, ready_at) : ready_at;
      if (at != engine::kNever) actors_.push_back({Actor::Kind::thread, index, thread, at});
    }
  }
}

/// Whether a thread that looks finds something to do.
bool World::finds_something(std::uint32_t index, std::uint32_t number) const {
  const Node& node = state_->nodes[index];
  const Thread& thread = node.threads[number];
  if (thread.stage.has_work() || thread.stage.is_stopped()) return true;
  if (node.kernel.completion_count(RingIndex{number}) > 0) return true;
  if (node.kernel.work_count(RingIndex{number}) > 0) return true;  // its next call ends them
  return number == 0 ? node.kernel.socket_backlog() > 0 : !node.hand_off.items.empty();
}

/// When a thread would act if it had a core of its own; kNever: not by itself.
Instant World::ready_instant(std::uint32_t index, std::uint32_t number) const {
  const Thread& thread = state_->nodes[index].threads[number];
  switch (thread.state) {
    case ThreadState::ready: return thread.ready_at;
    case ThreadState::waiting:
    case ThreadState::stopped: return engine::kNever;
    case ThreadState::sleeping: {
      if (!finds_something(index, number)) return engine::kNever;
      // Turns in which it found nothing are left out: it is the end of a later sleep.
      const std::int64_t late_ns = std::max<std::int64_t>(0, (state_->now - thread.ready_at).ns);
      const std::int64_t period_ns = thread.sleep_ns + config_->costs.spin_ns;
      return thread.ready_at + engine::Duration{(late_ns + period_ns - 1) / period_ns * period_ns};
    }
    case ThreadState::spinning: break;
  }
  if (finds_something(index, number)) return std::max(thread.ready_at, state_->now);
  const std::uint32_t spins = thread.runner.spins_left();
  if (spins == 0) return engine::kNever;
  return thread.ready_at + engine::Duration{config_->costs.spin_ns * spins};
}

/// When it gets its core (W5); kNever: another thread goes first.
Instant World::core_instant(std::uint32_t index, std::uint32_t number, Instant ready_at) const {
  const Core& core = state_->cores[state_->nodes[index].threads[number].core];
  const Instant at = std::max(ready_at, core.free_at);
  if (core.node == kNobody) return at;
  const bool is_holder = core.node == index && core.thread == number;
  if (!is_holder) {
    const Thread& holder = state_->nodes[core.node].threads[core.thread];
    const bool is_held =
        holder.state == ThreadState::ready || holder.state == ThreadState::spinning;
    return is_held ? std::max(at, core.slice_ends_at) : at;
  }
  if (at < core.slice_ends_at) return at;
  // The slice is used up: whoever else is ready goes first.
  for (std::uint32_t other = 0; other < node_count(); ++other) {
    const Node& node = state_->nodes[other];
    for (std::uint32_t thread = 0; thread < node.threads.size(); ++thread) {
      if (other == index && thread == number) continue;
      if (node.threads[thread].core != state_->nodes[index].threads[number].core) continue;
      if (ready_instant(other, thread) <= at) return engine::kNever;
    }
  }
  return at;
}

Event World::act(const Actor& actor, Choices& choices) {
  state_->now = std::max(state_->now, actor.ready_at);  // W3
  switch (actor.kind) {
    case Actor::Kind::source: return act_source(actor.index, choices);
    case Actor::Kind::thread: return act_thread(actor.index, actor.part, choices);
    case Actor::Kind::link: return act_link(actor.index, actor.part, choices);
  }
  return {};
}

Event World::act_source(std::uint32_t flow, Choices& choices) {
  Source& source = state_->sources[flow];
  const TrafficConfig& traffic = config_->traffic[flow];
  Packet packet;
  packet.sequence = source.sequence++;
  packet.flow = flow;
  packet.payload_bytes = traffic.payload_bytes;
  ++state_->offered;
  const bool taken = arrive(0, packet, choices);
  switch (traffic.arrivals) {
    case Arrivals::constant: source.next_q16 += source.mean_q16; break;
    case Arrivals::poisson:
      source.next_q16 +=
          exponential(source.mean_q16, choices.pick(Site::interarrival, kExponentialDraws));
      break;
    case Arrivals::burst:
      if (--source.left_of_burst == 0) {
        source.left_of_burst = traffic.burst;
        source.next_q16 += source.mean_q16;
      }
      break;
  }
  return {state_->now, EventKind::arrival, flow, packet.sequence, taken ? 0U : 1U};
}

bool World::arrive(std::uint32_t index, const Packet& packet, Choices& choices) {
  Node& node = state_->nodes[index];
  const bool taken = node.kernel.arrive(kInputSocket, packet);
  wake_if_due(node, 0, choices);
  return taken;
}

/// What the kernel does for a thread when something became due: work where it comes to it now
/// (TaskRun), and the end of a wait.
void World::wake_if_due(Node& node, std::uint32_t number, Choices& choices) {
  Thread& thread = node.threads[number];
  const RingIndex ring{number};
  const bool waits = thread.state == ThreadState::waiting;
  const TaskRun task_run = node.kernel.profile().task_run;
  if (node.kernel.work_count(ring) > 0 &&
      (task_run == TaskRun::plain || (waits && task_run == TaskRun::cooperative))) {
    detail_.clear();
    KernelBackend backend(node.kernel, ring, choices, config_->costs, state_->now, detail_);
    backend.run_task_work();
  }
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
  Node& node = state_->nodes[index];
  Thread& thread = node.threads[number];
  detail_.clear();
  take_core(index, number);
  const bool spun_out = thread.state == ThreadState::spinning && !finds_something(index, number);
  if (spun_out) thread.runner.spun(thread.runner.spins_left());
  thread.state = ThreadState::ready;
  if (thread.returns != 0) return act_wake(index, number, choices);
  const engine::Next next = run_phase(node, number, choices);
  charge(thread);
  thread.ready_at = state_->now + engine::Duration{config_->costs.turn_ns + detail_.cost_ns};
  state_->cores[thread.core].free_at = thread.ready_at;
  settle(thread, next, node.kernel.completion_count(RingIndex{number}) >= next.completions);
  return {state_->now, EventKind::phase, index,
          std::uint64_t{number} << 32 | static_cast<std::uint64_t>(thread.runner.last_phase()),
          detail_.digest.value()};
}

Event World::act_wake(std::uint32_t index, std::uint32_t number, Choices& choices) {
  Node& node = state_->nodes[index];
  Thread& thread = node.threads[number];
  KernelBackend backend(node.kernel, RingIndex{number}, choices, config_->costs, state_->now,
                        detail_);
  backend.run_task_work();
  thread.returns = 0;
  thread.ready_at = state_->now + engine::Duration{detail_.cost_ns};
  state_->cores[thread.core].free_at = thread.ready_at;
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

void World::take_core(std::uint32_t index, std::uint32_t number) {
  Core& core = state_->cores[state_->nodes[index].threads[number].core];
  if (core.node == index && core.thread == number && state_->now < core.slice_ends_at) return;
  const bool is_other = core.node != kNobody && (core.node != index || core.thread != number);
  core.node = index;
  core.thread = number;
  core.slice_ends_at = state_->now + engine::Duration{config_->costs.slice_ns};
  if (is_other) detail_.cost_ns += config_->costs.switch_ns;
}

Event World::act_link(std::uint32_t index, std::uint32_t link, Choices& choices) {
  Node& node = state_->nodes[index];
  const Kernel::LinkEvent happened = node.kernel.step_link(link);
  if (!happened.delivered) {
    wake_if_due(node, node.threads.size() - 1, choices);
    return {state_->now, EventKind::departure, index, link, happened.packet.sequence};
  }
  const Packet& packet = happened.packet;
  if (link == 0 && index + 1 < node_count()) {
    arrive(index + 1, packet, choices);
  } else {
    Delivered& outlet_state = state_->delivered[outlet(index, link, packet.flow)];
    if (packet.sequence < outlet_state.next_sequence) ++outlet_state.reordered;
    outlet_state.next_sequence = std::max(outlet_state.next_sequence, packet.sequence + 1);
    ++outlet_state.received;
    outlet_state.bytes += packet.payload_bytes;
    outlet_state.damaged += packet.damaged;
  }
  return {state_->now, EventKind::delivery, index, packet.sequence,
          std::uint64_t{link} << 32 | std::uint64_t{packet.flow} << 1 | packet.damaged};
}

void World::stop(bool abandon) {
  for (std::uint32_t index = 0; index < node_count(); ++index) {
    Node& node = state_->nodes[index];
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
  return (first + output) * state_->sources.size() + flow;
}

const Delivered& World::delivered(std::uint32_t node, std::uint32_t output,
                                  std::uint32_t flow) const {
  return state_->delivered[outlet(node, output, flow)];
}

bool World::laws_hold() const {
  std::uint64_t arrived = state_->offered;
  for (std::uint32_t index = 0; index < node_count(); ++index) {
    const Node& node = state_->nodes[index];
    if (!node.laws_hold()) return false;
    if (node.kernel.arrived() != arrived) return false;
    std::uint64_t left = 0;
    for (std::uint32_t output = 0; output < config_->nodes[index].fan_out; ++output) {
      for (std::uint32_t flow = 0; flow < state_->sources.size(); ++flow) {
        left += delivered(index, output, flow).received;
      }
    }
    const bool has_next = index + 1 < node_count();
    arrived = has_next ? state_->nodes[index + 1].kernel.arrived() : 0;
    if (node.kernel.sent() != node.kernel.queue_drops() + node.kernel.travelling() + left + arrived)
      return false;
  }
  return true;
}

}  // namespace reprise::sim
