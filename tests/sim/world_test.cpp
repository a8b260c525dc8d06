#include "reprise/sim/world.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "world_fixture.hpp"

namespace reprise::sim {
namespace {

TEST(World, DeliversEverythingThatItCanFollow) {
  World world(checked(calm_config()));
  Hashed choices(1);
  run_to_the_end(world, choices);
  EXPECT_EQ(world.offered(), 500U);
  EXPECT_EQ(world.delivered(0, 0, 0).received, 500U);
  EXPECT_EQ(world.delivered(0, 0, 0).bytes, 500U * 1400);
  EXPECT_EQ(world.delivered(0, 0, 0).reordered, 0U);
  EXPECT_EQ(world.delivered(0, 0, 0).damaged, 0U);
}

TEST(World, ItsLawsHoldAtEveryStepOfRandomRuns) {
  for (std::uint32_t seed = 1; seed <= 120; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(checked(random_config(seed)));
    Hashed choices(seed);
    run_to_the_end(world, choices, seed % 2 == 0 ? Timing::timed : Timing::untimed);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(World, DeliversEveryFlowInOrderAndUnaltered) {
  for (std::uint32_t seed = 200; seed <= 320; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(checked(random_config(seed)));
    Hashed choices(seed);
    run_to_the_end(world, choices, seed % 2 == 0 ? Timing::timed : Timing::untimed, false);
    for (std::uint32_t node = 0; node < world.node_count(); ++node) {
      for (std::uint32_t output = 0; output < world.config().nodes[node].fan_out; ++output) {
        for (std::uint32_t flow = 0; flow < world.config().traffic.size(); ++flow) {
          ASSERT_EQ(world.delivered(node, output, flow).reordered, 0U);
          ASSERT_EQ(world.delivered(node, output, flow).damaged, 0U);
        }
      }
    }
  }
}

TEST(World, HoldsNothingWhenItIsQuiet) {
  for (std::uint32_t seed = 400; seed <= 480; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(checked(random_config(seed)));
    Hashed choices(seed);
    run_to_the_end(world, choices, Timing::timed, false);
    for (std::uint32_t index = 0; index < world.node_count(); ++index) {
      const Node& node = world.node(index);
      ASSERT_EQ(node.ingress().ledger().held_count(), 0U) << "a lost wake-up, or a leak";
      ASSERT_EQ(node.kernel.socket_backlog(), 0U);
      ASSERT_EQ(node.kernel.travelling(), 0U);
      ASSERT_EQ(node.egress().egress().backlog_size(), 0U);
    }
  }
}

TEST(World, CopiesThatStepAlikeStayEqual) {
  World world(checked(random_config(7)));
  Hashed choices(7);
  for (int step = 0; step < 300; ++step) world.step(choices);
  World copy(world);
  Hashed copied_choices(choices);
  EXPECT_TRUE(copy == world);
  for (int step = 0; step < 500; ++step) {
    const Event event = world.step(choices);
    const Event copied = copy.step(copied_choices);
    Digest digest;
    Digest copied_digest;
    digest.add(event);
    copied_digest.add(copied);
    ASSERT_EQ(digest.value(), copied_digest.value());
    ASSERT_TRUE(copy == world);
    ASSERT_TRUE(std::ranges::equal(copy.bytes(), world.bytes()));
  }
}

TEST(World, TwoOfOneConfigurationStartEqual) {
  EXPECT_TRUE(World(checked(random_config(3))) == World(checked(random_config(3))));
}

TEST(World, ACopyIsItsOwn) {
  World world(checked(random_config(7)));
  const World before(world);
  Hashed choices(7);
  for (int step = 0; step < 50; ++step) world.step(choices);
  EXPECT_FALSE(before == world);
  EXPECT_EQ(before.offered(), 0U);
}

TEST(World, TheRecordedPicksReplayTheRun) {
  for (const Timing timing : {Timing::timed, Timing::untimed}) {
    WorldConfig poisson = random_config(12);
    poisson.traffic[0].arrivals = Arrivals::poisson;
    const auto config = checked(poisson);
    Hashed hashed(12);
    Recorded recorded(hashed);
    World world(config);
    const std::uint64_t digest = run_to_the_end(world, recorded, timing, false);
    EXPECT_FALSE(recorded.picks().empty());
    Listed listed(recorded.picks());
    World replayed(config);
    EXPECT_EQ(run_to_the_end(replayed, listed, timing, false), digest);
    EXPECT_EQ(listed.used(), recorded.picks().size());
    EXPECT_TRUE(replayed == world);
  }
}

TEST(World, TimeNeverGoesBack) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    World world(checked(random_config(seed)));
    Hashed choices(seed);
    engine::Instant last;
    for (Event event = world.step(choices); event.kind != EventKind::quiet;
         event = world.step(choices)) {
      ASSERT_GE(event.time, last);
      last = event.time;
    }
  }
}

TEST(World, AStallLeadsToRefusalsAndEverythingStillArrives) {
  WorldConfig config = calm_config(400);
  config.nodes[0].stage.output_queue = 512;
  config.nodes[0].send_buffer_bytes = 16'384;
  config.nodes[0].link.bits_per_second = 10'000'000'000;
  config.nodes[0].link.stalls = {{1'000'000, 1'000'000}};
  World world(checked(config));
  Hashed choices(1);
  run_to_the_end(world, choices);
  const engine::OutputCounters total = world.node(0).egress().output_total();
  EXPECT_GT(total.refused, 0U);
  EXPECT_EQ(total.sent, 400U);
  EXPECT_EQ(world.delivered(0, 0, 0).received, 400U);
  EXPECT_EQ(world.delivered(0, 0, 0).reordered, 0U);
}

TEST(World, AStallOfOneOutputHoldsUpNoOther) {
  WorldConfig config = calm_config(400);
  config.nodes[0].fan_out = 2;
  config.nodes[0].send_buffer_bytes = 16'384;
  World calm(checked(config));
  // Links of a node are alike, so a stall of one is a full socket of one: flow 1 is twice as large.
  config.traffic.push_back(config.traffic[0]);
  config.traffic[1].rate = 300'000;
  config.nodes[0].link.bits_per_second = 1'000'000'000;
  World crowded(checked(config));
  Hashed choices(1);
  run_to_the_end(calm, choices);
  run_to_the_end(crowded, choices);
  EXPECT_EQ(calm.delivered(0, 0, 0).received, 400U);
  EXPECT_GT(crowded.node(0).egress().output_total().refused, 0U);
  EXPECT_EQ(crowded.delivered(0, 0, 0).reordered, 0U);
  EXPECT_EQ(crowded.delivered(0, 1, 1).reordered, 0U);
}

TEST(World, RelaysThatShareACoreAreSlower) {
  WorldConfig config = calm_config(2000);
  config.nodes.resize(2);
  config.traffic[0].rate = 1'000'000;  // more than a core can follow
  config.nodes[0].receive_buffer_bytes = config.nodes[1].receive_buffer_bytes = 1 << 28;
  config.nodes[1].core = 1;
  World apart(checked(config));
  config.nodes[1].core = 0;
  World together(checked(config));
  Hashed choices(1);
  run_to_the_end(apart, choices, Timing::timed, false);
  run_to_the_end(together, choices, Timing::timed, false);
  EXPECT_EQ(delivered_at_the_end(apart), 2000U);
  EXPECT_EQ(delivered_at_the_end(together), 2000U);
  EXPECT_GT(together.now().ns, apart.now().ns * 3 / 2);
}

TEST(World, BytesCostTimeWhereTheProfileSaysSo) {
  WorldConfig config = calm_config(1000);
  config.traffic[0].rate = 1'000'000;
  config.nodes[0].receive_buffer_bytes = 1 << 28;
  World free(checked(config));
  config.costs.send_byte_ps = 1000;
  World costly(checked(config));
  Hashed choices(1);
  run_to_the_end(free, choices, Timing::timed, false);
  run_to_the_end(costly, choices, Timing::timed, false);
  EXPECT_GE(costly.now().ns - free.now().ns, 1000 * 1400 * 9 / 10);
}

TEST(World, OverloadIsCountedInTheSocketOrInTheStage) {
  for (const engine::Exhaustion exhaustion : {engine::Exhaustion::wait, engine::Exhaustion::drop}) {
    WorldConfig config = calm_config(3000);
    config.traffic[0].rate = 5'000'000;
    config.nodes[0].stage.pool = 8;
    config.nodes[0].stage.landing = 32;
    config.nodes[0].stage.exhaustion = exhaustion;
    config.nodes[0].receive_buffer_bytes = 50'000;
    World world(checked(config));
    Hashed choices(1);
    run_to_the_end(world, choices);
    const Node& node = world.node(0);
    const std::uint64_t no_buffer =
        node.ingress()
            .ingress_counters()
            .dropped[static_cast<std::size_t>(engine::IngressDrop::no_buffer)];
    EXPECT_EQ(no_buffer > 0, exhaustion == engine::Exhaustion::drop);
    EXPECT_GT(node.kernel.kernel_drops(), 0U);
    EXPECT_EQ(world.delivered(0, 0, 0).received + no_buffer + node.kernel.kernel_drops(), 3000U);
  }
}

TEST(World, StopsFromAnyMomentWithoutLosingARegion) {
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(checked(random_config(seed)));
    Hashed choices(seed);
    for (std::uint32_t step = 0; step < seed * 37 % 2000; ++step) world.step(choices);
    world.stop(seed % 2 == 0);
    run_to_the_end(world, choices, seed % 3 == 0 ? Timing::untimed : Timing::timed, false);
    for (std::uint32_t index = 0; index < world.node_count(); ++index) {
      ASSERT_TRUE(world.node(index).is_stopped());
      ASSERT_TRUE(world.node(index).ingress().is_stopped());
      ASSERT_EQ(world.node(index).ingress().ledger().held_count(), 0U);
    }
  }
}

TEST(World, AnIdleWorldStopsToo) {
  for (std::uint32_t index = 0; index < 4; ++index) {
    WorldConfig config = calm_config(5);
    config.nodes[0].stage.policy = engine::Policy{index};
    World world(checked(config));
    Hashed choices(1);
    run_to_the_end(world, choices);
    EXPECT_FALSE(world.node(0).is_stopped()) << "it waits for traffic";
    world.stop();
    run_to_the_end(world, choices);
    EXPECT_TRUE(world.node(0).is_stopped());
  }
}

TEST(World, AnUntimedRunAlsoDeliversEverythingItAccepts) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    WorldConfig config = calm_config(200);
    config.nodes.resize(2);
    for (NodeConfig& node : config.nodes) {
      node.receive_buffer_bytes = 1 << 20;
      node.stage.output_queue = 512;
    }
    World world(checked(config));
    Hashed choices(seed);
    run_to_the_end(world, choices, Timing::untimed, false);
    ASSERT_EQ(delivered_at_the_end(world), 200U);
  }
}

}  // namespace
}  // namespace reprise::sim
