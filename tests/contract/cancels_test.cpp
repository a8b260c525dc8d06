// Cancelling: what was waiting ends `cancelled`, what had ended is no operation any more.
#include "contract_case.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

using ContractOfCancels = ContractCase;
REPRISE_ON_EVERY_STAND(ContractOfCancels);

using enum Outcome;

TEST_P(ContractOfCancels, AMultishotReceiveEndsOnceWithoutARegion) {
  const SocketIndex receiver = start_receiving(1, 3);
  offer(10);
  EXPECT_TRUE(wait_for(1)[0].completion.more);
  add_cancel(2, 1);
  hand_over();
  const auto seen = wait_for(2);
  EXPECT_THAT(outcomes_of(seen, 1, 2), ElementsAre(cancelled, ok));
  for (const Seen& one : seen) {
    EXPECT_EQ(one.completion.region, engine::kNoRegion);
    EXPECT_THAT(one.frames, IsEmpty());
  }
  // The regions that are left are the kernel's still.
  offer(11);
  expect_quiet();
  add_receive(3, receiver);
  hand_over();
  const auto later = wait_for(1);
  EXPECT_EQ(later[0].slot(), 3U);
  EXPECT_EQ(later[0].payload, (Payload{11, 100}));
}

TEST_P(ContractOfCancels, AOneShotReceiveTakesNoRegion) {
  const SocketIndex receiver = open_receiver();
  add_provide(0, 1);
  add_receive(1, receiver, false);
  hand_over();
  add_cancel(2, 1);
  hand_over();
  const auto seen = wait_for(2);
  EXPECT_THAT(outcomes_of(seen, 1, 2), ElementsAre(cancelled, ok));
  for (const Seen& one : seen) EXPECT_EQ(one.completion.region, engine::kNoRegion);
  add_receive(3, receiver, false);
  hand_over();
  offer(11);
  EXPECT_EQ(wait_for(1)[0].completion.region, engine::RegionIndex{0});
}

TEST_P(ContractOfCancels, WaitsEnd) {
  const SocketIndex receiver = open_receiver();
  const SocketIndex sender = open_sender();
  stand_->block_output();
  for (std::uint32_t slot = 0; slot < 40; ++slot) add_send(slot, sender, 1400, kDoNotWait);
  hand_over();
  wait_for(40);
  add(Operation::wait_readable, 50, receiver);
  add(Operation::wait_writable, 51, sender);
  hand_over();
  add_cancel(52, 50);
  add_cancel(53, 51);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(4), 50, 4), ElementsAre(cancelled, cancelled, ok, ok));
  offer(1);
  stand_->unblock_output();
  expect_quiet();
}

TEST_P(ContractOfCancels, ADeadlineEndsWithItsValueInTheSameSubmit) {
  add_deadline(1, engine::kNever, -7);
  add_cancel(2, 1);
  hand_over();
  const auto seen = wait_for(2);
  EXPECT_THAT(outcomes_of(seen, 1, 2), ElementsAre(cancelled, ok));
  for (const Seen& one : seen) {
    if (one.slot() == 1) {
      EXPECT_EQ(one.completion.value, -7);
    }
  }
}

TEST_P(ContractOfCancels, ASendThatWaitsForRoomDoesNotLeave) {
  const SocketIndex sender = open_sender();
  stand_->block_output();
  std::uint32_t taken = 0;
  for (std::uint32_t slot = 0; slot < 40; ++slot) {
    add_send(slot, sender, 1400, kDoNotWait);
    hand_over();
    if (wait_for(1)[0].completion.outcome == refused) break;
    ++taken;
  }
  ASSERT_LT(taken, 40U);
  add_send(100, sender, 1400);
  hand_over();
  EXPECT_THAT(reap_once(), IsEmpty());
  add_cancel(101, 100);
  hand_over();
  const auto seen = wait_for(2);
  EXPECT_THAT(outcomes_of(seen, 100, 2), ElementsAre(cancelled, ok));
  for (const Seen& one : seen) EXPECT_EQ(one.completion.result_bytes, 0U);
  stand_->unblock_output();
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, taken, 1400)));
}

TEST_P(ContractOfCancels, WhatHasEndedOrNeverWasIsInvalid) {
  add_send(1, open_sender());
  hand_over();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, ok);
  add_cancel(2, 1);
  add_cancel(3, 77);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(2), 2, 2), ElementsAre(invalid, invalid));
}

TEST_P(ContractOfCancels, ALateOneDoesNotMeetTheNextOperationOfTheSlot) {
  add_deadline(1, engine::kNever);
  submissions_.back().token.generation = 2;
  add_cancel(2, 1);  // means another generation
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(1), 2, 1), ElementsAre(invalid));
  add_cancel(3, 1);
  submissions_.back().target.generation = 2;
  hand_over();
  for (const Seen& one : wait_for(2)) {
    EXPECT_EQ(one.completion.outcome, one.slot() == 1 ? cancelled : ok);
    EXPECT_EQ(one.completion.token.generation, one.slot() == 1 ? 2U : 1003U);
  }
}

TEST_P(ContractOfCancels, EndsTheOneThatIsMeantOnly) {
  for (std::uint32_t slot = 0; slot < 4; ++slot) add_deadline(slot, engine::kNever);
  hand_over();
  add_cancel(10, 2);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(2), 2, 1), ElementsAre(cancelled));
  expect_quiet();
}

}  // namespace
}  // namespace reprise::tests
