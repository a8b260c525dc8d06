#include "reprise/engine/policy.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace reprise::engine {
namespace {

std::vector<Phase> phases_of(Policy policy) {
  const Turn turn = unified_turn(policy);
  return {turn.phases.begin(), turn.phases.begin() + turn.phase_count};
}

TEST(Policy, SynchronousAwaitsItsSendsWithinTheTurn) {
  using enum Phase;
  EXPECT_EQ(phases_of(Policy::synchronous),
            (std::vector<Phase>{reap, prepare, submit, await_sends, idle}));
}

TEST(Policy, DeferredSubmitsLastAndReapsInTheNextTurn) {
  using enum Phase;
  EXPECT_EQ(phases_of(Policy::deferred), (std::vector<Phase>{reap, prepare, submit, idle}));
}

TEST(Policy, EagerReapsOnceMoreAfterTheSubmit) {
  using enum Phase;
  EXPECT_EQ(phases_of(Policy::eager), (std::vector<Phase>{reap, prepare, submit, reap, idle}));
}

TEST(Policy, AdaptiveSubmitsAndCollectsInOneCall) {
  using enum Phase;
  EXPECT_EQ(phases_of(Policy::adaptive), (std::vector<Phase>{prepare, collect, reap}));
}

TEST(Policy, NamesAreReadBack) {
  for (std::uint32_t index = 0; index < kPolicyNames.size(); ++index) {
    EXPECT_EQ(policy_from(name(Policy{index})), Policy{index});
  }
  for (std::uint32_t index = 0; index < kExhaustionNames.size(); ++index) {
    EXPECT_EQ(exhaustion_from(name(Exhaustion{index})), Exhaustion{index});
  }
  EXPECT_EQ(policy_from("lazy"), std::nullopt);
  EXPECT_EQ(exhaustion_from(""), std::nullopt);
  EXPECT_EQ(name(Phase::await_sends), "await_sends");
  EXPECT_EQ(name(Phase::idle), "idle");
}

}  // namespace
}  // namespace reprise::engine
