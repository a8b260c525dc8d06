#include "reprise/sim/world.hpp"

#include <algorithm>

namespace reprise::sim {

using engine::Instant;

namespace {

std::vector<KernelConfig> kernel_configs(const WorldConfig& config) {
  std::vector<KernelConfig> kernels;
  for (const NodeConfig& node : config.nodes) {
    KernelConfig kernel;
    kernel.node = node;
    kernel.index = static_cast<std::uint32_t>(kernels.size());
    kernel.profile = config.kernel;
    kernel.send_errors_per_million = config.send_errors_per_million;
    for (const TrafficConfig& traffic : config.traffic)
      kernel.payload_bytes.push_back(traffic.payload_bytes);
    kernels.push_back(std::move(kernel));
  }
  return kernels;
}

std::uint32_t core_count(const WorldConfig& config) {
  std::uint32_t count = 0;
  for (const NodeConfig& node : config.nodes) count = std::max(count, node.core + 1);
  return count;
}

void start_node(Node& node, const KernelConfig& config) {
  node.kernel.start(config);
  node.stage.start(config.node.stage);
  node.runner = engine::Runner(config.node.stage.policy);
  node.core = config.node.core;
  const auto input = node.stage.add_input(engine::SocketIndex{0});
  REPRISE_ASSERT(input.has_value());
  for (std::uint32_t flow = 0; flow < config.payload_bytes.size(); ++flow) {
    std::vector<engine::SocketIndex> sockets;
    sockets.reserve(config.node.fan_out);
    for (std::uint32_t output = 0; output < config.node.fan_out; ++output) {
      sockets.push_back(engine::SocketIndex{1 + flow * config.node.fan_out + output});
    }
    const engine::RouteKey key{{}, group_of(config.index, flow), *input, kPort};
    REPRISE_ASSERT(node.stage.add_route(key, sockets).has_value());
  }
}

}  // namespace

void Node::place(engine::FlatLayout& layout, const KernelConfig& config) {
  kernel.place(layout, config);
  stage.place(layout, config.node.stage);
}

void World::State::place(engine::FlatLayout& layout, const WorldConfig& config) {
  const std::vector<KernelConfig> kernels = kernel_configs(config);
  layout.place(nodes, std::span<const KernelConfig>(kernels));
  layout.place(sources, static_cast<std::uint32_t>(config.traffic.size()));
  layout.place(core_free_at, core_count(config));
  std::uint32_t outlets = 0;
  for (const NodeConfig& node : config.nodes) outlets += node.fan_out;
  layout.place(delivered, outlets * static_cast<std::uint32_t>(config.traffic.size()));
}

void World::State::start(const WorldConfig& config) {
  const std::vector<KernelConfig> kernels = kernel_configs(config);
  for (std::uint32_t index = 0; index < nodes.size(); ++index)
    start_node(nodes[index], kernels[index]);
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
  collect_actors();
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

void World::collect_actors() {
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
    if (node.stopped != 0 || node.waits_for > 0) continue;
    actors_.push_back(
        {Actor::Kind::runner, index, 0, std::max(node.ready_at, state_->core_free_at[node.core])});
  }
}

Event World::act(const Actor& actor, Choices& choices) {
  state_->now = std::max(state_->now, actor.ready_at);  // W3
  switch (actor.kind) {
    case Actor::Kind::source: return act_source(actor.index, choices);
    case Actor::Kind::runner: return act_runner(actor.index, choices);
    case Actor::Kind::link: return act_link(actor.index, actor.link);
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
  const bool taken = arrive(0, packet);
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

bool World::arrive(std::uint32_t index, const Packet& packet) {
  Node& node = state_->nodes[index];
  const bool taken = node.kernel.arrive(packet, node.waits_for > 0);
  wake_if_due(node);
  return taken;
}

void World::wake_if_due(Node& node) {
  if (node.waits_for == 0 || node.kernel.completion_count() < node.waits_for) return;
  node.waits_for = 0;
  node.returns = 1;
  node.ready_at = std::max(node.ready_at, state_->now + engine::Duration{config_->costs.wake_ns});
}

Event World::act_runner(std::uint32_t index, Choices& choices) {
  Node& node = state_->nodes[index];
  detail_.clear();
  KernelBackend backend(node.kernel, choices, config_->costs, state_->now, detail_);
  if (node.returns != 0) backend.run_task_work();
  node.returns = 0;
  const engine::Phase phase = node.runner.phase();
  const engine::Next next = node.runner.step(node.stage, backend, batch_, node.kernel.memory());
  switch (next.kind) {
    case engine::Next::Kind::run: break;
    case engine::Next::Kind::stopped: node.stopped = 1; break;
    case engine::Next::Kind::wait:
      backend.submit_and_wait(next.completions, engine::kNever);
      if (node.kernel.completion_count() < next.completions) node.waits_for = next.completions;
      break;
  }
  node.ready_at = state_->now + engine::Duration{config_->costs.turn_ns + detail_.cost_ns};
  state_->core_free_at[node.core] = node.ready_at;
  return {state_->now, EventKind::phase, index, static_cast<std::uint64_t>(phase),
          detail_.digest.value()};
}

Event World::act_link(std::uint32_t index, std::uint32_t link) {
  Node& node = state_->nodes[index];
  const Kernel::LinkEvent happened = node.kernel.step_link(link);
  if (!happened.delivered) {
    wake_if_due(node);
    return {state_->now, EventKind::departure, index, link, happened.packet.sequence};
  }
  const Packet& packet = happened.packet;
  if (link == 0 && index + 1 < node_count()) {
    arrive(index + 1, packet);
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
    node.stage.stop();
    if (abandon) node.stage.abandon();
    if (node.waits_for == 0) continue;
    node.waits_for = 0;  // as wake() does
    node.returns = 1;
    node.ready_at = std::max(node.ready_at, state_->now);
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
    if (!node.stage.laws_hold() || !node.kernel.agrees_with(node.stage)) return false;
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
