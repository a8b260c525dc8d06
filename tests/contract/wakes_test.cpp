// wake() (I7).
#include "contract_case.hpp"

namespace reprise::tests {
namespace {

using engine::kNever;
using engine::milliseconds;
using ::testing::IsEmpty;

using ContractOfWakes = ContractCase;
REPRISE_ON_EVERY_STAND(ContractOfWakes);

TEST_P(ContractOfWakes, BeforeTheWaitEndsItAtOnce) {
  backend().wake();
  EXPECT_TRUE(backend().submit_and_wait(1, kNever).woken);
  EXPECT_THAT(reap_once(), IsEmpty());
}

TEST_P(ContractOfWakes, DuringTheWaitEndsItHoweverManyAreWanted) {
  for (int round = 0; round < 50; ++round) {
    stand_->wake_from_outside();
    while (!backend().submit_and_wait(8, kNever).woken) {
    }
    ASSERT_THAT(reap_once(), IsEmpty());
  }
}

TEST_P(ContractOfWakes, TwiceIsReportedOnce) {
  backend().wake();
  backend().wake();
  EXPECT_TRUE(backend().submit_and_wait(0, kNever).woken);
  EXPECT_FALSE(backend().submit_and_wait(0, kNever).woken);
}

TEST_P(ContractOfWakes, AWaitForNothingReportsItToo) {
  EXPECT_FALSE(backend().submit_and_wait(0, kNever).woken);
  backend().wake();
  EXPECT_TRUE(backend().submit_and_wait(0, kNever).woken);
}

// Whatever a backend wakes itself with must not count as a completion.
TEST_P(ContractOfWakes, ThatWereReportedDoNotEndLaterWaits) {
  for (int round = 0; round < 3; ++round) {
    backend().wake();
    EXPECT_TRUE(backend().submit_and_wait(1, kNever).woken);
    // Once more a wait may end early.
    backend().submit_and_wait(1, backend().now() + milliseconds(1));
    const engine::Instant deadline = backend().now() + milliseconds(4);
    EXPECT_FALSE(backend().submit_and_wait(1, deadline).woken);
    EXPECT_GE(backend().now(), deadline);
  }
}

TEST_P(ContractOfWakes, TakeNothingFromTheCompletions) {
  const engine::SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 4; ++slot) add_send(slot, sender);
  hand_over();
  backend().wake();
  bool woken = false;
  std::vector<Seen> seen;
  const engine::Instant end = backend().now() + kPatience;
  while ((seen.size() < 4 || !woken) && backend().now() < end) {
    if (backend().submit_and_wait(1, end).woken) woken = true;
    for (const Seen& one : reap_once()) seen.push_back(one);
  }
  EXPECT_TRUE(woken);
  EXPECT_THAT(outcomes_of(seen, 0, 4), ::testing::Each(engine::Outcome::ok));
}

TEST_P(ContractOfWakes, StillEndWaitsAfterCompletionsOverflowed) {
  start({.submission_entries = 8, .completion_entries = 8});
  const engine::SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 24; ++slot) {
    add_send(slot, sender, 20);
    if (slot % 8 == 7) hand_over();
  }
  backend().wake();
  EXPECT_TRUE(backend().submit_and_wait(0, kNever).woken);
  wait_for(24);
  for (int round = 0; round < 3; ++round) {
    stand_->wake_from_outside();
    while (!backend().submit_and_wait(1, kNever).woken) {
    }
    EXPECT_THAT(reap_once(), IsEmpty());
  }
}

}  // namespace
}  // namespace reprise::tests
