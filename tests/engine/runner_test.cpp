#include "reprise/engine/runner.hpp"

#include <gtest/gtest.h>

#include <vector>

#include "engine_fixture.hpp"
#include "pipeline_fixture.hpp"

namespace reprise::engine {
namespace {

using played::PlayedKernel;
using played::small_config;
using played::StageOnPlayedKernel;

constexpr Policy kPolicies[] = {Policy::synchronous, Policy::deferred, Policy::eager,
                                Policy::adaptive};

StageConfig with_policy(StageConfig config, Policy policy) {
  config.policy = policy;
  return config;
}

/// A runner with its driver, on a kernel that the test plays.
struct Driver {
  explicit Driver(Policy policy, const StageConfig& config = small_config())
      : relay(config), runner(with_policy(config, policy)) {}

  Next step() {
    const PacketMemory memory = relay.kernel.memory();
    const Next next = runner.step(*relay.stage, {relay.kernel, relay.batch, memory});
    if (next.kind == Next::Kind::wait) relay.kernel.submit_and_wait(next.completions, kNever);
    return next;
  }
  /// Steps until it waits for a completion or has stopped. Fails the test when it never does.
  Next run() {
    for (int steps = 0; steps < 1000; ++steps) {
      const Next next = step();
      const bool waits = next.kind == Next::Kind::wait && next.completions > 0;
      if (waits && !relay.kernel.has_completions()) return next;
      if (next.kind == Next::Kind::stopped) return next;
    }
    ADD_FAILURE() << "the runner spins";
    return {};
  }
  /// Ends what is in flight, well, and runs on.
  Next answer_and_run() {
    relay.kernel.end_all_sends();
    while (!relay.kernel.waits.empty()) relay.kernel.end_oldest(relay.kernel.waits, Outcome::ok);
    relay.kernel.carry_out_cancels();
    return run();
  }
  void arrive(std::uint32_t group_number, std::uint32_t number) {
    const std::vector<std::byte> bytes = played::numbered_frame(group_number, number);
    ASSERT_TRUE(relay.kernel.deliver(bytes, played::whole_frame(bytes)));
  }

  StageOnPlayedKernel relay;
  Runner runner;
};

class EveryPolicy : public testing::TestWithParam<Policy> {};
INSTANTIATE_TEST_SUITE_P(Runner, EveryPolicy, testing::ValuesIn(kPolicies),
                         [](const auto& policy) { return std::string(name(policy.param)); });

TEST_P(EveryPolicy, WaitsOnlyWhenThereIsNothingToDo) {
  Driver driver(GetParam());
  driver.relay.route(1, {1});
  EXPECT_EQ(driver.run().completions, 1U);
  EXPECT_FALSE(driver.relay.stage->has_work());
  EXPECT_EQ(driver.relay.kernel.receives.size(), 1U) << "the wait hands over what is prepared";
  for (std::uint32_t number = 0; number < 10; ++number) driver.arrive(1, number);
  for (int rounds = 0; rounds < 10; ++rounds) {
    driver.answer_and_run();
    const bool awaits_sends = driver.runner.phase() == Phase::await_sends;
    EXPECT_TRUE(awaits_sends || !driver.relay.stage->has_work());
  }
  EXPECT_EQ(driver.relay.stage->output_total().sent, 10U);
  EXPECT_EQ(driver.relay.stage->ledger().held_count(), 0U);
}

TEST_P(EveryPolicy, SleepsWhileAnOutputIsBlocked) {
  Driver driver(GetParam());
  driver.relay.route(1, {1});
  driver.run();
  driver.arrive(1, 0);
  driver.run();
  driver.relay.kernel.end_send(Outcome::refused);
  driver.run();
  EXPECT_EQ(driver.relay.kernel.waits.size(), 1U);
  EXPECT_TRUE(driver.relay.kernel.sends.empty());
  driver.relay.kernel.end_oldest(driver.relay.kernel.waits, Outcome::ok);
  driver.run();
  EXPECT_EQ(driver.relay.kernel.sends.size(), 1U);
}

TEST_P(EveryPolicy, StopsAfterSendingWhatWasAccepted) {
  Driver driver(GetParam());
  driver.relay.route(1, {1});
  driver.run();
  for (std::uint32_t number = 0; number < 9; ++number) driver.arrive(1, number);
  driver.relay.reap();
  driver.relay.stage->stop();
  for (int rounds = 0; rounds < 100; ++rounds) {
    if (driver.answer_and_run().kind == Next::Kind::stopped) break;
  }
  EXPECT_TRUE(driver.relay.stage->is_stopped());
  EXPECT_EQ(driver.relay.stage->output_total().sent, 9U);
  EXPECT_EQ(driver.step().kind, Next::Kind::stopped) << "and stays so";
}

TEST_P(EveryPolicy, StopsWhicheverPhaseComesNextEvenWithoutAReceive) {
  for (std::uint32_t steps = 0; steps < 12; ++steps) {
    Driver driver(GetParam());
    driver.run();
    driver.relay.kernel.end_oldest(driver.relay.kernel.receives, Outcome::failed, 5);
    driver.run();  // its only receive failed for good: nothing completes any more
    for (std::uint32_t step = 0; step < steps; ++step) driver.step();
    driver.relay.stage->stop();
    EXPECT_EQ(driver.run().kind, Next::Kind::stopped) << "after " << steps << " steps";
  }
}

TEST_P(EveryPolicy, CopiesOfARunnerStepAlike) {
  Driver driver(GetParam());
  driver.run();
  Runner copy = driver.runner;
  EXPECT_EQ(copy.phase(), driver.runner.phase());
  EXPECT_EQ(copy.turns(), driver.runner.turns());
}

TEST_P(EveryPolicy, WhatDoesNotFitIntoTheSubmissionQueueGoesLater) {
  StageConfig config = small_config();
  config.batch = config.submissions_max = 2;
  config.outputs_max = 8;
  Driver driver(GetParam(), config);
  driver.relay.route(1, {1, 2, 3, 4, 5, 6, 7, 8});
  driver.run();
  driver.arrive(1, 0);
  for (int rounds = 0; rounds < 20 && driver.relay.stage->output_total().sent < 8; ++rounds) {
    driver.answer_and_run();
  }
  EXPECT_EQ(driver.relay.stage->output_total().sent, 8U);
}

TEST(Runner, SynchronousPreparesNothingBeforeItsSendsHaveEnded) {
  Driver driver(Policy::synchronous);
  driver.relay.route(1, {1});
  driver.run();
  for (std::uint32_t number = 0; number < 8; ++number) driver.arrive(1, number);
  driver.run();
  PlayedKernel& kernel = driver.relay.kernel;
  ASSERT_EQ(kernel.sends.size(), 4U);
  for (std::uint32_t left = 4; left > 1; --left) {
    kernel.end_oldest(kernel.sends, Outcome::ok);
    EXPECT_EQ(driver.run().completions, 1U);
    EXPECT_EQ(driver.runner.phase(), Phase::await_sends);
    EXPECT_EQ(kernel.sends.size(), left - 1) << "no new send while one of the batch is open";
  }
  kernel.end_oldest(kernel.sends, Outcome::ok);
  driver.run();
  EXPECT_EQ(kernel.sends.size(), 4U) << "the next batch";
}

TEST(Runner, SynchronousReapsArrivalsWhileItAwaitsItsSends) {
  Driver driver(Policy::synchronous);
  driver.relay.route(1, {1});
  driver.run();
  driver.arrive(1, 0);
  driver.run();
  driver.arrive(1, 1);
  driver.run();
  EXPECT_EQ(driver.relay.stage->ingress_counters().accepted, 2U);
  EXPECT_EQ(driver.relay.kernel.sends.size(), 1U);
}

TEST(Runner, DeferredDoesNotWaitForItsSends) {
  Driver driver(Policy::deferred);
  driver.relay.route(1, {1});
  driver.relay.route(2, {2});
  driver.run();
  for (std::uint32_t number = 0; number < 4; ++number) driver.arrive(1, number);
  for (std::uint32_t number = 0; number < 4; ++number) driver.arrive(2, number);
  driver.run();
  EXPECT_EQ(driver.relay.kernel.sends.size(), 8U) << "two batches are in flight";
}

TEST(Runner, AdaptiveCollectsWithoutWaitingWhileThereIsWork) {
  Driver driver(Policy::adaptive);
  driver.relay.route(1, {1});
  driver.relay.route(2, {2});
  driver.run();
  for (std::uint32_t number = 0; number < 4; ++number) driver.arrive(1, number);
  for (std::uint32_t number = 0; number < 4; ++number) driver.arrive(2, number);
  driver.relay.kernel.waited_for.clear();
  driver.run();
  // The arrivals are reaped; one batch leaves with work left, the next with none.
  EXPECT_EQ(driver.relay.kernel.waited_for, (std::vector<std::uint32_t>{0, 1}));
}

// A turn that found something is no idle one, though it ends with nothing open.
TEST_P(EveryPolicy, HybridStaysAwakeWhileEveryTurnFindsSomething) {
  StageConfig config = with_role(with_policy(small_config(), GetParam()), Role::egress);
  config.wake_up = WakeUp::hybrid;
  config.spin_turns = 10;
  Flat<Stage> stage(config);
  Runner runner(config);
  PlayedKernel kernel(config);
  CompletionBatch batch(64, 64);
  const PacketMemory memory = kernel.memory();
  const OutputIndex first = stage->add_outputs(std::vector{SocketIndex{1}}).value();
  played::SharedQueues queues;
  played::MemoryHandOff hand_off(queues, played::Planted::nothing);
  std::uint32_t pushed = 0;
  const std::uint64_t turns = 20ULL * config.spin_turns;
  for (int steps = 0; runner.turns() < turns; ++steps) {
    ASSERT_LT(steps, 100'000);
    if (runner.phase() == Phase::drain) {
      const RegionIndex region{pushed++ % config.region_count()};
      queues.items.push_back({{region, 0, 32}, first});
    }
    const Next next = runner.step(*stage, {kernel, batch, memory, &hand_off});
    if (next.kind == Next::Kind::wait || next.kind == Next::Kind::poll) {
      kernel.submit_and_wait(next.completions, kNever);
    }
    kernel.end_all_sends();
    queues.returns.clear();
    ASSERT_FALSE(queues.announced[1]) << "after " << runner.turns() << " turns";
  }
  EXPECT_GT(stage->output_total().sent, turns / 3);
}

TEST(Runner, CountsItsTurns) {
  Driver driver(Policy::adaptive);
  driver.relay.route(1, {1});
  const std::uint64_t before = driver.runner.turns();
  for (int step = 0; step < 9; ++step) driver.step();
  EXPECT_EQ(driver.runner.turns(), before + 3);
}

}  // namespace
}  // namespace reprise::engine
