// Waiting: for sockets, for instants, and submit_and_wait().
#include "contract_case.hpp"

namespace reprise::tests {
namespace {

using engine::milliseconds;
using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

using ContractOfWaits = ContractCase;
REPRISE_ON_EVERY_STAND(ContractOfWaits);

TEST_P(ContractOfWaits, ASocketIsReadableWhenADatagramIsThereAndKeepsIt) {
  const SocketIndex receiver = open_receiver();
  add(Operation::wait_readable, 1, receiver);
  hand_over();
  expect_quiet();
  offer(10);
  const auto seen = wait_for(1);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::ok);
  EXPECT_FALSE(seen[0].completion.more);
  EXPECT_EQ(seen[0].completion.region, engine::kNoRegion);
  EXPECT_EQ(do_now(Operation::wait_readable, receiver), Outcome::ok);
  add_provide(0, 1);
  add_receive(2, receiver, false);
  hand_over();
  EXPECT_EQ(wait_for(1)[0].payload, (Payload{10, 100}));
}

TEST_P(ContractOfWaits, ASocketWithRoomIsWritableAtOnceAndABlockedOneWhenRoomReturns) {
  const SocketIndex sender = open_sender();
  EXPECT_EQ(do_now(Operation::wait_writable, sender), Outcome::ok);
  stand_->block_output();
  for (std::uint32_t slot = 0; slot < 40; ++slot) add_send(slot, sender, 1400, kDoNotWait);
  hand_over();
  EXPECT_EQ(wait_for(40).back().completion.outcome, Outcome::refused);
  add(Operation::wait_writable, 100, sender);
  hand_over();
  expect_quiet();
  stand_->unblock_output();
  const auto seen = wait_for(1);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::ok);
  EXPECT_FALSE(seen[0].completion.more);
  add_send(101, sender, 1400, kDoNotWait);
  hand_over();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::ok);
}

TEST_P(ContractOfWaits, DeadlinesExpireInTheirOrderWithTheirValues) {
  const engine::Instant start = backend().now();
  add_deadline(3, start + milliseconds(6), 33);
  add_deadline(1, start + milliseconds(2), -1);
  add_deadline(2, start + milliseconds(4), std::int64_t{1} << 60);
  hand_over();
  const auto seen = wait_for(3);
  EXPECT_GE(backend().now(), start + milliseconds(6));
  EXPECT_THAT(outcomes_of(seen, 1, 3), Each(Outcome::expired));
  EXPECT_EQ(seen[0].completion.token, (engine::Token{1, 1001}));
  EXPECT_EQ(seen[1].completion.token, (engine::Token{2, 1002}));
  EXPECT_EQ(seen[2].completion.token, (engine::Token{3, 1003}));
  EXPECT_EQ(seen[0].completion.value, -1);
  EXPECT_EQ(seen[1].completion.value, std::int64_t{1} << 60);
  EXPECT_EQ(seen[2].completion.value, 33);
}

TEST_P(ContractOfWaits, ADeadlineDoesNotExpireBeforeItsInstant) {
  const engine::Instant deadline = backend().now() + milliseconds(3);
  add_deadline(1, deadline);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(1), 1, 1), ElementsAre(Outcome::expired));
  EXPECT_GE(backend().now(), deadline);
}

TEST_P(ContractOfWaits, ADeadlineInThePastExpiresAtOnceAndOneThatIsNeverStays) {
  add_deadline(1, engine::kNever);
  add_deadline(2, engine::Instant{0}, 2);
  add_deadline(3, engine::Instant{-5}, 3);
  hand_over();
  const auto seen = wait_for(2);
  EXPECT_THAT(outcomes_of(seen, 2, 2), Each(Outcome::expired));
  expect_quiet();
}

TEST_P(ContractOfWaits, OperationsOfOneSlotAreToldApartByTheGeneration) {
  const engine::Instant start = backend().now();
  for (const std::uint32_t generation : {2U, 1U}) {
    add_deadline(9, start + milliseconds(generation * 2), generation);
    submissions_.back().token.generation = generation;
  }
  hand_over();
  const auto seen = wait_for(2);
  for (std::uint32_t place = 0; place < 2; ++place) {
    EXPECT_EQ(seen[place].completion.token, (engine::Token{9, place + 1}));
    EXPECT_EQ(seen[place].completion.value, place + 1);
  }
}

TEST_P(ContractOfWaits, ADeadlineThatExpiredCutsItsChain) {
  const SocketIndex sender = open_sender();
  add_deadline(1, backend().now() + milliseconds(1));
  submissions_.back().flags = kLinked;
  add_send(2, sender);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(2), 1, 2), ElementsAre(Outcome::expired, Outcome::cancelled));
  EXPECT_THAT(all_that_left(sender), IsEmpty());
}

TEST_P(ContractOfWaits, AWaitEndsAtItsDeadlineWithWhatIsThere) {
  const engine::Instant end = backend().now() + milliseconds(4);
  add_deadline(1, end + milliseconds(-3));
  add_deadline(2, engine::kNever);
  prepare();
  const engine::SubmitResult result = backend().submit_and_wait(2, end);
  EXPECT_EQ(result.submitted, 2U);
  EXPECT_FALSE(result.woken);
  EXPECT_GE(backend().now(), end);
  EXPECT_EQ(reap_once().size(), 1U);
}

TEST_P(ContractOfWaits, AWaitForNothingOrWithAPastDeadlineSubmitsAndDoesNotWait) {
  const SocketIndex sender = open_sender();
  add_send(1, sender);
  prepare();
  const engine::SubmitResult nothing = backend().submit_and_wait(0, engine::kNever);
  EXPECT_EQ(nothing.submitted, 1U);
  EXPECT_EQ(nothing.errno_value, 0);
  add_send(2, sender);
  prepare();
  EXPECT_EQ(backend().submit_and_wait(100, backend().now() + milliseconds(-1)).submitted, 1U);
  EXPECT_THAT(outcomes_of(wait_for(2), 1, 2), Each(Outcome::ok));
}

TEST_P(ContractOfWaits, AWaitForManyEndsWhenSoManyCanBeReaped) {
  const engine::Instant start = backend().now();
  for (std::uint32_t slot = 0; slot < 5; ++slot) {
    add_deadline(slot, start + milliseconds(slot));
  }
  add_deadline(5, engine::kNever);
  prepare();
  backend().submit_and_wait(5, engine::kNever);
  EXPECT_EQ(reap_once().size(), 5U);
}

TEST_P(ContractOfWaits, TimeDoesNotGoBackwards) {
  engine::Instant before = backend().now();
  for (int round = 0; round < 3; ++round) {
    backend().submit_and_wait(1, before + milliseconds(1));
    EXPECT_GE(backend().now(), before + milliseconds(1));
    before = backend().now();
  }
}

}  // namespace
}  // namespace reprise::tests
