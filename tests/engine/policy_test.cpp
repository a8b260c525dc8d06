#include "reprise/engine/policy.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace reprise::engine {
namespace {

std::vector<Phase> phases_of(Policy policy, Role role = Role::unified, bool naps = false) {
  const Turn turn = turn_of(role, policy, naps);
  return {turn.all().begin(), turn.all().end()};
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

TEST(Policy, EveryTurnBeginsWithALookAndReleasesBeforeItGivesBack) {
  for (const Role role : {Role::unified, Role::ingress, Role::egress}) {
    for (std::uint32_t policy = 0; policy < kPolicyNames.size(); ++policy) {
      for (const bool naps : {false, true}) {
        const std::vector<Phase> phases = phases_of(Policy{policy}, role, naps);
        ASSERT_FALSE(phases.empty());
        EXPECT_EQ(phases.front() == Phase::drain, role == Role::egress);
        if (role == Role::ingress) {
          EXPECT_EQ(std::ranges::find(phases, Phase::take_back) + 1,
                    std::ranges::find(phases, Phase::reap));
        }
        EXPECT_EQ(phases.back() == Phase::nap, naps && role != Role::ingress);
        const auto gives = std::ranges::find(phases, Phase::give_back);
        EXPECT_EQ(gives != phases.end(), role == Role::egress);
        EXPECT_EQ(std::find(gives, phases.end(), Phase::reap), phases.end()) << "released too late";
      }
    }
  }
}

TEST(Policy, ANapReplacesEveryOtherWait) {
  using enum Phase;
  EXPECT_EQ(phases_of(Policy::deferred, Role::egress, true),
            (std::vector<Phase>{drain, reap, prepare, give_back, wake_peer, submit, nap}));
  EXPECT_EQ(phases_of(Policy::adaptive, Role::unified, true),
            (std::vector<Phase>{prepare, submit, reap, nap}));
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
