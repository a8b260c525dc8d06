#include "reprise/sim/node.hpp"

#include <vector>

#include "reprise/sim/node_kernel.hpp"

namespace reprise::sim {
namespace {

std::vector<engine::SocketIndex> output_sockets(const NodeConfig& config, std::uint32_t group) {
  std::vector<engine::SocketIndex> sockets;
  sockets.reserve(config.fan_out);
  for (std::uint32_t output = 0; output < config.fan_out; ++output) {
    sockets.push_back(output_socket(config, group, output));
  }
  return sockets;
}

}  // namespace

void Node::place(engine::FlatLayout& layout, const NodePlan& plan) {
  inlet.place(layout, plan.kernel.faults);
  kernel.place(layout, plan.kernel);
  const std::vector<engine::StageConfig> stages = plan.node.stages();
  layout.place(threads, std::span<const engine::StageConfig>(stages));
  if (stages.size() > 1) hand_off.place(layout, plan.node.stage);
}

void Node::start(const NodePlan& plan) {
  kernel.start(plan.kernel);
  const std::vector<engine::StageConfig> stages = plan.node.stages();
  for (std::uint32_t index = 0; index < threads.size(); ++index) {
    Thread& thread = threads[index];
    thread.stage.start(stages[index]);
    thread.runner = engine::Runner(stages[index]);
    thread.core = index == 0 ? plan.node.core : plan.node.egress_core;
  }
  engine::Stage& ingress = threads[0].stage;
  engine::Stage& egress = threads[threads.size() - 1].stage;
  const auto input =
      ingress.add_input({.socket = kInputSocket, .has_ring = plan.node.stage.blocks > 0});
  REPRISE_ASSERT(input.has_value());
  for (std::uint32_t group = 0; group < plan.groups; ++group) {
    const auto first = egress.add_outputs(output_sockets(plan.node, group));
    REPRISE_ASSERT(first.has_value());
    const engine::RouteKey key{{}, group_of(plan.index, group), *input, kPort};
    REPRISE_ASSERT(ingress.add_route(key, *first).has_value());
  }
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

}  // namespace reprise::sim
