#include "reprise/sim/turn_world.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <vector>

namespace reprise::sim {
namespace {

using engine::Phase;
using engine::Policy;
using engine::Role;

TurnWorldConfig small_config(Role role, Policy policy) {
  TurnWorldConfig config;
  config.stage.role = role;
  config.stage.policy = policy;
  config.stage.wake_up = engine::WakeUp::spin;
  config.stage.pool = 6;
  config.stage.region_bytes = 128;
  config.stage.batch = config.stage.submissions_max = config.stage.output_queue = 8;
  config.stage.sends_max = 32;
  config.stage.inputs_max = config.stage.rules_max = 1;
  config.stage.outputs_max = 2;
  config.burst = config.rate = 2;
  return config;
}

TurnWorld world_of(const TurnWorldConfig& config) {
  for (const engine::Error& error : check(config)) ADD_FAILURE() << error.message;
  return TurnWorld(std::make_shared<const TurnWorldConfig>(config));
}

std::uint32_t count(const TurnWorld& world, Place place) {
  return world.census()[static_cast<std::size_t>(place)];
}

/// Steps with `picks` until `turn` is over; the phases run.
std::vector<Phase> run_turns(TurnWorld& world, std::vector<std::uint32_t> picks,
                             std::uint64_t turns) {
  Listed choices(picks);
  std::vector<Phase> phases;
  for (;;) {
    TurnWorld next = world;
    const TurnStep step = next.step(choices);
    if (step.turn > turns) return phases;
    phases.push_back(step.phase);
    world = next;
  }
}

TEST(TurnWorld, RunsThePhasesOfThePolicysTurn) {
  TurnWorldConfig config = small_config(Role::egress, Policy::deferred);
  TurnWorld world = world_of(config);
  EXPECT_EQ(run_turns(world, {2}, 1),
            (std::vector{Phase::drain, Phase::prepare, Phase::submit, Phase::idle}));
  EXPECT_EQ(run_turns(world, {}, 2),
            (std::vector{Phase::drain, Phase::reap, Phase::prepare, Phase::give_back,
                         Phase::wake_peer, Phase::idle}));
  config.stage.policy = Policy::eager;
  world = world_of(config);
  EXPECT_EQ(run_turns(world, {2}, 1),
            (std::vector{Phase::drain, Phase::prepare, Phase::submit, Phase::reap, Phase::give_back,
                         Phase::wake_peer, Phase::idle}));
  config.stage.policy = Policy::synchronous;
  world = world_of(config);
  EXPECT_EQ(run_turns(world, {2}, 1),
            (std::vector{Phase::drain, Phase::prepare, Phase::submit, Phase::await_sends,
                         Phase::await_sends, Phase::await_sends, Phase::give_back, Phase::wake_peer,
                         Phase::idle}));
  // The phases behind an adaptive turn's collect are left out where nothing was sent.
  config.stage.policy = Policy::adaptive;
  world = world_of(config);
  EXPECT_EQ(
      run_turns(world, {2, 0}, 2),
      (std::vector{Phase::drain, Phase::prepare, Phase::collect, Phase::reap, Phase::give_back,
                   Phase::wake_peer, Phase::drain, Phase::prepare, Phase::collect}));
}

TEST(TurnWorld, ArrivalsSpendTokensThatTurnsBring) {
  TurnWorldConfig config = small_config(Role::egress, Policy::synchronous);
  config.burst = 5;
  config.rate = 2;
  TurnWorld world = world_of(config);
  EXPECT_EQ(world.arrivals_max(), 5U);
  run_turns(world, {4}, 1);
  EXPECT_EQ(world.arrivals_max(), 3U);
  run_turns(world, {0}, 2);
  EXPECT_EQ(world.arrivals_max(), 5U);
  run_turns(world, {0}, 3);
  EXPECT_EQ(world.arrivals_max(), 5U);
}

TEST(TurnWorld, ArrivalsComeBetweenTurnsOrBeforeAnyPhase) {
  for (const ArrivalTimes times : {ArrivalTimes::between_turns, ArrivalTimes::any}) {
    TurnWorldConfig config = small_config(Role::egress, Policy::deferred);
    config.arrival_times = times;
    TurnWorld world = world_of(config);
    Listed none{std::span<const std::uint32_t>{}};
    EXPECT_EQ(world.arrivals_max(), 2U);
    world.step(none);
    EXPECT_EQ(world.arrivals_max(), times == ArrivalTimes::any ? 2U : 0U);
  }
}

TEST(TurnWorld, CompletionsBecomeVisibleSoManyTurnEndsLater) {
  for (std::uint32_t delay = 0; delay < 4; ++delay) {
    TurnWorldConfig config = small_config(Role::egress, Policy::deferred);
    config.delay_turns = delay;
    TurnWorld world = world_of(config);
    Listed two(std::vector<std::uint32_t>{2});
    while (count(world, Place::in_flight) + count(world, Place::completed) == 0) world.step(two);
    EXPECT_EQ(world.turns(), 1U);
    EXPECT_EQ(count(world, Place::completed), delay == 0 ? 2U : 0U);
    while (count(world, Place::completed) == 0) world.step(two);
    // The last step of turn `delay` ended it.
    EXPECT_EQ(world.turns(), std::max(delay, 1U));
  }
}

TEST(TurnWorld, ASynchronousTurnWaitsForItsCompletions) {
  TurnWorldConfig config = small_config(Role::egress, Policy::synchronous);
  config.delay_turns = 3;
  TurnWorld world = world_of(config);
  run_turns(world, {2}, 1);
  EXPECT_EQ(count(world, Place::return_queue), 2U);
}

TEST(TurnWorld, ADatagramThatFindsNoBufferIsRefusedAndCounted) {
  TurnWorldConfig config = small_config(Role::egress, Policy::synchronous);
  config.stage.pool = 1;
  TurnWorld egress = world_of(config);
  run_turns(egress, {2}, 1);
  EXPECT_EQ(egress.arrived(), 2U);
  EXPECT_EQ(egress.refused(), 1U);
  EXPECT_EQ(egress.stage().egress().sent(), 1U);

  config = small_config(Role::unified, Policy::synchronous);
  config.stage.pool = 1;
  TurnWorld waiting = world_of(config);
  run_turns(waiting, {2}, 3);
  EXPECT_EQ(waiting.refused(), 1U);
  EXPECT_EQ(waiting.stage().egress().sent(), 2U);  // it waited in the socket

  config.stage.exhaustion = engine::Exhaustion::drop;
  TurnWorld dropping = world_of(config);
  run_turns(dropping, {2}, 3);
  EXPECT_EQ(dropping.refused(), 1U);
  EXPECT_EQ(dropping.stage().egress().sent(), 1U);
}

TEST(TurnWorld, EveryBufferIsInOnePlaceAtEveryStep) {
  for (std::uint64_t seed = 1; seed <= 64; ++seed) {
    const Role role = seed % 2 == 0 ? Role::unified : Role::egress;
    TurnWorldConfig config = small_config(role, Policy{static_cast<std::uint32_t>(seed / 2 % 4)});
    config.arrival_times = ArrivalTimes{static_cast<std::uint32_t>(seed / 8 % 2)};
    config.delay_turns = static_cast<std::uint32_t>(seed % 3);
    config.fan_out = static_cast<std::uint32_t>(1 + seed / 16 % 2);
    TurnWorld world = world_of(config);
    Hashed choices(seed);
    for (std::uint32_t step = 0; step < 500; ++step) {
      world.step(choices);
      ASSERT_TRUE(world.laws_hold()) << "seed " << seed << ", step " << step;
    }
    EXPECT_GT(world.stage().egress().sent(), 20U);
  }
}

TEST(TurnWorld, IsAValueAndEqualPicksGiveEqualWorlds) {
  TurnWorldConfig config = small_config(Role::unified, Policy::adaptive);
  config.delay_turns = 1;
  TurnWorld left = world_of(config);
  TurnWorld right = left;
  EXPECT_TRUE(left == right);
  Hashed left_choices(5);
  Hashed right_choices(5);
  for (std::uint32_t step = 0; step < 200; ++step) left.step(left_choices);
  EXPECT_FALSE(left == right);
  for (std::uint32_t step = 0; step < 200; ++step) right.step(right_choices);
  EXPECT_TRUE(left == right);
  EXPECT_EQ(left.key(), right.key());
}

TEST(TurnWorld, HasAKeyThatLeavesTelemetryOut) {
  TurnWorld world = world_of(small_config(Role::egress, Policy::synchronous));
  run_turns(world, {2}, 3);
  const std::vector<std::uint32_t> key = world.key();
  const TurnWorld before = world;
  run_turns(world, {}, 4);
  EXPECT_FALSE(world == before);
  EXPECT_EQ(world.key(), key);
}

TEST(TurnWorld, NamesWhatItsConfigurationContradicts) {
  TurnWorldConfig config = small_config(Role::egress, Policy::deferred);
  EXPECT_TRUE(check(config).empty());
  config.stage.role = Role::ingress;
  config.stage.wake_up = engine::WakeUp::event;
  config.fan_out = 3;
  config.rate = 3;
  std::vector<std::string> messages;
  for (const engine::Error& error : check(config)) messages.push_back(error.message);
  EXPECT_EQ(messages,
            (std::vector<std::string>{
                "role = ingress: expected unified or egress", "wake_up = event: expected spin",
                "fan_out = 3: expected 1 to outputs_max", "rate = 3: expected at most burst"}));
}

}  // namespace
}  // namespace reprise::sim
