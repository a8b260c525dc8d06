// Worlds with packet rings and segmented sends.
#include <gtest/gtest.h>

#include "reprise/sim/world.hpp"
#include "world_fixture.hpp"

namespace reprise::sim {
namespace {

/// Three relays; two flows of two lengths each share an output.
WorldConfig ring_world(bool carries_merged) {
  WorldConfig config;
  config.nodes.resize(3);
  for (std::uint32_t index = 0; index < config.nodes.size(); ++index) {
    NodeConfig& node = config.nodes[index];
    node.core = index;
    node.stage.pool = 64;
    node.stage.blocks = 4;
    node.stage.block_bytes = 16'384;
    node.stage.segments_max = 64;
    node.link.carries_merged = carries_merged;
  }
  config.traffic.resize(2);
  for (TrafficConfig& traffic : config.traffic) {
    traffic.arrivals = Arrivals::burst;
    traffic.burst = 4;
    traffic.rate = 20'000;
    traffic.payload_bytes = 400;
    traffic.third_payload_bytes = 100;
    traffic.count = 600;
  }
  config.traffic[1].shares_group = true;
  return config;
}

TEST(WorldOfRings, DeliversEverythingInOrderWithFewerSends) {
  for (const bool carries_merged : {false, true}) {
    SCOPED_TRACE(carries_merged ? "merged on the links" : "parted by the devices");
    World world(checked(ring_world(carries_merged)));
    Hashed choices(1);
    std::uint64_t sends = 0;
    for (Event event = world.step(choices); event.kind != EventKind::quiet;
         event = world.step(choices)) {
      if (event.kind == EventKind::phase) sends += world.detail().submitted.size();
      ASSERT_TRUE(world.laws_hold());
    }
    for (const std::uint32_t flow : {0U, 1U}) {
      const Delivered& delivered = world.delivered(2, 0, flow);
      EXPECT_EQ(delivered.received, 600U);
      EXPECT_EQ(delivered.bytes, 400U * 400 + 200U * 100);
      EXPECT_EQ(delivered.reordered + delivered.damaged, 0U);
    }
    EXPECT_LT(sends, 3U * 1200U * 2 / 3);
    for (std::uint32_t node = 0; node < 3; ++node) {
      EXPECT_EQ(world.node(node).kernel.kernel_drops(), 0U);
      EXPECT_EQ(world.node(node).ingress().ledger().held_count(), 0U);
    }
  }
}

TEST(WorldOfRings, StopsWithRingsThatAreStillFull) {
  for (std::uint32_t seed = 1; seed <= 40; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    WorldConfig config = ring_world(seed % 2 == 0);
    for (NodeConfig& node : config.nodes) node.stage.intake = 1 + seed % 5;
    for (TrafficConfig& traffic : config.traffic) traffic.rate = 5'000'000;
    World world(checked(config));
    Hashed choices(seed);
    for (std::uint32_t steps = 0; steps < 50 * seed; ++steps) world.step(choices);
    world.stop();
    run_to_the_end(world, choices, seed % 3 == 0 ? Timing::untimed : Timing::timed);
    for (std::uint32_t node = 0; node < world.node_count(); ++node)
      EXPECT_TRUE(world.node(node).is_stopped());
    if (testing::Test::HasFailure()) return;
  }
}

TEST(WorldOfRings, AreOfOneThread) {
  WorldConfig config = ring_world(false);
  config.nodes[0].threads = 2;
  EXPECT_FALSE(check(config).empty());
}

}  // namespace
}  // namespace reprise::sim
