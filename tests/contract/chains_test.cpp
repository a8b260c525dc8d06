// Linked chains (I3).
#include <algorithm>

#include "contract_case.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using engine::SubmissionFlags;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

using ContractOfChains = ContractCase;
REPRISE_ON_EVERY_STAND(ContractOfChains);

using enum Outcome;

TEST_P(ContractOfChains, RunInOrderAndCompleteInOrder) {
  const SocketIndex sender = open_sender();
  add_chain(0, 8, sender);
  hand_over();
  const auto seen = wait_for(8);
  EXPECT_THAT(outcomes_of(seen, 0, 8), Each(ok));
  for (std::uint32_t slot = 0; slot < 8; ++slot) EXPECT_EQ(seen[slot].slot(), slot);
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, 8)));
}

/// Also where only the order counts, so that a backend may leave links out: one that it leaves out
/// where there is no room would show as a second refusal, or as a datagram that left too early.
TEST_P(ContractOfChains, AreCutAtTheFirstThatIsRefused) {
  for (const std::uint8_t order_only : {std::uint8_t{0}, SubmissionFlags::kOrderOnly}) {
    SCOPED_TRACE(static_cast<int>(order_only));
    const SocketIndex sender = open_sender();
    stand_->block_output();
    add_chain(0, 40, sender, 1400, kDoNotWait | order_only);
    hand_over();
    const std::vector<Outcome> outcomes = outcomes_of(wait_for(40), 0, 40);
    const auto taken =
        static_cast<std::size_t>(std::ranges::find(outcomes, refused) - outcomes.begin());
    ASSERT_GT(taken, 0U);
    ASSERT_LT(taken, 39U);
    for (std::size_t place = 0; place < 40; ++place) {
      EXPECT_EQ(outcomes[place], place < taken    ? ok
                                 : place == taken ? refused
                                                  : cancelled)
          << place;
    }
    stand_->unblock_output();
    EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, taken, 1400)));
  }
}

TEST_P(ContractOfChains, AreCutAtADatagramThatIsTooLarge) {
  const SocketIndex sender = open_sender();
  add_send(0, sender, 100, kLinked);
  add_send(1, sender, stand_->payload_bytes_max() + 1, kLinked);
  add_send(2, sender, 100, kLinked);
  add_send(3, sender, 100);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(4), 0, 4), ElementsAre(ok, too_large, cancelled, cancelled));
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, 1)));
}

TEST_P(ContractOfChains, AreCutAtASocketThatIsNoneAndTheNextChainRuns) {
  const SocketIndex sender = open_sender();
  add_send(0, engine::kNoSocket, 100, kLinked);
  add_send(1, sender);
  add_chain(2, 2, sender);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(4), 0, 4), ElementsAre(invalid, cancelled, ok, ok));
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(2, 2)));
}

TEST_P(ContractOfChains, AreCutWhileTheInterfaceIsDown) {
  const SocketIndex sender = open_sender();
  stand_->set_output_up(false);
  add_chain(0, 4, sender);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(4), 0, 4),
              ElementsAre(unreachable, cancelled, cancelled, cancelled));
  stand_->set_output_up(true);
  EXPECT_THAT(all_that_left(sender), IsEmpty());
}

TEST_P(ContractOfChains, TheLastFailureCancelsNothing) {
  const SocketIndex sender = open_sender();
  add_send(0, sender, 100, kLinked);
  add_send(1, sender, stand_->payload_bytes_max() + 1);
  add_send(2, sender);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(3), 0, 3), ElementsAre(ok, too_large, ok));
}

TEST_P(ContractOfChains, WhereTheRoomIsTooSmallAreTakenNotAtAll) {
  start({.submission_entries = 8, .completion_entries = 64});
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 5; ++slot) add_send(slot, sender);
  add_chain(5, 4, sender);
  add_send(9, sender);
  EXPECT_EQ(prepare(), 5U);
  EXPECT_EQ(backend().submit().submitted, 5U);
  EXPECT_THAT(outcomes_of(wait_for(5), 0, 5), Each(ok));
  add_chain(5, 4, sender);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(4), 5, 4), Each(ok));
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, 9)));
}

TEST_P(ContractOfChains, AsLongAsLimitsSayAreTakenWhole) {
  start({.submission_entries = 16, .completion_entries = 64});
  const SocketIndex sender = open_sender();
  const std::uint32_t longest = backend().limits().submissions_max;
  ASSERT_GE(longest, 16U);
  ASSERT_LE(longest, 64U);
  add_chain(0, longest, sender, 20);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(longest), 0, longest), Each(ok));
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, longest, 20)));
}

TEST_P(ContractOfChains, AreNotPartedByAProvideInTheirMiddle) {
  const SocketIndex sender = open_sender();
  add_send(0, engine::kNoSocket, 100, kLinked);
  add_provide(0, 1);
  submissions_.back().flags = kLinked;
  add_send(1, sender);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(2), 0, 2), ElementsAre(invalid, cancelled));
}

TEST_P(ContractOfChains, EndWithAProvideAtTheirEnd) {
  const SocketIndex sender = open_sender();
  add_send(0, engine::kNoSocket, 100, kLinked);
  add_provide(0, 1);
  add_send(1, sender);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(2), 0, 2), ElementsAre(invalid, ok));
  // The batch's end ends a chain too.
  add_send(2, engine::kNoSocket, 100, kLinked);
  EXPECT_EQ(prepare(), 1U);
  add_send(3, sender);
  EXPECT_EQ(prepare(), 1U);
  EXPECT_EQ(backend().submit().submitted, 2U);
  EXPECT_THAT(outcomes_of(wait_for(2), 2, 2), ElementsAre(invalid, ok));
}

TEST_P(ContractOfChains, WaitForALinkThatWaits) {
  const SocketIndex receiver = open_receiver();
  const SocketIndex sender = open_sender();
  add(Operation::wait_readable, 0, receiver, kLinked);
  add_send(1, sender);
  hand_over();
  expect_quiet();
  EXPECT_THAT(stand_->collect(0), IsEmpty());
  offer(5);
  const auto seen = wait_for(2);
  EXPECT_EQ(seen[0].slot(), 0U);
  EXPECT_THAT(outcomes_of(seen, 0, 2), Each(ok));
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(1, 1)));
}

TEST_P(ContractOfChains, WhoseSendsWaitForRoomLeaveInOrder) {
  const SocketIndex sender = open_sender();
  stand_->block_output();
  add_chain(0, 40, sender, 1400);
  hand_over();
  std::vector<Seen> seen = reap_once();
  EXPECT_LT(seen.size(), 40U);
  expect_quiet();
  stand_->unblock_output();
  const auto later = wait_for(40 - seen.size());
  seen.insert(seen.end(), later.begin(), later.end());
  EXPECT_THAT(outcomes_of(seen, 0, 40), Each(ok));
  for (std::uint32_t slot = 0; slot < 40; ++slot) EXPECT_EQ(seen[slot].slot(), slot);
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, 40, 1400)));
}

TEST_P(ContractOfChains, AreCutAtACancelledLink) {
  const SocketIndex receiver = open_receiver();
  const SocketIndex sender = open_sender();
  add(Operation::wait_readable, 0, receiver, kLinked);
  add_send(1, sender, 100, kLinked);
  add_send(2, sender);
  hand_over();
  add_cancel(3, 0);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(4), 0, 4), ElementsAre(cancelled, cancelled, cancelled, ok));
  EXPECT_THAT(all_that_left(sender), IsEmpty());
}

TEST_P(ContractOfChains, GoOnBehindACancelThatDidAndAreCutAtOneThatDidNot) {
  const SocketIndex sender = open_sender();
  add_deadline(0, engine::kNever);
  hand_over();
  add_cancel(1, 0, kLinked);
  add_send(2, sender);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(3), 0, 3), ElementsAre(cancelled, ok, ok));
  add_cancel(3, 0, kLinked);
  add_send(4, sender);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(2), 3, 2), ElementsAre(invalid, cancelled));
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(2, 1)));
}

// The rule by which the engine keeps a flow in order.
TEST_P(ContractOfChains, OneAfterTheOtherKeepTheOrderOverABlockedOutput) {
  const SocketIndex sender = open_sender();
  stand_->block_output();
  constexpr std::uint32_t kCount = 40;
  for (std::uint32_t next = 0, round = 0; next < kCount && round < kCount; ++round) {
    add_chain(next, kCount - next, sender, 1400, kDoNotWait);
    hand_over();
    const auto outcomes = outcomes_of(wait_for(kCount - next), next, kCount - next);
    next += static_cast<std::uint32_t>(std::ranges::count(outcomes, ok));
    if (next == kCount) break;
    add(Operation::wait_writable, 100, sender);
    hand_over();
    if (round == 0) {
      expect_quiet();
      stand_->unblock_output();
    }
    EXPECT_EQ(wait_for(1)[0].completion.outcome, ok);
  }
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, kCount, 1400)));
}

}  // namespace
}  // namespace reprise::tests
