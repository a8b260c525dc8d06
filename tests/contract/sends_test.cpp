// Sends: sizes, order, room, and what ends them otherwise.
#include "contract_case.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

using ContractOfSends = ContractCase;
REPRISE_ON_EVERY_STAND(ContractOfSends);

TEST_P(ContractOfSends, EndOnceInOrderAndLeaveInOrder) {
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 8; ++slot) add_send(slot, sender);
  hand_over();
  const auto seen = wait_for(8);
  for (std::uint32_t slot = 0; slot < 8; ++slot) {
    EXPECT_EQ(seen[slot].completion.token, (engine::Token{slot, slot + 1000}));
    EXPECT_EQ(seen[slot].completion.outcome, Outcome::ok);
    EXPECT_EQ(seen[slot].completion.result_bytes, 100U);
    EXPECT_EQ(seen[slot].completion.errno_value, 0);
    EXPECT_EQ(seen[slot].completion.region, engine::kNoRegion);
    EXPECT_FALSE(seen[slot].completion.more);
  }
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, 8)));
}

TEST_P(ContractOfSends, TokensDifferInTheGenerationToo) {
  const SocketIndex sender = open_sender();
  for (const std::uint32_t generation : {7U, 0xffff'ffffU, 0U}) {
    add_send(5, sender).token.generation = generation;
  }
  hand_over();
  const auto seen = wait_for(3);
  EXPECT_EQ(seen[0].completion.token, (engine::Token{5, 7}));
  EXPECT_EQ(seen[1].completion.token, (engine::Token{5, 0xffff'ffff}));
  EXPECT_EQ(seen[2].completion.token, (engine::Token{5, 0}));
}

TEST_P(ContractOfSends, AnEmptyOneAndTheLongestThatFitsLeaveWhole) {
  const std::uint32_t longest = stand_->payload_bytes_max();
  const SocketIndex sender = open_sender();
  add_send(0, sender, 0);
  add(Operation::send, 1, sender);
  add_payload(0, 1);  // too short to tell a number
  add_send(2, sender, longest);
  hand_over();
  const auto seen = wait_for(3);
  EXPECT_THAT(outcomes_of(seen, 0, 3), Each(Outcome::ok));
  EXPECT_EQ(seen[0].completion.result_bytes, 0U);
  EXPECT_EQ(seen[2].completion.result_bytes, longest);
  EXPECT_THAT(all_that_left(sender),
              ElementsAre(Payload{0, 0}, Payload{0, 1}, Payload{2, longest}));
}

TEST_P(ContractOfSends, OverTheMtuAreTooLargeAndTheNextOneLeaves) {
  const SocketIndex sender = open_sender();
  add_send(0, sender, stand_->payload_bytes_max() + 1);
  add_send(1, sender, 100);
  hand_over();
  const auto seen = wait_for(2);
  EXPECT_THAT(outcomes_of(seen, 0, 2), ElementsAre(Outcome::too_large, Outcome::ok));
  EXPECT_EQ(seen[0].completion.result_bytes, 0U);
  EXPECT_NE(seen[0].completion.errno_value, 0);
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(1, 1)));
}

TEST_P(ContractOfSends, OverWhatADatagramHoldsAreTooLarge) {
  start({.region_bytes = 66'000});
  const SocketIndex sender = open_sender();
  add_send(0, sender, 65'508);
  add_send(1, sender, 65'535);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(2), 0, 2), Each(Outcome::too_large));
  EXPECT_THAT(all_that_left(sender), IsEmpty());
}

// I4
TEST_P(ContractOfSends, ToldNotToWaitAreRefusedWithoutRoomAndDidNothing) {
  const SocketIndex sender = open_sender();
  stand_->block_output();
  for (std::uint32_t slot = 0; slot < 40; ++slot) add_send(slot, sender, 1400, kDoNotWait);
  hand_over();
  std::vector<Payload> accepted;
  for (const Seen& one : wait_for(40)) {
    EXPECT_FALSE(one.completion.more);
    if (one.completion.outcome == Outcome::ok) {
      accepted.push_back({one.slot(), 1400});
      continue;
    }
    EXPECT_EQ(one.completion.outcome, Outcome::refused);
    EXPECT_EQ(one.completion.result_bytes, 0U);
    EXPECT_EQ(one.completion.errno_value, EAGAIN);
  }
  EXPECT_GT(accepted.size(), 0U);
  EXPECT_LT(accepted.size(), 40U);
  stand_->unblock_output();
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(accepted));
}

// I6: the output stays blocked until submit() has returned.
TEST_P(ContractOfSends, WithoutRoomWaitButSubmitDoesNot) {
  const SocketIndex sender = open_sender();
  stand_->block_output();
  for (std::uint32_t slot = 0; slot < 40; ++slot) add_send(slot, sender, 1400);
  hand_over();
  std::vector<Seen> seen = reap_once();
  EXPECT_LT(seen.size(), 40U);
  expect_quiet();
  stand_->unblock_output();
  const auto later = wait_for(40 - seen.size());
  seen.insert(seen.end(), later.begin(), later.end());
  EXPECT_THAT(outcomes_of(seen, 0, 40), Each(Outcome::ok));
  EXPECT_THAT(all_that_left(sender), ::testing::UnorderedElementsAreArray(payloads(0, 40, 1400)));
}

TEST_P(ContractOfSends, ABlockedOutputHoldsUpNoOther) {
  const SocketIndex sender = open_sender();
  const auto other = stand_->open_sender_to_closed_port();
  ASSERT_TRUE(other.has_value()) << other.error().message;
  stand_->block_output();
  for (std::uint32_t slot = 0; slot < 40; ++slot) add_send(slot, sender, 1400);
  hand_over();
  const std::size_t ended = reap_once().size();
  add_send(100, *other, 100);
  hand_over();
  EXPECT_EQ(wait_for(1)[0].slot(), 100U);
  stand_->unblock_output();
  wait_for(40 - ended);
}

TEST_P(ContractOfSends, AreUnreachableWhileTheInterfaceIsDownAndLeaveAgainWhenItIsUp) {
  const SocketIndex sender = open_sender();
  add_send(0, sender);
  hand_over();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::ok);
  stand_->set_output_up(false);
  add_send(1, sender);
  hand_over();
  const auto down = wait_for(1);
  EXPECT_EQ(down[0].completion.outcome, Outcome::unreachable);
  EXPECT_EQ(down[0].completion.result_bytes, 0U);
  stand_->set_output_up(true);
  add_send(2, sender);
  hand_over();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::ok);
  EXPECT_THAT(all_that_left(sender), ElementsAre(Payload{0, 100}, Payload{2, 100}));
}

TEST_P(ContractOfSends, AClosedPortIsReportedByOneSendAndTheNextOneLeaves) {
  const auto opened = stand_->open_sender_to_closed_port();
  ASSERT_TRUE(opened.has_value()) << opened.error().message;
  std::vector<Outcome> outcomes;
  while (outcomes.size() < 10 &&
         (outcomes.empty() || outcomes.back() != Outcome::connection_refused)) {
    add_send(static_cast<std::uint32_t>(outcomes.size()), *opened);
    hand_over();
    const auto seen = wait_for(1);
    outcomes.push_back(seen[0].completion.outcome);
    stand_->settle();
  }
  EXPECT_EQ(outcomes.front(), Outcome::ok);
  EXPECT_EQ(outcomes.back(), Outcome::connection_refused);
  add_send(20, *opened);
  hand_over();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::ok);
}

TEST_P(ContractOfSends, OnASocketThatIsNoneAreInvalidAndTheOthersGoOn) {
  const SocketIndex sender = open_sender();
  add_send(0, sender);
  add_send(1, SocketIndex{77});
  add_send(2, engine::kNoSocket);
  add_send(3, sender);
  hand_over();
  using enum Outcome;
  EXPECT_THAT(outcomes_of(wait_for(4), 0, 4), ElementsAre(ok, invalid, invalid, ok));
  EXPECT_THAT(all_that_left(sender), ElementsAre(Payload{0, 100}, Payload{3, 100}));
}

}  // namespace
}  // namespace reprise::tests
