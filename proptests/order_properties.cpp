// Every flow keeps its order on every output, whatever is refused, cut or sent again. Behind a
// relay that sends unlinked there is none to keep. Where the network reorders or doubles frames,
// the order is that in which they came to the relay.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "properties.hpp"
#include "property_check.hpp"

namespace reprise::proptests {

namespace {

/// How many relays, from the first on, promise an order.
std::uint32_t ordered_nodes(const sim::WorldConfig& config) {
  std::uint32_t count = 0;
  for (const sim::NodeConfig& node : config.nodes) {
    if (node.stage.hazards.send_order == engine::SendOrder::unlinked) break;
    ++count;
  }
  return count;
}

/// The order in which one flow's datagrams came to a relay, and how far each output has got in it.
class ArrivalOrder {
 public:
  explicit ArrivalOrder(const sim::WorldConfig& config) : config_(&config) {
    for (const sim::NodeConfig& node : config.nodes) {
      for (std::size_t flow = 0; flow < config.traffic.size(); ++flow)
        flows_.push_back({{}, std::vector<std::size_t>(node.fan_out)});
    }
  }
  void arrived(const sim::World::Arrival& arrival) {
    at(arrival.node, arrival.flow).sequences.push_back(arrival.sequence);
  }
  /// False: it did not come to the relay after what the output delivered before it.
  bool delivered(std::uint32_t node, std::uint32_t output, std::uint32_t flow,
                 std::uint64_t sequence) {
    Flow& came = at(node, flow);
    std::size_t& next = came.next[output];
    while (next < came.sequences.size() && came.sequences[next] != sequence) ++next;
    return next++ < came.sequences.size();
  }

 private:
  struct Flow {
    std::vector<std::uint64_t> sequences;
    std::vector<std::size_t> next;  ///< by output
  };
  Flow& at(std::uint32_t node, std::uint32_t flow) {
    return flows_[node * config_->traffic.size() + flow];
  }
  const sim::WorldConfig* config_;
  std::vector<Flow> flows_;
};

Verdict flows_keep_the_order_of_arrival(CaseRun& run) {
  const sim::World& world = run.world();
  const std::uint32_t ordered = ordered_nodes(world.config());
  ArrivalOrder order(world.config());
  while (const std::optional<Step> step = run.next()) {
    if (step->is_command) continue;
    for (const sim::World::Arrival& arrival : world.arrivals()) order.arrived(arrival);
    const sim::Event& event = step->event;
    // A relay that sends unlinked reorders for those behind it, whose order is their own.
    if (event.kind != sim::EventKind::delivery || event.index >= ordered) continue;
    const sim::DeliveredFrame frame = delivered_of(event);
    for (std::uint32_t number = 0; number < frame.datagrams; ++number) {
      if (order.delivered(event.index, frame.link, frame.flow, event.first + number)) continue;
      return std::unexpected(
          fmt::format("{}node {}, output {}: datagram {} of flow {} came after one that arrived "
                      "behind it",
                      run.place(), event.index, frame.link, event.first + number, frame.flow));
    }
  }
  return {};
}

}  // namespace

Verdict flows_keep_their_order(CaseRun& run) {
  const sim::FaultPlan& faults = run.tried().config.faults;
  if (faults.has(sim::FaultKind::reorder) || faults.has(sim::FaultKind::duplicate))
    return flows_keep_the_order_of_arrival(run);
  const sim::World& world = run.world();
  const sim::WorldConfig& config = world.config();
  const std::uint32_t ordered = ordered_nodes(config);
  // Sequence numbers start at 0; what is to come next at least, by node, output and flow.
  std::vector<std::vector<std::uint64_t>> next(config.nodes.size());
  for (std::uint32_t node = 0; node < next.size(); ++node) {
    next[node].resize(config.nodes[node].fan_out * config.traffic.size());
  }
  while (const std::optional<Step> step = run.next()) {
    const sim::Event& event = step->event;
    if (step->is_command || event.kind != sim::EventKind::delivery) continue;
    if (event.index >= ordered) continue;
    const auto [output, flow, datagrams, is_damaged] = delivered_of(event);
    std::uint64_t& next_sequence = next[event.index][output * config.traffic.size() + flow];
    if (event.first < next_sequence) {
      return std::unexpected(
          fmt::format("{}node {}, output {}: datagram {} of flow {} came after datagram {}",
                      run.place(), event.index, output, event.first, flow, next_sequence - 1));
    }
    next_sequence = event.first + datagrams;
  }
  for (std::uint32_t node = 0; node < ordered; ++node) {
    for (std::uint32_t output = 0; output < config.nodes[node].fan_out; ++output) {
      for (std::uint32_t flow = 0; flow < config.traffic.size(); ++flow) {
        const std::uint64_t reordered = world.delivered(node, output, flow).reordered;
        if (reordered == 0) continue;
        return std::unexpected(fmt::format("node {}, output {}, flow {}: {} datagrams reordered",
                                           node, output, flow, reordered));
      }
    }
  }
  return {};
}

TEST(Order, IsKeptByEveryFlowOnEveryOutput) {
  check_property("flows_keep_their_order", rc::gen::oneOf(cases(), stopped_cases()),
                 {{Sight::delivery, 60},
                  {Sight::two_hops, 30},
                  {Sight::fan_out, 30},
                  {Sight::refusal, 20},
                  {Sight::chain_cut, 6},
                  {Sight::sent_again, 10},
                  {Sight::refused_in_stall, 10},
                  {Sight::queue_full, 10},
                  {Sight::send_error, 15},
                  {Sight::hand_off, 40},
                  {Sight::fault, 20},
                  {Sight::lasting_fault, 10},
                  {Sight::network_fault, 10},
                  {Sight::packet_ring, 15},
                  {Sight::block_parted, 5},
                  {Sight::copied_out, 2},
                  {Sight::segmented, 10},
                  {Sight::gathered, 5},
                  {Sight::merged, 5}});
}

}  // namespace reprise::proptests
