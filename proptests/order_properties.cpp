// Every flow keeps its order on every output, whatever is refused, cut or sent again. Behind a
// relay that sends unlinked there is none to keep.
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

}  // namespace

Verdict flows_keep_their_order(CaseRun& run) {
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
    const auto output = static_cast<std::uint32_t>(event.second >> 32);
    const auto flow = static_cast<std::uint32_t>(event.second & 0xffff'ffffU) >> 1;
    std::uint64_t& next_sequence = next[event.index][output * config.traffic.size() + flow];
    if (event.first < next_sequence) {
      return std::unexpected(
          fmt::format("{}node {}, output {}: datagram {} of flow {} came after datagram {}",
                      run.place(), event.index, output, event.first, flow, next_sequence - 1));
    }
    next_sequence = event.first + 1;
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
                  {Sight::hand_off, 40}});
}

}  // namespace reprise::proptests
