// Workers side by side: each a relay of its own, each flow in one of them.
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "world_fixture.hpp"

namespace reprise::sim {
namespace {

WorldConfig workers_config(std::uint32_t workers, std::uint32_t flows, Spread spread) {
  WorldConfig config;
  config.arrangement = Arrangement::workers;
  config.spread = spread;
  config.nodes.resize(workers);
  config.traffic.resize(flows);
  for (std::uint32_t index = 0; index < workers; ++index) {
    config.nodes[index].core = 2 * index;
    config.nodes[index].egress_core = 2 * index + 1;
    config.nodes[index].stage.rules_max = flows;
    config.nodes[index].stage.outputs_max = 2 * flows;
    config.nodes[index].fan_out = 2;
  }
  for (TrafficConfig& traffic : config.traffic) {
    traffic.count = 200;
    traffic.rate = 20'000;
  }
  return config;
}

TEST(Workers, EachFlowLeavesTheWorkerThatItEnteredByEveryOutput) {
  for (const Spread spread : {Spread::hash, Spread::even}) {
    World world(checked(workers_config(3, 7, spread)));
    Hashed choices(1);
    run_to_the_end(world, choices);
    for (std::uint32_t flow = 0; flow < 7; ++flow) {
      for (std::uint32_t node = 0; node < 3; ++node) {
        const std::uint64_t expected = world.config().entry_of(flow) == node ? 200 : 0;
        EXPECT_EQ(world.delivered(node, 0, flow).received, expected);
        EXPECT_EQ(world.delivered(node, 1, flow).received, expected);
        EXPECT_EQ(world.delivered(node, 0, flow).reordered, 0U);
      }
    }
  }
}

TEST(Workers, FlowsAreSpreadEvenlyOnlyWhereItIsAsked) {
  const auto flows_of_each = [](Spread spread) {
    const WorldConfig config = workers_config(4, 400, spread);
    std::array<int, 4> flows{};
    for (std::uint32_t flow = 0; flow < 400; ++flow) ++flows.at(config.entry_of(flow));
    return flows;
  };
  EXPECT_EQ(flows_of_each(Spread::even), (std::array<int, 4>{100, 100, 100, 100}));
  const std::array<int, 4> hashed = flows_of_each(Spread::hash);
  EXPECT_NE(hashed, (std::array<int, 4>{100, 100, 100, 100}));
  for (const int flows : hashed) EXPECT_NEAR(flows, 100, 30);
}

/// They share nothing: the worker of a flow does what a relay would do that had it alone.
TEST(Workers, OneDoesNotChangeWhatAnotherDoes) {
  WorldConfig together = workers_config(2, 2, Spread::even);
  together.traffic[0].rate = 2'000'000;  // more than a worker can follow
  together.traffic[1].arrivals = Arrivals::burst;
  together.traffic[1].burst = 50;
  for (NodeConfig& node : together.nodes) node.stage.pool = 16;
  World both(checked(together));
  Hashed choices(1);
  run_to_the_end(both, choices);
  for (std::uint32_t flow = 0; flow < 2; ++flow) {
    WorldConfig alone = together;
    alone.traffic[1 - flow].count = 0;
    World one(checked(alone));
    Hashed other_choices(9);
    run_to_the_end(one, other_choices);
    EXPECT_EQ(one.delivered(flow, 0, flow).received, both.delivered(flow, 0, flow).received);
    EXPECT_EQ(one.node(flow).kernel.kernel_drops(), both.node(flow).kernel.kernel_drops());
    EXPECT_EQ(one.node(flow).turns(), both.node(flow).turns());
  }
}

TEST(Workers, LawsCountWhatEntersEachOfThem) {
  World world(checked(workers_config(2, 3, Spread::even)));
  Hashed choices(1);
  run_to_the_end(world, choices);
  EXPECT_EQ(world.offered(0), 400U);
  EXPECT_EQ(world.offered(1), 200U);
  EXPECT_EQ(world.offered(), 600U);
  EXPECT_EQ(world.node(0).entered(), 400U);
}

}  // namespace
}  // namespace reprise::sim
