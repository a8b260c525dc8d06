// Simulated relays with two threads: everything that a relay with one thread keeps they keep too,
// and they sleep, wake, spin and share a core as their configuration says.
#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <tuple>
#include <vector>

#include "world_fixture.hpp"

namespace reprise::sim {
namespace {

using engine::BacklogKind;
using engine::Drain;
using engine::Exhaustion;
using engine::Policy;
using engine::WakeUp;

/// One relay with two threads and a flow that it can follow.
WorldConfig two_threads(std::uint64_t count = 300) {
  WorldConfig config = calm_config(count);
  config.nodes[0].threads = 2;
  config.nodes[0].egress_core = 1;
  return config;
}

/// Like random_config(), with two threads in most relays and any of what goes with them.
WorldConfig random_threads(std::uint32_t seed) {
  WorldConfig config = random_config(seed);
  std::mt19937 random(seed * 7919);
  const auto below = [&](std::uint32_t end) { return static_cast<std::uint32_t>(random() % end); };
  for (NodeConfig& node : config.nodes) {
    node.threads = below(4) == 0 ? 1 : 2;
    node.egress_core = below(3);
    node.stage.wake_up = engine::WakeUp{below(3)};
    node.stage.spin_turns = below(3) == 0 ? 0 : below(50);
    engine::Hazards& hazards = node.stage.hazards;
    hazards.backlog = engine::BacklogKind{below(2)};
    hazards.item_bytes = 16 + below(241);
    hazards.drain = engine::Drain{below(2)};
    hazards.log_lines = engine::LogLines{below(3)};
    if (below(4) == 0) hazards.nap_us = 1 + below(80);
    if (below(4) == 0) hazards.send_order = engine::SendOrder::unlinked;
  }
  return config;
}

/// Regions that came back and were not looked at, because the ingress stage needs none.
std::uint32_t returns_waiting(const Node& node) {
  return node.threads.size() == 1 ? 0 : node.hand_off.returns.size();
}

class TwoThreads
    : public testing::TestWithParam<std::tuple<Policy, WakeUp, Drain, BacklogKind, Exhaustion>> {};
INSTANTIATE_TEST_SUITE_P(
    World, TwoThreads,
    testing::Combine(testing::Values(Policy::synchronous, Policy::deferred, Policy::eager,
                                     Policy::adaptive),
                     testing::Values(WakeUp::spin, WakeUp::event, WakeUp::hybrid),
                     testing::Values(Drain::batch, Drain::all),
                     testing::Values(BacklogKind::ring, BacklogKind::erase_front),
                     testing::Values(Exhaustion::wait, Exhaustion::drop)));

TEST_P(TwoThreads, DeliverEverythingAtLightLoad) {
  WorldConfig config = two_threads();
  engine::StageConfig& stage = config.nodes[0].stage;
  std::tie(stage.policy, stage.wake_up, stage.hazards.drain, stage.hazards.backlog,
           stage.exhaustion) = GetParam();
  // A thread that spins on a shared core holds up the other for a slice of it.
  config.nodes[0].receive_buffer_bytes = 1 << 20;
  stage.landing = 512;
  for (const std::uint32_t egress_core : {1U, 0U}) {
    config.nodes[0].egress_core = egress_core;
    World world(checked(config));
    Hashed choices(1);
    run_to_the_end(world, choices, Timing::timed, false);
    EXPECT_EQ(world.delivered(0, 0, 0).received, 300U);
    EXPECT_EQ(world.delivered(0, 0, 0).reordered, 0U);
    EXPECT_EQ(world.delivered(0, 0, 0).damaged, 0U);
    EXPECT_EQ(world.node(0).egress().crossed(), 300U);
    world.stop();
    run_to_the_end(world, choices, Timing::timed, false);
    EXPECT_TRUE(world.node(0).is_stopped());
    EXPECT_EQ(world.node(0).ingress().ledger().held_count(), 0U);
  }
}

TEST(WorldThreads, KeepTheLawsAtEveryStepOfRandomRuns) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(checked(random_threads(seed)));
    Hashed choices(seed);
    run_to_the_end(world, choices, seed % 2 == 0 ? Timing::timed : Timing::untimed);
    if (testing::Test::HasFailure()) return;
  }
}

TEST(WorldThreads, HoldNothingWhenTheyAreQuiet) {
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(checked(random_threads(seed)));
    Hashed choices(seed);
    run_to_the_end(world, choices, seed % 2 == 0 ? Timing::timed : Timing::untimed, false);
    for (std::uint32_t index = 0; index < world.node_count(); ++index) {
      const Node& node = world.node(index);
      ASSERT_EQ(node.ingress().ledger().held_count(), returns_waiting(node))
          << "a lost wake-up, or a leak";
      ASSERT_EQ(node.kernel.socket_backlog(), 0U);
      ASSERT_EQ(node.kernel.travelling(), 0U);
      ASSERT_EQ(node.egress().egress().backlog_size(), 0U);
      ASSERT_EQ(node.egress().sends_open(), 0U);
      if (node.threads.size() == 2) {
        ASSERT_TRUE(node.hand_off.items.empty());
      }
    }
  }
}

TEST(WorldThreads, StopFromAnyMomentWithoutLosingARegion) {
  for (std::uint32_t seed = 1; seed <= 150; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    World world(checked(random_threads(seed)));
    Hashed choices(seed);
    const Timing timing = seed % 3 == 0 ? Timing::untimed : Timing::timed;
    for (std::uint32_t step = 0; step < seed * 37 % 2000; ++step) world.step(choices, timing);
    world.stop(seed % 2 == 0);
    if (seed % 5 == 0) {
      for (std::uint32_t step = 0; step < 10; ++step) world.step(choices, timing);
      world.stop(true);
    }
    run_to_the_end(world, choices, timing, false);
    for (std::uint32_t index = 0; index < world.node_count(); ++index) {
      const Node& node = world.node(index);
      ASSERT_TRUE(node.is_stopped());
      ASSERT_EQ(node.ingress().ledger().held_count(), 0U);
      ASSERT_EQ(node.egress().output_total().assigned,
                node.egress().output_total().sent + node.egress().output_total().dropped_total());
    }
  }
}

TEST(WorldThreads, GiveEqualDigestsForEqualSeeds) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    const auto digest = [seed] {
      World world(checked(random_threads(seed)));
      Hashed choices(seed);
      return run_to_the_end(world, choices, Timing::timed, false);
    };
    EXPECT_EQ(digest(), digest());
  }
}

TEST(WorldThreads, CopiesThatStepAlikeStayEqual) {
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    World world(checked(random_threads(seed)));
    Hashed choices(seed);
    for (int step = 0; step < 300; ++step) world.step(choices);
    World copy(world);
    Hashed copied_choices(choices);
    for (int step = 0; step < 300; ++step) {
      world.step(choices);
      copy.step(copied_choices);
      ASSERT_TRUE(copy == world);
      ASSERT_TRUE(std::ranges::equal(copy.bytes(), world.bytes()));
    }
  }
}

/// Two threads of one core under an overload that keeps both busy.
WorldConfig one_core(WakeUp wake_up, Policy policy) {
  WorldConfig config = two_threads(3000);
  config.nodes[0].egress_core = 0;
  config.nodes[0].stage.wake_up = wake_up;
  config.nodes[0].stage.policy = policy;
  config.nodes[0].stage.pool = 4096;
  config.nodes[0].receive_buffer_bytes = 1 << 28;
  config.traffic[0].rate = 1'000'000;
  return config;
}

TEST(WorldThreads, ShareACoreWithoutStarvingEachOther) {
  for (std::uint32_t index = 0; index < 12; ++index) {
    SCOPED_TRACE(testing::Message() << "policy " << index % 4 << ", wake-up " << index / 4);
    WorldConfig config = one_core(WakeUp{index / 4}, Policy{index % 4});
    World together(checked(config));
    config.nodes[0].egress_core = 1;
    World apart(checked(config));
    Hashed choices(1);
    run_to_the_end(together, choices, Timing::timed, false);
    run_to_the_end(apart, choices, Timing::timed, false);
    EXPECT_EQ(together.delivered(0, 0, 0).received, 3000U);
    EXPECT_EQ(apart.delivered(0, 0, 0).received, 3000U);
    EXPECT_GT(together.now(), apart.now()) << "one core is slower than two";
  }
}

/// Two relays whose busy threads share core 0, and one step after the other who held it.
TEST(WorldThreads, KeepACoreForASliceAtMostWhileAnotherWantsIt) {
  WorldConfig config = one_core(WakeUp::spin, Policy::adaptive);
  config.costs.slice_ns = 100'000;
  config.nodes[0].stage.pool = 64;
  World world(checked(config));
  Hashed choices(1);
  std::array<engine::Instant, 2> last{};  // that each thread acted
  std::array<std::uint64_t, 2> acts{};
  std::int64_t longest_ns = 0;
  while (world.offered() < 3000 || world.node(0).kernel.socket_backlog() > 0) {
    const Event event = world.step(choices);
    ASSERT_NE(event.kind, EventKind::quiet);
    if (event.kind != EventKind::phase) continue;
    const std::uint32_t thread = thread_of(event);
    if (acts[thread]++ > 0) longest_ns = std::max(longest_ns, (event.time - last[thread]).ns);
    last[thread] = event.time;
  }
  EXPECT_GT(acts[0], 100U);
  EXPECT_GT(acts[1], 100U);
  // A slice, and one phase that began just before its end.
  EXPECT_LT(longest_ns, 2 * config.costs.slice_ns + 200'000);
}

TEST(WorldThreads, ShareACoreAmongThreeRelays) {
  WorldConfig config = one_core(WakeUp::hybrid, Policy::deferred);
  config.nodes.resize(3, config.nodes[0]);
  config.traffic[0].count = 500;
  World world(checked(config));
  Hashed choices(1);
  run_to_the_end(world, choices, Timing::timed, false);
  EXPECT_EQ(world.delivered(2, 0, 0).received, 500U);
}

/// Steps until nothing happens any more; how often a thread did this phase.
std::uint64_t phases(World& world, engine::Phase phase, std::uint32_t thread) {
  Hashed choices(1);
  std::uint64_t count = 0;
  for (Event event = world.step(choices); event.kind != EventKind::quiet;
       event = world.step(choices)) {
    const bool is_it = event.kind == EventKind::phase && phase_of(event) == phase;
    if (is_it && thread_of(event) == thread) ++count;
  }
  return count;
}

TEST(WorldThreads, SleepAndAreWokenOnlyWhereTheWakeUpIsAnEvent) {
  WorldConfig config = two_threads(100);
  config.traffic[0].rate = 10'000;
  config.nodes[0].stage.spin_turns = 1'000'000;
  for (const WakeUp wake_up : {WakeUp::spin, WakeUp::event, WakeUp::hybrid}) {
    config.nodes[0].stage.wake_up = wake_up;
    World world(checked(config));
    const std::uint64_t announced = phases(world, engine::Phase::announce, 1);
    EXPECT_EQ(world.delivered(0, 0, 0).received, 100U);
    if (wake_up == WakeUp::spin) {
      EXPECT_EQ(announced, 0U);
    } else if (wake_up == WakeUp::event) {
      EXPECT_GE(announced, 100U);
    } else {
      EXPECT_EQ(announced, 1U) << "at the end, after its last spin";
    }
  }
}

TEST(WorldThreads, SpinForAsManyTurnsAsTheyShall) {
  WorldConfig config = two_threads(1);
  config.traffic[0].start_ns = 1'000'000;
  config.nodes[0].stage.wake_up = WakeUp::hybrid;
  config.nodes[0].stage.spin_turns = 1000;
  World world(checked(config));
  Hashed choices(1);
  engine::Instant announced{};
  for (Event event = world.step(choices); event.kind != EventKind::arrival;
       event = world.step(choices)) {
    if (event.kind == EventKind::phase && phase_of(event) == engine::Phase::announce) {
      announced = event.time;
    }
  }
  EXPECT_GE(announced.ns, 1000 * config.costs.spin_ns);
  EXPECT_LT(announced.ns, 1000 * config.costs.spin_ns + 20'000);
  EXPECT_GE(world.node(0).threads[1].runner.turns(), 1000U);
}

TEST(WorldThreads, AWakeUpCostsWhoWakesAndWhoIsWoken) {
  WorldConfig config = two_threads(1);
  const auto ends_at = [&](WakeUp wake_up) {
    config.nodes[0].stage.wake_up = wake_up;
    World world(checked(config));
    Hashed choices(1);
    for (int step = 0; step < 10'000 && world.delivered(0, 0, 0).received == 0; ++step) {
      world.step(choices);
    }
    EXPECT_EQ(world.delivered(0, 0, 0).received, 1U);
    return world.now().ns;
  };
  config.traffic[0].start_ns = 1'000'000;
  config.costs.wake_ns = 30'000;
  EXPECT_GE(ends_at(WakeUp::event), ends_at(WakeUp::spin) + 30'000 - 2000);
}

TEST(WorldThreads, DoNotStayAsleepOrSpinForEverBehindABlockedOutput) {
  for (std::uint32_t index = 0; index < 12; ++index) {
    SCOPED_TRACE(testing::Message() << "policy " << index % 4 << ", wake-up " << index / 4);
    WorldConfig config = two_threads(400);
    config.nodes[0].stage.policy = Policy{index % 4};
    config.nodes[0].stage.wake_up = WakeUp{index / 4};
    config.nodes[0].stage.spin_turns = 100;
    config.nodes[0].stage.output_queue = 512;
    config.nodes[0].send_buffer_bytes = 16'384;
    config.nodes[0].link.bits_per_second = 10'000'000'000;
    config.nodes[0].link.stalls = {{1'000'000, 1'000'000}};
    World world(checked(config));
    Hashed choices(1);
    run_to_the_end(world, choices);
    EXPECT_GT(world.node(0).egress().output_total().refused, 0U);
    EXPECT_EQ(world.delivered(0, 0, 0).received, 400U);
    EXPECT_EQ(world.delivered(0, 0, 0).reordered, 0U);
  }
}

TEST(WorldThreads, NapThroughPausedChains) {
  for (std::uint32_t index = 0; index < 8; ++index) {
    for (std::uint32_t seed = 1; seed <= 10; ++seed) {
      SCOPED_TRACE(testing::Message() << "policy " << index % 4 << ", seed " << seed);
      WorldConfig config = two_threads(200);
      config.nodes[0].threads = 1 + index / 4;
      config.nodes[0].stage.policy = Policy{index % 4};
      config.nodes[0].stage.hazards.nap_us = 50;
      config.kernel.chain_pauses_per_million = 300'000;
      config.nodes[0].receive_buffer_bytes = 1 << 20;
      World world(checked(config));
      Hashed choices(seed);
      run_to_the_end(world, choices, Timing::timed, false);
      ASSERT_EQ(world.delivered(0, 0, 0).received, 200U);
      ASSERT_EQ(world.node(0).egress().sends_open(), 0U);
    }
  }
}

TEST(WorldThreads, ABacklogThatMovesCostsTime) {
  WorldConfig config = two_threads(2000);
  config.traffic[0].rate = 5'000'000;
  config.nodes[0].receive_buffer_bytes = 1 << 28;
  config.nodes[0].stage.pool = 2048;
  config.nodes[0].stage.hazards.drain = Drain::all;
  World ring(checked(config));
  config.nodes[0].stage.hazards.backlog = BacklogKind::erase_front;
  config.nodes[0].stage.hazards.item_bytes = 256;
  World array(checked(config));
  Hashed choices(1);
  run_to_the_end(ring, choices, Timing::timed, false);
  run_to_the_end(array, choices, Timing::timed, false);
  EXPECT_EQ(ring.node(0).egress().egress().moved_bytes(), 0U);
  const std::uint64_t moved = array.node(0).egress().egress().moved_bytes();
  EXPECT_GT(moved, 0U);
  EXPECT_GT(array.now(), ring.now());
  EXPECT_EQ(array.delivered(0, 0, 0).received, ring.delivered(0, 0, 0).received);
}

TEST(WorldThreads, LinesOfALogCostTime) {
  WorldConfig config = two_threads(500);
  config.traffic[0].rate = 1'000'000;
  config.nodes[0].receive_buffer_bytes = 1 << 28;
  World quiet(checked(config));
  config.nodes[0].stage.hazards.log_lines = engine::LogLines::datagrams;
  World talking(checked(config));
  Hashed choices(1);
  run_to_the_end(quiet, choices, Timing::timed, false);
  run_to_the_end(talking, choices, Timing::timed, false);
  EXPECT_EQ(talking.node(0).threads[0].lines_logged, 500U);
  EXPECT_EQ(talking.node(0).threads[1].lines_logged, 500U);
  EXPECT_GT(talking.now().ns - quiet.now().ns, 400 * config.costs.log_line_ns);
}

}  // namespace
}  // namespace reprise::sim
