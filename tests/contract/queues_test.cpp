// The two queues: what prepare() and submit() take and report, and completions beyond the room for
// them (I1, I8).
#include "contract_case.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using ::testing::Each;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

using ContractOfQueues = ContractCase;
REPRISE_ON_EVERY_STAND(ContractOfQueues);

std::vector<std::uint32_t> slots_of(const std::vector<Seen>& seen) {
  std::vector<std::uint32_t> slots;
  for (const Seen& one : seen) slots.push_back(one.slot());
  return slots;
}

std::vector<std::uint32_t> up_to(std::uint32_t count) {
  std::vector<std::uint32_t> slots(count);
  for (std::uint32_t slot = 0; slot < count; ++slot) slots[slot] = slot;
  return slots;
}

TEST_P(ContractOfQueues, PreparedIsNotSubmitted) {
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 4; ++slot) add_send(slot, sender);
  EXPECT_EQ(prepare(), 4U);
  EXPECT_THAT(reap_once(), IsEmpty());
  EXPECT_THAT(stand_->collect(0), IsEmpty());
  EXPECT_EQ(backend().submit().submitted, 4U);
  EXPECT_THAT(outcomes_of(wait_for(4), 0, 4), Each(Outcome::ok));
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, 4)));
}

TEST_P(ContractOfQueues, SubmissionsBeyondTheRoomAreNotTakenAndGoWithTheNextCall) {
  start({.submission_entries = 8, .completion_entries = 64});
  const SocketIndex sender = open_sender();
  const std::uint32_t room = backend().limits().submissions_max;
  for (std::uint32_t slot = 0; slot < room + 4; ++slot) add_send(slot, sender, 20);
  EXPECT_EQ(prepare(), room);
  add_send(room, sender, 20);
  EXPECT_EQ(prepare(), 0U);
  EXPECT_EQ(backend().submit().submitted, room);
  for (std::uint32_t slot = room; slot < room + 4; ++slot) add_send(slot, sender, 20);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(room + 4), 0, room + 4), Each(Outcome::ok));
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, room + 4, 20)));
}

TEST_P(ContractOfQueues, PreparedInPartsIsSubmittedTogetherInOrder) {
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 6; slot += 2) {
    add_send(slot, sender);
    add_send(slot + 1, sender);
    EXPECT_EQ(prepare(), 2U);
  }
  EXPECT_EQ(backend().submit().submitted, 6U);
  EXPECT_EQ(slots_of(wait_for(6)), up_to(6));
}

TEST_P(ContractOfQueues, SubmitCountsEverySubmissionOnce) {
  EXPECT_EQ(backend().submit().submitted, 0U);
  const SocketIndex sender = open_sender();
  const SocketIndex receiver = open_receiver();
  add_provide(0, 3);
  add_provide(3, 1);
  add_receive(1, receiver);
  add_send(2, sender);
  add_send(3, engine::kNoSocket);
  add_deadline(4, engine::kNever);
  add_cancel(5, 4);
  hand_over();  // expects 7
  EXPECT_EQ(backend().submit().submitted, 0U);
  EXPECT_EQ(backend().submit_and_wait(0, engine::kNever).submitted, 0U);
  wait_for(4);
}

TEST_P(ContractOfQueues, AProvideHasNoCompletion) {
  add_provide(0, 16);
  hand_over();
  expect_quiet();
}

// I1, for every kind that ends by itself or is cancelled.
TEST_P(ContractOfQueues, EveryOperationEndsExactlyOnce) {
  const SocketIndex sender = open_sender();
  const SocketIndex receiver = start_receiving(0, 2);
  add_receive(1, receiver, false);
  add_send(2, sender);
  add(Operation::wait_readable, 3, receiver);
  add(Operation::wait_writable, 4, sender);
  add_deadline(5, backend().now());
  add_deadline(6, engine::kNever);
  hand_over();
  for (std::uint32_t target = 0; target < 7; ++target) add_cancel(10 + target, target);
  hand_over();
  std::vector<std::uint32_t> ends(17);
  for (std::size_t ended = 0; ended < 14;) {
    const Seen one = wait_for(1)[0];
    ASSERT_LT(one.slot(), ends.size());
    EXPECT_EQ(ends[one.slot()], 0U) << one.slot();
    if (one.completion.more) continue;
    ++ends[one.slot()];
    ++ended;
  }
  expect_quiet();
  for (std::uint32_t slot = 0; slot < 17; ++slot) {
    EXPECT_EQ(ends[slot], slot < 7 || slot >= 10 ? 1U : 0U) << slot;
  }
}

TEST_P(ContractOfQueues, AnOperationThatLimitsDoNotNameEndsInvalidAndTheOthersGoOn) {
  const SocketIndex sender = open_sender();
  std::uint32_t slot = 0;
  std::vector<Outcome> expected;
  for (std::size_t kind = 0; kind < engine::kOperationCount; ++kind) {
    const auto operation = static_cast<Operation>(kind);
    if (backend().limits().supports(operation)) continue;
    add(operation, slot++, sender).segment_bytes = 100;
    add_payload(slot, 100);
    add_send(slot++, sender);
    expected.insert(expected.end(), {Outcome::invalid, Outcome::ok});
  }
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(slot), 0, slot), ElementsAreArray(expected));
}

TEST_P(ContractOfQueues, ABatchThatIsFullLeavesTheRestInOrder) {
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 10; ++slot) add_send(slot, sender);
  hand_over();
  std::vector<Seen> seen;
  const engine::Instant end = backend().now() + kPatience;
  while (seen.size() < 10 && backend().now() < end) {
    backend().submit_and_wait(1, end);
    const auto some = reap_once(3);
    EXPECT_LE(some.size(), 3U);
    seen.insert(seen.end(), some.begin(), some.end());
  }
  EXPECT_EQ(slots_of(seen), up_to(10));
  EXPECT_THAT(reap_once(), IsEmpty());
}

// I8
TEST_P(ContractOfQueues, NothingIsLostWhenSendsOverflowTheCompletionQueue) {
  start({.submission_entries = 8, .completion_entries = 16});
  const SocketIndex sender = open_sender();
  const std::uint32_t count = 5 * backend().limits().completions_max;
  ASSERT_LE(count, 400U);
  for (std::uint32_t slot = 0; slot < count; ++slot) {
    add_send(slot, sender, 20);
    if (slot % 8 == 7) hand_over();
  }
  // All of them have been done, so that reaping alone brings them.
  EXPECT_THAT(stand_->collect(count), ElementsAreArray(payloads(0, count, 20)));
  std::vector<Seen> seen;
  for (auto some = reap_once(5); !some.empty(); some = reap_once(5)) {
    seen.insert(seen.end(), some.begin(), some.end());
  }
  EXPECT_EQ(slots_of(seen), up_to(count));
}

TEST_P(ContractOfQueues, NothingIsLostWhenReceivesOverflowTheCompletionQueue) {
  start({.submission_entries = 8, .completion_entries = 8});
  const SocketIndex receiver = open_receiver();
  const std::uint32_t count = 40;
  add_provide(0, 64);
  add_receive(1, receiver);
  hand_over();
  for (std::uint32_t number = 0; number < count; ++number) offer(number);
  stand_->settle();
  std::vector<Payload> received;
  const engine::Instant end = backend().now() + kPatience;
  while (received.size() < count && backend().now() < end) {
    backend().submit_and_wait(1, end);
    for (const Seen& one : reap_once()) {
      if (one.completion.region != engine::kNoRegion) received.push_back(one.payload);
      if (one.completion.more) continue;
      add_receive(1, receiver);  // it may have ended for want of room
      hand_over();
    }
  }
  EXPECT_THAT(received, ElementsAreArray(payloads(0, count)));
}

TEST_P(ContractOfQueues, DepthsCountWhatIsPreparedAndWhatCanBeReaped) {
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 4; ++slot) add_send(slot, sender);
  prepare();
  EXPECT_EQ(backend().depths().submissions, 4U);
  EXPECT_EQ(backend().depths().completions, 0U);
  const engine::Instant end = backend().now() + kPatience;
  do {  // a wait may end early
    backend().submit_and_wait(4, end);
    EXPECT_EQ(backend().depths().submissions, 0U);
  } while (backend().depths().completions < 4 && backend().now() < end);
  EXPECT_EQ(backend().depths().completions, 4U);
  wait_for(4);
  EXPECT_EQ(backend().depths().completions, 0U);
}

}  // namespace
}  // namespace reprise::tests
