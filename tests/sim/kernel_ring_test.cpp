// Submits, chains and the two queues: K1, K2, K6 of kernel.hpp.
#include <gtest/gtest.h>

#include <cerrno>

#include "kernel_fixture.hpp"

namespace reprise::sim {
namespace {

using engine::Operation;
using engine::Outcome;

TEST(KernelRing, ASendIsDoneInsideTheSubmitInOrder) {  // K1
  OneKernel one;
  one.prepare_sends(1, 4);
  EXPECT_EQ(one.kernel().completion_count(kRing), 0U);
  one.hand_over();
  EXPECT_EQ(one.kernel().completion_count(kRing), 3U) << "without any work";
  EXPECT_EQ(one.reap(), all_ended(1, 3, Outcome::ok));
  EXPECT_EQ(one.kernel().sent(), 3U);
  EXPECT_EQ(one.drain(), run_of(1, 3));
}

TEST(KernelRing, ACompletionSaysHowManyBytesWereTaken) {
  OneKernel one;
  one.prepare_send(1, {.payload_bytes = 77});
  one.submit();
  EXPECT_EQ(one.collect().front().result_bytes, 77U);
}

// Linked chains.

TEST(KernelRing, ALinkedChainKeepsItsOrder) {  // K2
  OneKernel one;
  one.prepare_sends(1, 3, {.flags = kDoNotWait | kLinked});
  one.prepare_send(3);
  one.submit();
  EXPECT_EQ(one.reap(), all_ended(1, 3, Outcome::ok));
  EXPECT_EQ(one.drain(), run_of(1, 3));
}

TEST(KernelRing, WhatFollowsInAChainRunsBehindTheRestOfTheSubmit) {  // K2
  for (const bool behind : {true, false}) {
    KernelConfig config = small_kernel();
    config.profile.chain_goes_on_behind_submit = behind;
    OneKernel one(config);
    one.prepare_send(1, {.flags = kDoNotWait | kLinked});
    one.prepare_send(2);
    one.prepare_send(3);
    one.hand_over();
    EXPECT_EQ(one.reap(), (Reaped{{1, Outcome::ok}, {3, Outcome::ok}}));
    one.run_work();
    EXPECT_EQ(one.reap(), all_ended(2, 2, Outcome::ok));
  }
}

TEST(KernelRing, ALinkedChainStopsAtTheFirstThatDoesNotEndOk) {  // K2
  OneKernel one;
  one.fill();
  one.prepare_send(1, {.socket = kOtherOutput, .flags = kDoNotWait | kLinked});
  one.prepare_send(2, {.flags = kDoNotWait | kLinked});
  one.prepare_send(3, {.socket = kOtherOutput, .flags = kDoNotWait | kLinked});
  one.prepare_send(4, {.socket = kOtherOutput});
  one.submit();
  EXPECT_EQ(one.reap(), (Reaped{{1, Outcome::ok},
                                {2, Outcome::refused},
                                {3, Outcome::cancelled},
                                {4, Outcome::cancelled}}));
  EXPECT_EQ(one.drain(1), Slots{1}) << "the cancelled ones did nothing";
}

TEST(KernelRing, ABrokenChainDoesNotBreakTheNext) {  // K2
  OneKernel one;
  one.fill();
  one.prepare_send(1, {.flags = kDoNotWait | kLinked});
  one.prepare_send(2, {.socket = kOtherOutput});
  one.prepare_send(3, {.socket = kOtherOutput, .flags = kDoNotWait | kLinked});
  one.prepare_send(4, {.socket = kOtherOutput});
  one.submit();
  Reaped reaped = one.reap();
  std::ranges::sort(reaped);
  EXPECT_EQ(
      reaped,
      (Reaped{{1, Outcome::refused}, {2, Outcome::cancelled}, {3, Outcome::ok}, {4, Outcome::ok}}));
}

TEST(KernelRing, AChainWhoseFirstParksGoesOnWhenThatIsDone) {  // K1, K2
  OneKernel one;
  one.fill();
  one.prepare_send(1, {.flags = kLinked});
  one.prepare_send(2, {.flags = kLinked});
  one.prepare_send(3, {.flags = 0});
  one.submit();
  EXPECT_EQ(one.reap(), Reaped{});
  EXPECT_EQ(one.drain(), joined({Slots(5, 0), run_of(1, 3)}));
  EXPECT_EQ(one.reap(), all_ended(1, 3, Outcome::ok));
}

// Entries that are wrong.

TEST(KernelRing, AMalformedEntryEndsItsSubmitAndTheNextSendsTheRest) {
  OneKernel one;
  for (std::uint32_t slot = 0; slot < 6; ++slot) {
    one.prepare_send(slot,
                     {.socket = slot < 3 ? kOutput : kOtherOutput,
                      .malformation = slot == 2 ? Malformation::malformed : Malformation::none});
  }
  const OneKernel::Submitted first = one.submit();
  EXPECT_EQ(first.count, 3U);
  EXPECT_TRUE(first.is_malformed);
  EXPECT_EQ(one.kernel().prepared_count(kRing), 3U);
  EXPECT_EQ(one.reap(), (Reaped{{0, Outcome::ok}, {1, Outcome::ok}, {2, Outcome::invalid}}));
  const OneKernel::Submitted second = one.submit();
  EXPECT_EQ(second.count, 3U);
  EXPECT_FALSE(second.is_malformed);
  EXPECT_EQ(one.reap(), all_ended(3, 5, Outcome::ok));
}

TEST(KernelRing, ABadDescriptorOrPointerEndsThatEntryOnly) {
  OneKernel one;
  one.prepare_send(1);
  one.prepare_send(2, {.malformation = Malformation::bad_descriptor});
  one.prepare_send(3, {.malformation = Malformation::bad_pointer});
  one.prepare_send(4);
  const OneKernel::Submitted submitted = one.submit();
  EXPECT_EQ(submitted.count, 4U);
  EXPECT_FALSE(submitted.is_malformed);
  const std::vector<Posted> posted = one.collect();
  ASSERT_EQ(posted.size(), 4U);
  EXPECT_EQ(posted[1].outcome, Outcome::invalid);
  EXPECT_EQ(posted[1].errno_value, EBADF);
  EXPECT_EQ(posted[2].outcome, Outcome::invalid);
  EXPECT_EQ(posted[2].errno_value, EFAULT);
  EXPECT_EQ(posted[3].outcome, Outcome::ok);
  EXPECT_EQ(one.drain(), (Slots{1, 4}));
}

TEST(KernelRing, WhatItsLimitsDoNotNameIsInvalid) {
  OneKernel one;
  EXPECT_TRUE(one.kernel().limits().supports(Operation::send));
  EXPECT_FALSE(one.kernel().limits().supports(Operation::packet_ring_receive));
  one.prepare(Operation::packet_ring_receive, 1, kInput);
  one.submit();
  EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::invalid));
}

// The queues.

TEST(KernelRing, AFullSubmissionQueueHasNoEntryToGive) {
  KernelConfig config = small_kernel();
  config.rings.front().submissions_max = 4;
  OneKernel one(config);
  for (std::uint32_t left = 4; left > 0; --left) {
    EXPECT_EQ(one.kernel().room(kRing), left);
    one.prepare_send(left);
  }
  EXPECT_EQ(one.kernel().room(kRing), 0U);
  one.submit();
  EXPECT_EQ(one.kernel().room(kRing), 4U);
}

TEST(KernelRing, CompletionsBeyondTheQueueComeLaterInOrder) {  // K6
  KernelConfig config = small_kernel();
  config.rings.front().completions_max = 16;
  config.send_sockets.front().buffer_bytes = buffer_for(40);
  OneKernel one(config);
  one.prepare_sends(0, 40);
  EXPECT_EQ(one.submit().count, 40U);
  EXPECT_EQ(one.kernel().overflows(kRing), 24U);
  EXPECT_EQ(one.reap(), all_ended(0, 39, Outcome::ok));
}

TEST(KernelRing, AModelThatLosesCompletionsBeyondTheQueueIsAnotherModel) {
  KernelConfig config = small_kernel();
  config.profile.keeps_overflow = false;
  OneKernel one(config);
  one.prepare_sends(0, 10, {.flags = 0});
  one.submit();
  EXPECT_LT(one.reap().size(), 10U);
}

// Deadlines.

TEST(KernelRing, DeadlinesExpireInTheOrderOfTheirInstantsWithTheirValues) {
  OneKernel one;
  one.prepare_deadline(1, 300, -1);
  one.prepare_deadline(2, 100, 20);
  one.prepare_deadline(3, 200, 30);
  one.submit();
  EXPECT_EQ(one.kernel().next_deadline(kRing), engine::Instant{100});
  one.kernel().expire(kRing, engine::Instant{99});
  one.run_work();
  EXPECT_EQ(one.reap(), Reaped{});
  one.kernel().expire(kRing, engine::Instant{250});
  one.run_work();
  const std::vector<Posted> posted = one.collect();
  ASSERT_EQ(posted.size(), 2U);
  EXPECT_EQ(posted[0].token.slot, 2U);
  EXPECT_EQ(posted[0].outcome, Outcome::expired);
  EXPECT_EQ(posted[0].value, 20);
  EXPECT_EQ(posted[1].value, 30);
  EXPECT_EQ(one.kernel().next_deadline(kRing), engine::Instant{300});
}

}  // namespace
}  // namespace reprise::sim
