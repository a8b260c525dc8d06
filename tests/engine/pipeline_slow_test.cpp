// As pipeline_test.cpp, with more: several datagrams, merged frames, fan-out, blocked outputs, the
// command abandon, and the hazards that change how a stage works.
#include "pipeline_exploration.hpp"

namespace reprise::engine {
namespace {

using played::Bounds;
using played::expect_no_problem;
using played::small_bounds;

constexpr std::array kPolicies{Policy::synchronous, Policy::deferred, Policy::eager,
                               Policy::adaptive};

template <class Change>
void expect_no_problem_with_any_policy(std::uint32_t frames, const Change& change) {
  for (const Policy policy : kPolicies) {
    Bounds bounds = small_bounds(frames);
    bounds.config.policy = policy;
    bounds.stops_early = false;
    change(bounds);
    expect_no_problem(bounds);
  }
}

TEST(PipelineOrders, OfTwoDatagrams) {
  expect_no_problem_with_any_policy(2, [](Bounds&) {});
}

TEST(PipelineOrders, OfTwoDatagramsThatAreDroppedWhereNoBufferIsFree) {
  expect_no_problem_with_any_policy(2, [](Bounds& bounds) {
    bounds.config.exhaustion = Exhaustion::drop;
    bounds.config.pool = 1;
  });
}

TEST(PipelineOrders, OfAnIngressStageThatHasToWaitForEveryRegion) {
  expect_no_problem_with_any_policy(2, [](Bounds& bounds) { bounds.config.pool = 1; });
}

TEST(PipelineOrders, OfMergedDatagramsThatComeBackInParts) {
  expect_no_problem_with_any_policy(1, [](Bounds& bounds) {
    bounds.datagrams_in_frame = 2;
    bounds.config.batch = bounds.config.sends_max = bounds.config.output_queue = 1;
  });
}

TEST(PipelineOrders, OfAFanOutThatABatchCuts) {
  expect_no_problem_with_any_policy(1, [](Bounds& bounds) {
    bounds.outputs = bounds.config.outputs_max = 2;
    bounds.config.batch = bounds.config.sends_max = bounds.config.output_queue = 1;
  });
}

TEST(PipelineOrders, OfABlockedOutput) {
  for (const WakeUp wake_up : {WakeUp::spin, WakeUp::event, WakeUp::hybrid}) {
    expect_no_problem_with_any_policy(1, [wake_up](Bounds& bounds) {
      bounds.config.wake_up = wake_up;
      bounds.refusals = 1;
    });
  }
}

TEST(PipelineOrders, OfTheCommandAbandon) {
  for (const std::uint32_t refusals : {0U, 1U}) {
    expect_no_problem_with_any_policy(1, [refusals](Bounds& bounds) {
      bounds.abandons = true;
      bounds.refusals = refusals;
    });
  }
}

TEST(PipelineOrders, OfUnlinkedSends) {
  expect_no_problem_with_any_policy(1, [](Bounds& bounds) {
    bounds.config.hazards.send_order = SendOrder::unlinked;
    bounds.datagrams_in_frame = 2;
    bounds.config.batch = bounds.config.output_queue = 1;
    bounds.refusals = 1;
  });
}

TEST(PipelineOrders, OfAStageThatDrainsAll) {
  expect_no_problem_with_any_policy(2, [](Bounds& bounds) {
    bounds.config.hazards.drain = Drain::all;
    bounds.config.batch = 1;
  });
}

TEST(PipelineOrders, OfAStageThatNaps) {
  expect_no_problem_with_any_policy(1, [](Bounds& bounds) { bounds.config.hazards.nap_us = 10; });
}

}  // namespace
}  // namespace reprise::engine
