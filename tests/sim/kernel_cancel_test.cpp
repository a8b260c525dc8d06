// Cancelling: what was armed, what was woken, what is not there.
#include <gtest/gtest.h>

#include <cerrno>

#include "kernel_fixture.hpp"

namespace reprise::sim {
namespace {

using engine::Operation;
using engine::Outcome;

TEST(KernelCancel, EndsAReceiveAWaitADeadlineAndAParkedSend) {
  OneKernel one;
  one.provide(1);
  one.fill();
  one.arm_receive(1);
  one.prepare(Operation::wait_writable, 2, kOutput);
  one.prepare_deadline(3, 1000);
  one.prepare_send(4, {.flags = 0});
  one.submit();
  EXPECT_EQ(one.reap(), Reaped{});
  for (std::uint32_t target = 1; target <= 4; ++target) {
    one.prepare_cancel(10 + target, target);
    one.submit();
    Reaped reaped = one.reap();
    std::ranges::sort(reaped);
    EXPECT_EQ(reaped, (Reaped{{target, Outcome::cancelled}, {10 + target, Outcome::ok}}));
  }
  EXPECT_EQ(one.drain(), Slots(5, 0)) << "the cancelled send did nothing";
  EXPECT_EQ(one.kernel().next_deadline(kRing), engine::kNever);
}

TEST(KernelCancel, SaysThatThereIsNoSuchOperation) {
  OneKernel one;
  one.prepare_send(1);
  one.submit();
  one.prepare_cancel(11, 1);  // it has ended
  one.prepare_cancel(12, 2);  // it never was
  one.submit();
  const std::vector<Posted> posted = one.collect();
  ASSERT_EQ(posted.size(), 3U);
  EXPECT_EQ(posted[0].outcome, Outcome::ok);
  for (const std::size_t place : {1U, 2U}) {
    EXPECT_EQ(posted[place].outcome, Outcome::invalid);
    EXPECT_EQ(posted[place].errno_value, ENOENT);
  }
}

TEST(KernelCancel, ACancelledReceiveTakesNoFrameAndAnotherOneCanBeArmed) {
  OneKernel one;
  one.provide(2);
  one.arm_receive(1);
  one.prepare_cancel(2, 1);
  one.submit();
  one.reap();
  one.arrive(7);
  one.run_work();
  EXPECT_EQ(one.reap(), Reaped{});
  EXPECT_EQ(one.kernel().socket_backlog(), 1U);
  EXPECT_EQ(one.kernel().found_no_buffer(), 1U) << "nothing was armed";
  one.arm_receive(3);
  EXPECT_EQ(one.reap(), all_ended(3, 3, Outcome::ok));
}

TEST(KernelCancel, WhatWasWokenAndNotTriedAgainEndsCancelledToo) {
  KernelConfig config = small_kernel();
  config.profile.task_run = TaskRun::deferred;
  OneKernel one(config);
  one.provide(2);
  one.arm_receive(1);
  one.arrive(7);
  EXPECT_EQ(one.kernel().work_count(kRing), 1U);
  one.prepare_cancel(2, 1);
  one.submit();
  one.run_work();
  Reaped reaped = one.reap();
  std::ranges::sort(reaped);
  EXPECT_EQ(reaped, (Reaped{{1, Outcome::cancelled}, {2, Outcome::ok}}));
  EXPECT_EQ(one.kernel().socket_backlog(), 1U);
}

TEST(KernelCancel, OfAnAsyncEntryCanComeInTimeOrTooLate) {
  for (const bool too_late : {false, true}) {
    OneKernel one;
    one.prepare_send(1, {.is_async = true});
    one.submit();
    one.prepare_cancel(2, 1);
    Listed picks(std::vector<std::uint32_t>{too_late ? 1U : 0U});
    one.kernel().execute_next(kRing, one.now, picks);
    one.run_work();
    const std::vector<Posted> posted = one.collect();
    if (too_late) {
      ASSERT_EQ(posted.size(), 1U);
      EXPECT_EQ(posted[0].outcome, Outcome::failed);
      EXPECT_EQ(posted[0].errno_value, EALREADY);
      one.kernel().execute_worker(kRing, one.now, one.choices);
      EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::ok)) << "the operation goes on";
      EXPECT_EQ(one.drain(), Slots{1});
    } else {
      ASSERT_EQ(posted.size(), 2U);
      EXPECT_EQ(posted[0].outcome, Outcome::ok);
      EXPECT_EQ(posted[1].outcome, Outcome::cancelled);
      EXPECT_EQ(one.kernel().worker_count(kRing), 0U);
      EXPECT_EQ(one.drain(), Slots{});
    }
  }
}

TEST(KernelCancel, ACancelOfAChainsFirstCancelsTheRest) {
  OneKernel one;
  one.fill();
  one.prepare_send(1, {.flags = kLinked});
  one.prepare_send(2, {.flags = 0});
  one.submit();
  one.prepare_cancel(3, 1);
  one.submit();
  Reaped reaped = one.reap();
  std::ranges::sort(reaped);
  EXPECT_EQ(reaped, (Reaped{{1, Outcome::cancelled}, {2, Outcome::cancelled}, {3, Outcome::ok}}));
}

}  // namespace
}  // namespace reprise::sim
