#include "reprise/uring/uring_backend.hpp"

#include <fcntl.h>
#include <gmock/gmock.h>

#include <array>
#include <thread>

#include "uring_harness.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using ::testing::HasSubstr;

using UringBackend = UringHarness;

TEST_F(UringBackend, ABadSocketEndsInvalidAndTheOthersGoOn) {
  const SocketIndex sender = open_sender();
  add_send(0, sender);
  add_send(1, SocketIndex{77});
  add_send(2, sender);
  prepare_and_submit();
  const auto seen = wait_for(3);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::ok);
  EXPECT_EQ(seen[1].completion.outcome, Outcome::invalid);
  EXPECT_EQ(seen[1].completion.errno_value, EBADF);
  EXPECT_EQ(seen[2].completion.outcome, Outcome::ok);
}

TEST_F(UringBackend, AnOperationThatItDoesNotHaveEndsInvalid) {
  EXPECT_FALSE(backend_->limits().supports(Operation::packet_ring_receive));
  add(Operation::packet_ring_receive, 7, open_receiver());
  prepare_and_submit();
  const auto seen = wait_for(1);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::invalid);
  EXPECT_EQ(seen[0].completion.token, (engine::Token{7, 1007}));
  EXPECT_FALSE(seen[0].completion.more);
}

TEST_F(UringBackend, CancellingWhatHasEndedIsInvalid) {
  add_send(0, open_sender());
  prepare_and_submit();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::ok);
  add_cancel(1, 0);
  prepare_and_submit();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::invalid);
}

TEST_F(UringBackend, ALateCancelDoesNotMeetTheNextOperationWithTheSameSlot) {
  const SocketIndex receiver = open_receiver();
  add(Operation::wait_readable, 0, receiver).token.generation = 2;
  add_cancel(1, 0);
  prepare_and_submit();
  EXPECT_EQ(wait_for(1)[0].completion.token.slot, 1U);
}

TEST_F(UringBackend, ADeadlineExpiresWithItsValue) {
  const engine::Instant start = backend_->now();
  auto& later = add(Operation::deadline, 0);
  later.deadline = start + engine::milliseconds(5);
  later.value = -42;
  auto& past = add(Operation::deadline, 1);
  past.deadline = engine::Instant{0};
  past.value = 43;
  prepare_and_submit();
  const auto seen = wait_for(2);
  EXPECT_EQ(seen[0].completion.token.slot, 1U);
  EXPECT_EQ(seen[0].completion.value, 43);
  EXPECT_EQ(seen[1].completion.outcome, Outcome::expired);
  EXPECT_EQ(seen[1].completion.value, -42);
  EXPECT_GE(backend_->now(), start + engine::milliseconds(5));
}

TEST_F(UringBackend, ADeadlineCanBeCancelled) {
  add(Operation::deadline, 0).deadline = engine::kNever;
  add_cancel(1, 0);
  prepare_and_submit();
  for (const Seen& seen : wait_for(2)) {
    EXPECT_EQ(seen.completion.outcome,
              seen.completion.token.slot == 0 ? Outcome::cancelled : Outcome::ok);
  }
}

TEST_F(UringBackend, AWaitEndsAtItsDeadline) {
  const engine::Instant deadline = backend_->now() + engine::milliseconds(2);
  const engine::SubmitResult result = backend_->submit_and_wait(1, deadline);
  EXPECT_FALSE(result.woken);
  EXPECT_GE(backend_->now(), deadline);
  EXPECT_TRUE(reap_once().empty());
}

TEST_F(UringBackend, AWaitForNothingDoesNotBlock) {
  EXPECT_EQ(backend_->submit_and_wait(0, engine::kNever).errno_value, 0);
}

TEST_F(UringBackend, AWakeBeforeTheWaitEndsIt) {
  backend_->wake();
  EXPECT_TRUE(backend_->submit_and_wait(1, engine::kNever).woken);
}

TEST_F(UringBackend, AWakeFromAnotherThreadEndsAWaitForMany) {
  for (int round = 0; round < 100; ++round) {
    std::thread waker([this] { backend_->wake(); });
    while (!backend_->submit_and_wait(8, engine::kNever).woken) {
    }
    waker.join();
    EXPECT_TRUE(reap_once().empty());
  }
}

TEST_F(UringBackend, AWakeIsReportedOnce) {
  backend_->wake();
  backend_->wake();
  EXPECT_TRUE(backend_->submit_and_wait(0, engine::kNever).woken);
  EXPECT_FALSE(backend_->submit_and_wait(0, engine::kNever).woken);
}

// The wake-up's entry in the completion queue is nobody's completion. A stage with nothing open
// reaps nothing, and must be able to sleep all the same.
TEST_F(UringBackend, AWakeThatNothingWasReapedAfterDoesNotEndLaterWaits) {
  for (int round = 0; round < 5; ++round) {
    backend_->wake();
    EXPECT_TRUE(backend_->submit_and_wait(1, engine::kNever).woken);
    // Once more it may return early, if the entry came after the report.
    backend_->submit_and_wait(1, backend_->now() + engine::milliseconds(5));
    const engine::Instant deadline = backend_->now() + engine::milliseconds(20);
    EXPECT_FALSE(backend_->submit_and_wait(1, deadline).woken);
    EXPECT_GE(backend_->now(), deadline);
  }
}

TEST_F(UringBackend, CanBeUsedByAThreadThatDidNotMakeIt) {
  const SocketIndex sender = open_sender();
  std::thread owner([&] {
    add_send(0, sender);
    prepare_and_submit();
    EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::ok);
    std::thread waker([this] { backend_->wake(); });
    while (!backend_->submit_and_wait(1, engine::kNever).woken) {
    }
    waker.join();
  });
  owner.join();
}

TEST_F(UringBackend, LosesNothingWhenTheCompletionQueueOverflows) {
  start({.submission_entries = 8, .completion_entries = 16});
  const SocketIndex sender = open_sender();
  constexpr std::uint32_t kSends = 80;
  for (std::uint32_t slot = 0; slot < kSends; ++slot) {
    add_send(slot, sender);
    if (slot % 8 == 7) prepare_and_submit();
  }
  std::vector<std::uint32_t> slots;
  for (std::vector<Seen> seen = reap_once(5); !seen.empty(); seen = reap_once(5)) {
    for (const Seen& one : seen) slots.push_back(one.completion.token.slot);
  }
  ASSERT_EQ(slots.size(), kSends);
  for (std::uint32_t slot = 0; slot < kSends; ++slot) EXPECT_EQ(slots[slot], slot);
}

TEST_F(UringBackend, StillWakesAfterTheCompletionQueueOverflowed) {
  start({.submission_entries = 8, .completion_entries = 8});
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 16; ++slot) {
    add_send(slot, sender);
    if (slot % 8 == 7) prepare_and_submit();
  }
  backend_->wake();
  EXPECT_TRUE(backend_->submit_and_wait(0, engine::kNever).woken);
  EXPECT_EQ(wait_for(16).size(), 16U);
  for (int round = 0; round < 3; ++round) {
    std::thread waker([this] { backend_->wake(); });
    while (!backend_->submit_and_wait(1, engine::kNever).woken) {
    }
    waker.join();
    EXPECT_TRUE(reap_once().empty());
  }
}

TEST_F(UringBackend, PrepareStopsWhenTooManyOperationsAreInFlight) {
  start({.submission_entries = 8, .completion_entries = 64, .operations_in_flight_max = 12});
  const SocketIndex receiver = open_receiver();
  for (std::uint32_t slot = 0; slot < 8; ++slot) add(Operation::wait_readable, slot, receiver);
  prepare_and_submit();
  for (std::uint32_t slot = 8; slot < 16; ++slot) add(Operation::wait_readable, slot, receiver);
  EXPECT_EQ(prepare(), 4U);
  EXPECT_EQ(backend_->submit().submitted, 4U);
}

TEST_F(UringBackend, AdoptsAndClosesOnlySocketsThatItCanUse) {
  std::array<int, 2> pipe_ends{};
  ASSERT_EQ(::pipe2(pipe_ends.data(), O_CLOEXEC), 0);
  const auto adopted = backend_->adopt(pipe_ends[0]);
  ASSERT_FALSE(adopted.has_value());
  EXPECT_THAT(adopted.error().message, HasSubstr("expected an open packet socket or UDP socket"));
  EXPECT_EQ(::fcntl(pipe_ends[0], F_GETFD), -1);
  ::close(pipe_ends[1]);
}

TEST_F(UringBackend, AClosedSocketIsNoSocket) {
  const SocketIndex sender = open_sender();
  backend_->close(sender);
  add_send(0, sender);
  prepare_and_submit();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::invalid);
}

TEST_F(UringBackend, NamesAnUnknownInterface) {
  engine::PacketSocketSpec spec;
  spec.interface = "eth9";
  const auto opened = backend_->open(spec);
  ASSERT_FALSE(opened.has_value());
  EXPECT_THAT(opened.error().message, HasSubstr("\"eth9\": no such interface"));
  EXPECT_THAT(opened.error().message, HasSubstr("left"));
}

TEST(UringOptions, RefusesASizeThatTheKernelDoesNotHave) {
  const auto none = uring::UringBackend::create({.submission_entries = 0});
  ASSERT_FALSE(none.has_value());
  EXPECT_THAT(none.error().message, HasSubstr("0 submission entries; expected 1 to 32768"));
  const auto few = uring::UringBackend::create({.submission_entries = 64, .completion_entries = 8});
  ASSERT_FALSE(few.has_value());
  EXPECT_THAT(few.error().message, HasSubstr("8 completion entries"));
}

TEST(UringSetupError, NamesTheSettingThatRefuses) {
  EXPECT_THAT(uring::ring_setup_error(EPERM, "2").message,
              HasSubstr("kernel.io_uring_disabled = 2"));
  EXPECT_THAT(uring::ring_setup_error(EPERM, "1").message, HasSubstr("kernel.io_uring_group"));
  EXPECT_THAT(uring::ring_setup_error(EPERM, "0").message, HasSubstr("seccomp"));
  EXPECT_THAT(uring::ring_setup_error(ENOSYS, "").message, HasSubstr("CONFIG_IO_URING"));
  EXPECT_THAT(uring::ring_setup_error(EINVAL, "").message, HasSubstr("Linux 6.0 or later"));
}

}  // namespace
}  // namespace reprise::tests
