// Sends that wait for room: in order, a chain in its place, and what a cancel takes out of the row.
#include <sys/resource.h>

#include "asio_full_socket.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::SubmissionFlags;

using AsioSend = AsioFullSocket;

TEST_F(AsioSend, SendsThatWaitForRoomLeaveInTheOrderTheyCame) {
  start_receiving();
  for (std::uint32_t number = 0; number < 40; ++number) add_numbered(number);
  prepare_and_submit();
  run_until(40, 40);
  EXPECT_EQ(arrived_, numbers_up_to(40));
}

TEST_F(AsioSend, SendsSubmittedWhileOthersWaitLeaveBehindThem) {
  start_receiving();
  for (std::uint32_t number = 0; number < 40; ++number) {
    add_numbered(number);
    prepare_and_submit();
  }
  run_until(40, 40);
  EXPECT_EQ(arrived_, numbers_up_to(40));
}

TEST_F(AsioSend, AChainThatWaitsKeepsItsPlaceAmongOtherChains) {
  start_receiving();
  for (std::uint32_t number = 0; number < 45; ++number) {
    add_numbered(number, number % 15 < 14 ? SubmissionFlags::kLinked : std::uint8_t{0});
  }
  prepare_and_submit();
  run_until(45, 45);
  EXPECT_EQ(arrived_, numbers_up_to(45));
}

TEST_F(AsioSend, ADoNotWaitSendIsRefusedWhileOthersWait) {
  ASSERT_TRUE(slow_down("8kbit"));
  for (std::uint32_t number = 0; number < 40; ++number) add_numbered(number);
  add_numbered(40, SubmissionFlags::kDoNotWait);
  prepare_and_submit();
  const auto seen = reap_once();
  ASSERT_FALSE(seen.empty());
  ASSERT_LT(seen.size(), 41U);
  EXPECT_EQ(seen.back().completion.token.slot, 40U);
  EXPECT_EQ(seen.back().completion.outcome, Outcome::refused);
  EXPECT_EQ(seen.back().completion.errno_value, EAGAIN);
}

/// With the queue of the interface all that stood in it is gone, so that there is room at once.
bool make_room() { return NetworkNamespace::run("tc qdisc del dev left root"); }

TEST_F(AsioSend, RoomThatComesBetweenTwoCallsIsForThoseThatWait) {
  ASSERT_TRUE(slow_down("8kbit"));
  for (std::uint32_t number = 0; number < 40; ++number) add_numbered(number);
  prepare_and_submit();
  const std::size_t ended = reap_once().size();
  ASSERT_LT(ended, 40U);
  ASSERT_TRUE(make_room());
  add(Operation::wait_writable, 41, sender_);
  add_numbered(40);
  prepare_and_submit();
  const auto seen = wait_for(42 - ended);
  for (std::size_t place = 0; place < seen.size(); ++place) {
    EXPECT_EQ(seen[place].completion.token.slot, ended + place);
    EXPECT_EQ(seen[place].completion.outcome, Outcome::ok);
  }
}

TEST_F(AsioSend, ACancelledWaitingSendDoesNotLeaveAndThoseBehindItDo) {
  start_receiving();
  ASSERT_TRUE(slow_down("8kbit"));
  for (std::uint32_t number = 0; number < 40; ++number) add_numbered(number);
  prepare_and_submit();
  add_cancel(100, 35);
  add_cancel(101, 39);
  prepare_and_submit();
  ASSERT_TRUE(slow_down("20mbit"));
  run_until(42, 38);
  EXPECT_EQ(outcomes_[35], Outcome::cancelled);
  EXPECT_EQ(outcomes_[39], Outcome::cancelled);
  EXPECT_EQ(outcomes_[100], Outcome::ok);
  auto expected = numbers_up_to(39);
  std::erase(expected, 35U);
  EXPECT_EQ(arrived_, expected);
}

TEST_F(AsioSend, ALinkCancelledBeforeItsTurnEndsTheChainThere) {
  start_receiving();
  ASSERT_TRUE(slow_down("8kbit"));
  for (std::uint32_t number = 0; number < 40; ++number) {
    add_numbered(number, number < 39 ? SubmissionFlags::kLinked : std::uint8_t{0});
  }
  prepare_and_submit();
  add_cancel(100, 37);
  prepare_and_submit();
  ASSERT_TRUE(slow_down("20mbit"));
  run_until(41, 37);
  EXPECT_EQ(outcomes_[100], Outcome::ok);
  for (const std::uint32_t number : {37U, 38U, 39U}) {
    EXPECT_EQ(outcomes_[number], Outcome::cancelled) << number;
  }
  EXPECT_EQ(arrived_, numbers_up_to(37));
}

TEST_F(AsioSend, AWaitForRoomEndsBehindTheSendsThatWait) {
  for (std::uint32_t number = 0; number < 40; ++number) add_numbered(number);
  add(Operation::wait_writable, 100, sender_);
  prepare_and_submit();
  const auto seen = wait_for(41);
  EXPECT_EQ(seen.back().completion.token.slot, 100U);
  EXPECT_EQ(seen.back().completion.outcome, Outcome::ok);
}

TEST_F(AsioSend, ASegmentedSendWaitsForRoomInItsPlace) {
  if (!backend_->limits().supports(Operation::segmented_send)) GTEST_SKIP() << "no UDP_SEGMENT";
  start_receiving();
  for (std::uint32_t number = 0; number < 40; ++number) {
    if (number % 4 != 3) {
      add_numbered(number);
      continue;
    }
    add(Operation::segmented_send, number, sender_).segment_bytes = kSendBytes;
    add_slice(number, kSendBytes);
  }
  prepare_and_submit();
  run_until(40, 40);
  EXPECT_EQ(arrived_, numbers_up_to(40));
}

/// How often the calling thread has given the processor up to wait.
long waits_so_far() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  return usage.ru_nvcsw;
}

// epoll would tell of every datagram that leaves the socket.
TEST_F(AsioSend, ASocketThatOnceWaitedForRoomDoesNotDisturbLaterWaits) {
  for (std::uint32_t number = 0; number < 40; ++number) add_numbered(number);
  prepare_and_submit();
  EXPECT_EQ(wait_for(40).size(), 40U);
  add(Operation::wait_writable, 100, sender_);
  prepare_and_submit();
  wait_for(1);
  ASSERT_TRUE(slow_down("2mbit"));
  for (std::uint32_t number = 0; number < 5; ++number) add_numbered(number);
  prepare_and_submit();
  EXPECT_EQ(wait_for(5).size(), 5U);
  const long before = waits_so_far();
  backend_->submit_and_wait(1, backend_->now() + engine::milliseconds(60));
  EXPECT_LE(waits_so_far() - before, 2);
}

}  // namespace
}  // namespace reprise::tests
