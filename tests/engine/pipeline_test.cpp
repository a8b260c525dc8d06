// Two threads of a pipeline in every order: no order ends with a thread asleep that has something
// to do, with a region away from home or a datagram neither sent nor counted, and none goes on for
// ever. One datagram here, more of everything in pipeline_slow_test.cpp.
#include "pipeline_exploration.hpp"

namespace reprise::engine {
namespace {

using played::Bounds;
using played::expect_no_problem;
using played::Exploration;
using played::Found;
using played::Planted;
using played::small_bounds;
using played::told;

class PipelineOrders : public testing::TestWithParam<std::tuple<Policy, WakeUp, Exhaustion>> {
 protected:
  [[nodiscard]] static Bounds bounds() {
    Bounds bounds = small_bounds(1);
    std::tie(bounds.config.policy, bounds.config.wake_up, bounds.config.exhaustion) = GetParam();
    return bounds;
  }
};
INSTANTIATE_TEST_SUITE_P(Every, PipelineOrders,
                         testing::Combine(testing::Values(Policy::synchronous, Policy::deferred,
                                                          Policy::eager, Policy::adaptive),
                                          testing::Values(WakeUp::spin, WakeUp::event,
                                                          WakeUp::hybrid),
                                          testing::Values(Exhaustion::wait, Exhaustion::drop)),
                         [](const auto& parameters) {
                           return std::string(name(std::get<0>(parameters.param))) + "_" +
                                  std::string(name(std::get<1>(parameters.param))) + "_" +
                                  std::string(name(std::get<2>(parameters.param)));
                         });

TEST_P(PipelineOrders, SendEverythingAndStop) { expect_no_problem(bounds()); }

TEST_P(PipelineOrders, GetPastABlockedOutput) {
  Bounds tried = bounds();
  tried.refusals = 1;
  tried.stops_early = false;
  if (tried.config.exhaustion == Exhaustion::wait) expect_no_problem(tried);
}

Found with_planted(Planted planted, WakeUp wake_up, std::uint32_t frames) {
  Bounds bounds = small_bounds(frames);
  bounds.config.wake_up = wake_up;
  bounds.planted = planted;
  return Exploration(bounds).run();
}

TEST(PipelineExploration, FindsASkippedRecheck) {
  for (const WakeUp wake_up : {WakeUp::event, WakeUp::hybrid}) {
    EXPECT_EQ(with_planted(Planted::recheck_skipped, wake_up, 1).problem,
              "items lie in the hand-off and nobody comes");
  }
}

TEST(PipelineExploration, FindsALookBeforeTheAnnouncement) {
  EXPECT_EQ(with_planted(Planted::look_before_announce, WakeUp::event, 1).problem,
            "items lie in the hand-off and nobody comes");
}

TEST(PipelineExploration, FindsAWakeUpBeforeThePush) {
  EXPECT_EQ(with_planted(Planted::wake_before_push, WakeUp::event, 1).problem,
            "items lie in the hand-off and nobody comes");
}

TEST(PipelineExploration, FindsThatASpinningStageNeedsNoWakeUp) {
  EXPECT_EQ(with_planted(Planted::look_before_announce, WakeUp::spin, 1).problem, "");
}

TEST(PipelineExploration, FindsAReferenceThatDoesNotComeBack) {
  Bounds bounds = small_bounds(1);
  bounds.datagrams_in_frame = 2;
  bounds.planted = Planted::release_of_one;
  const Found found = Exploration(bounds).run();
  EXPECT_EQ(found.problem, "references have come or gone") << told(bounds, found);
}

}  // namespace
}  // namespace reprise::engine
