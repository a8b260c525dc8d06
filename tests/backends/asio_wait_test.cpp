// Deadlines and the alarm that stands for them and for the ends of waits.
#include "asio_full_socket.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;

using AsioWait = AsioHarness;

TEST_F(AsioWait, EqualDeadlinesExpireInTheOrderTheyCame) {
  const engine::Instant deadline = backend_->now() + engine::milliseconds(5);
  for (std::uint32_t slot = 0; slot < 20; ++slot)
    add(Operation::deadline, slot).deadline = deadline;
  prepare_and_submit();
  const auto seen = wait_for(20);
  for (std::uint32_t slot = 0; slot < 20; ++slot) {
    EXPECT_EQ(seen[slot].completion.token.slot, slot);
    EXPECT_EQ(seen[slot].completion.outcome, Outcome::expired);
  }
}

TEST_F(AsioWait, CancelledDeadlinesLeaveTheOthersInTheirOrder) {
  constexpr std::uint32_t kCount = 31;
  const engine::Instant soon = backend_->now() + engine::milliseconds(20);
  for (std::uint32_t slot = 0; slot < kCount; ++slot) {
    auto& deadline = add(Operation::deadline, slot);
    deadline.value = slot * 12 % kCount;
    deadline.deadline = soon + engine::Duration{deadline.value * 1000};
  }
  prepare_and_submit();
  std::vector<std::int64_t> left;
  for (std::int64_t value = 0; value < kCount; ++value) left.push_back(value);
  for (std::uint32_t slot = 0; slot < kCount; slot += 3) {
    add_cancel(100 + slot, slot);
    std::erase(left, std::int64_t{slot * 12 % kCount});
  }
  prepare_and_submit();
  EXPECT_EQ(reap_once().size(), 22U);
  std::vector<std::int64_t> expired;
  for (const Seen& seen : wait_for(left.size())) expired.push_back(seen.completion.value);
  EXPECT_EQ(expired, left);
}

TEST_F(AsioWait, AWaitEndsAtItsDeadlineWhateverTheAlarmWasSetTo) {
  const engine::Instant start = backend_->now();
  const engine::Instant far = start + engine::seconds(60);
  add(Operation::deadline, 0).deadline = far;
  prepare_and_submit();
  for (const std::int64_t length_ms : {5, 1, 9, 2}) {
    const engine::Instant end = backend_->now() + engine::milliseconds(length_ms);
    backend_->submit_and_wait(1, end);
    EXPECT_GE(backend_->now(), end);
    EXPECT_LT(backend_->now(), far);
    EXPECT_TRUE(reap_once().empty());
  }
}

using AsioWaitForRoom = AsioFullSocket;

TEST_F(AsioWaitForRoom, AnAlarmThatWasLeftBehindDoesNotHideAnEarlierOne) {
  const engine::Instant far = backend_->now() + engine::seconds(5);
  for (std::uint32_t number = 0; number < 40; ++number) add_numbered(number);
  prepare_and_submit();
  std::size_t ended = reap_once().size();
  ASSERT_LT(ended, 40U);
  while (ended < 40) {
    backend_->submit_and_wait(1, far);  // ends with room, before the alarm
    ended += reap_once().size();
  }
  backend_->submit_and_wait(1, backend_->now() + engine::milliseconds(3));
  add(Operation::deadline, 100).deadline = backend_->now() + engine::milliseconds(3);
  prepare_and_submit();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::expired);
  EXPECT_LT(backend_->now(), far);
}

}  // namespace
}  // namespace reprise::tests
