// The engine's interface on the simulated kernel: what it takes, in which order, at which cost.
#include "reprise/sim/kernel_backend.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "kernel_fixture.hpp"

namespace reprise::sim {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::RegionIndex;
using engine::Slice;
using engine::Submission;

/// A backend on the fixture's kernel, with default costs.
struct Seam {
  Seam(OneKernel& one, Choices& choices)
      : backend(one.kernel(), kRing, choices, costs, one.now, detail) {}
  explicit Seam(OneKernel& one) : Seam(one, one.choices) {}
  CostProfile costs;
  PhaseDetail detail;
  KernelBackend backend;
};

TEST(KernelBackend, TakesChainsWholeOrNotAtAll) {  // I3
  KernelConfig config = small_kernel();
  config.rings.front().submissions_max = 16;
  OneKernel one(config);
  one.kernel().link(0).set_blocked(true, one.now);  // nothing leaves, so the buffer fills
  Seam seam(one);
  std::vector<Submission> submissions(20);
  for (Submission& submission : submissions) {
    submission.operation = Operation::send;
    submission.socket = kOutput;
    submission.flags = kDoNotWait | kLinked;
    submission.slice_count = 1;
  }
  submissions[9].flags = submissions[19].flags = kDoNotWait;
  const std::vector<Slice> slices{{RegionIndex{0}, kHeaderBytes, kPayload}};
  EXPECT_EQ(seam.backend.prepare({submissions, slices}), 10U) << "the queue has 16 entries";
  EXPECT_EQ(seam.backend.submit().submitted, 10U);
  EXPECT_EQ(seam.detail.submitted.size(), 10U);
  EXPECT_EQ(seam.detail.sent, 5U);
  EXPECT_EQ(seam.detail.refused, 1U);
}

/// Sends on two sockets, a chain of three on each, in two calls, where the first chain pauses
/// after its first send. The slots in the order in which they ended.
Slots order_around_a_pause(bool second_call_waits) {
  KernelConfig config = small_kernel();
  config.profile.chain_pauses_per_million = 1;
  OneKernel one(config);
  // Of a million picks the last pauses; the list's end picks 0.
  Listed pause_first(std::vector<std::uint32_t>{999'999});
  Seam seam(one, pause_first);
  one.prepare_sends(1, 3, {.flags = kDoNotWait | kLinked});
  one.prepare_send(3);
  EXPECT_EQ(seam.backend.submit().submitted, 3U);
  EXPECT_EQ(one.kernel().completion_count(kRing), 1U);
  EXPECT_EQ(seam.detail.submitted.size(), 3U);
  one.prepare_sends(4, 6, {.socket = kOtherOutput, .flags = kDoNotWait | kLinked});
  one.prepare_send(6, {.socket = kOtherOutput});
  seam.backend.submit_and_wait(second_call_waits ? 1 : 0, engine::kNever);
  EXPECT_EQ(one.kernel().work_count(kRing), 0U);
  Slots slots;
  for (const auto& [slot, outcome] : one.reap()) {
    EXPECT_EQ(outcome, Outcome::ok);
    slots.push_back(slot);
  }
  return slots;
}

TEST(KernelBackend, ThePausedRestOfAChainRunsBehindWhatALaterCallHandsOver) {
  // The first of the second chain goes inside the submit; its rest queues behind what paused.
  EXPECT_EQ(order_around_a_pause(false), (Slots{1, 4, 2, 5, 3, 6}));
  EXPECT_EQ(order_around_a_pause(true), (Slots{1, 4, 2, 5, 3, 6}));
}

TEST(KernelBackend, AWaitFinishesAChainThatWouldPause) {
  KernelConfig config = small_kernel();
  config.profile.chain_pauses_per_million = 1;
  OneKernel one(config);
  Listed pause_first(std::vector<std::uint32_t>{999'999});
  Seam seam(one, pause_first);
  one.prepare_send(1, {.flags = kDoNotWait | kLinked});
  one.prepare_send(2);
  seam.backend.submit_and_wait(1, engine::kNever);
  EXPECT_EQ(one.reap(), all_ended(1, 2, Outcome::ok));
}

TEST(KernelBackend, RoomReturnsInTheMiddleOfASubmit) {  // K1
  for (const bool returns : {true, false}) {
    KernelConfig config = small_kernel();
    config.profile.room_returns_inside_submit = returns;
    OneKernel one(config);
    Seam seam(one);
    one.prepare_sends(0, 16);
    seam.backend.submit();
    const Reaped reaped = one.reap();
    const auto refused = std::ranges::find(reaped, Outcome::refused, &Reaped::value_type::second);
    ASSERT_NE(refused, reaped.end());
    const bool later_one_went = std::ranges::find(refused, reaped.end(), Outcome::ok,
                                                  &Reaped::value_type::second) != reaped.end();
    EXPECT_EQ(later_one_went, returns) << "after an earlier one was refused";
  }
}

TEST(KernelBackend, ReapsNoMoreThanTheBatchHolds) {  // I8
  OneKernel one;
  one.provide(4);
  one.arm_receive(1);
  for (std::uint64_t sequence = 0; sequence < 4; ++sequence) one.arrive(sequence);
  one.run_work();
  Seam seam(one);
  engine::CompletionBatch batch(3, 3);
  EXPECT_EQ(seam.backend.reap(batch), 3U);
  EXPECT_EQ(batch.completions()[2].region, RegionIndex{kFirstProvided + 2});
  EXPECT_EQ(batch.frames(batch.completions()[2]).size(), 1U);
  EXPECT_EQ(seam.backend.reap(batch), 2U) << "the fourth frame, and the end of the receive";
  EXPECT_EQ(seam.backend.reap(batch), 0U);
}

TEST(KernelBackend, ShowsACutFrameAsShorterThanItWas) {
  KernelConfig config = small_kernel();
  config.region_bytes = 256;
  OneKernel one(config);
  one.provide(2);
  one.arm_receive(1);
  one.arrive(0);
  one.run_work();
  Seam seam(one);
  engine::CompletionBatch batch(3, 3);
  ASSERT_EQ(seam.backend.reap(batch), 1U);
  const engine::Frame frame = batch.frames(batch.completions()[0]).front();
  EXPECT_EQ(frame.original_bytes, kHeaderBytes + kPayload);
  EXPECT_EQ(frame.captured_bytes, 256U);
}

TEST(KernelBackend, TellsTheSegmentSizeAndWhetherTheChecksumCanBeJudged) {
  OneKernel one;
  one.provide(3);
  one.arm_receive(1);
  one.arrive_merged(0, 4200, 1400);
  Packet packet;
  packet.payload_bytes = kPayload;
  packet.has_checksum = 1;
  one.kernel().arrive(kInput, packet);
  one.run_work();
  Seam seam(one);
  engine::CompletionBatch batch(3, 3);
  ASSERT_EQ(seam.backend.reap(batch), 2U);
  const engine::Frame merged = batch.frames(batch.completions()[0]).front();
  EXPECT_EQ(merged.segment_bytes, 1400U);
  EXPECT_EQ(merged.original_bytes, kHeaderBytes + 4200U);
  EXPECT_EQ(merged.checksum, engine::ChecksumState::partial);
  const engine::Frame plain = batch.frames(batch.completions()[1]).front();
  EXPECT_EQ(plain.segment_bytes, 0U);
  EXPECT_EQ(plain.checksum, engine::ChecksumState::unverified);
}

TEST(KernelBackend, EveryCostIsCharged) {
  const auto cost_of = [](std::int64_t CostProfile::* field, std::int64_t value) {
    OneKernel one;
    one.provide(4);
    one.arm_receive(1);
    CostProfile costs;
    costs.*field = value;
    PhaseDetail detail;
    KernelBackend backend(one.kernel(), kRing, one.choices, costs, {}, detail);
    for (std::uint64_t sequence = 0; sequence < 2; ++sequence) one.arrive(sequence);
    std::vector<Submission> submissions(3);
    submissions[0].operation = Operation::provide;
    submissions[0].slice_count = 1;
    for (const std::size_t place : {1U, 2U}) {
      submissions[place].operation = Operation::send;
      submissions[place].socket = kOutput;
      submissions[place].flags = kDoNotWait;
      submissions[place].slice_first = 1;
      submissions[place].slice_count = 1;
    }
    submissions[1].flags |= kLinked;
    const std::vector<Slice> slices{{RegionIndex{90}, 0, 0},
                                    {RegionIndex{0}, kHeaderBytes, kPayload}};
    backend.prepare({submissions, slices});
    backend.submit();
    engine::CompletionBatch batch(16, 16);
    backend.reap(batch);
    return detail.cost_ns;
  };
  const auto more = [&](std::int64_t CostProfile::* field, std::int64_t by) {
    return cost_of(field, CostProfile{}.*field + by) - cost_of(field, CostProfile{}.*field);
  };
  EXPECT_EQ(more(&CostProfile::call_ns, 1000), 1000);
  EXPECT_EQ(more(&CostProfile::submit_ns, 1000), 1000);
  EXPECT_EQ(more(&CostProfile::gather_ns, 1000), 1000);
  EXPECT_EQ(more(&CostProfile::send_ns, 1000), 2000);
  EXPECT_EQ(more(&CostProfile::linked_ns, 1000), 1000);
  EXPECT_EQ(more(&CostProfile::receive_ns, 1000), 2000);
  EXPECT_EQ(more(&CostProfile::prepare_ns, 1000), 2000);
  EXPECT_EQ(more(&CostProfile::provide_ns, 1000), 1000);
  EXPECT_EQ(more(&CostProfile::completion_ns, 1000), 4000);
  EXPECT_EQ(more(&CostProfile::datagram_ns, 1000), 2000);
  EXPECT_EQ(more(&CostProfile::send_byte_ps, 1000), 2 * 400);
  EXPECT_EQ(more(&CostProfile::receive_byte_ps, 1000), 2 * 400);
}

}  // namespace
}  // namespace reprise::sim
