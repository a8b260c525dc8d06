// Packet rings in the simulated kernel: R1 … R5 of packet_ring.hpp.
#include "reprise/sim/packet_ring.hpp"

#include <gtest/gtest.h>

#include "kernel_fixture.hpp"
#include "reprise/engine/packet.hpp"
#include "reprise/sim/kernel_backend.hpp"

namespace reprise::sim {
namespace {

using engine::Instant;
using engine::Operation;
using engine::Outcome;
using engine::RegionIndex;

constexpr std::uint32_t kBlocks = 4;
constexpr std::uint32_t kBlockBytes = 8192;
constexpr std::uint32_t kRingPayload = 1000;  // seven such frames fit into a block
constexpr std::int64_t kTimeoutNs = 400'000'000;

KernelConfig ring_kernel() {
  KernelConfig config = small_kernel();
  config.regions = kFirstProvided + kBlocks;
  config.region_bytes = config.visible_bytes = kBlockBytes;
  config.packet_sockets.front().ring = {kBlocks, kFirstProvided, kBlockBytes, kTimeoutNs};
  config.rings.front().completions_max = 64;
  return config;
}

RegionIndex block(std::uint32_t number) { return RegionIndex{kFirstProvided + number}; }

struct OneRing : OneKernel {
  explicit OneRing(const KernelConfig& config = ring_kernel()) : OneKernel(config) {
    provide(kBlocks);
    prepare(Operation::packet_ring_receive, 1, kInput, kMultishot);
    submit();
  }
  /// How many of `count` frames of the next sequence numbers found room.
  std::uint32_t offer(std::uint32_t count, std::uint32_t payload_bytes = kRingPayload) {
    std::uint32_t taken = 0;
    for (; count > 0; --count) {
      if (arrive(next_sequence_++, payload_bytes)) ++taken;
    }
    run_work();
    return taken;
  }
  void tick_at(std::int64_t at_ns) {
    now = Instant{at_ns};
    kernel().tick_blocks(now);
    run_work();
  }
  /// Blocks that were handed over, by their numbers.
  Slots blocks() {
    Slots numbers;
    for (const Posted& posted : collect()) {
      EXPECT_EQ(posted.outcome, Outcome::ok);
      EXPECT_EQ(posted.more, 1U);
      numbers.push_back(static_cast<std::uint32_t>(posted.region) - kFirstProvided);
    }
    return numbers;
  }
  std::uint64_t drops() { return kernel().statistics(kInput).kernel_drops; }

 private:
  std::uint64_t next_sequence_ = 0;
};

TEST(PacketRing, ABlockIsHandedOverWhenTheNextFrameDoesNotFit) {  // R1
  OneRing one;
  EXPECT_TRUE(one.kernel().limits().supports(Operation::packet_ring_receive));
  EXPECT_EQ(one.offer(7), 7U);
  EXPECT_EQ(one.blocks(), Slots{}) << "full, but nothing more came";
  EXPECT_EQ(one.offer(1), 1U);
  EXPECT_EQ(one.blocks(), Slots{0});
  EXPECT_EQ(one.kernel().block_frames(block(0)).size(), 7U);
  EXPECT_EQ(one.kernel().socket_backlog(), 1U);
  EXPECT_EQ(one.offer(14), 14U);
  EXPECT_EQ(one.blocks(), (Slots{1, 2}));
}

TEST(PacketRing, FramesLieOneBehindTheOtherWithAGapBeforeEach) {
  OneRing one;
  one.offer(8);
  const auto frames = one.kernel().block_frames(block(0));
  for (std::uint32_t place = 0; place < 7; ++place) {
    EXPECT_EQ(frames[place].offset_bytes, 48U + place * 1128U + 82U);
    EXPECT_EQ(frames[place].captured_bytes, kHeaderBytes + kRingPayload);
    EXPECT_EQ(frames[place].packet.sequence, place);
  }
}

TEST(PacketRing, TheTimerTicksFromTheSetUpOnWhateverBlockIsOpen) {  // R3
  OneRing one;
  EXPECT_EQ(one.kernel().next_block_tick(), engine::kNever) << "an empty block stays open";
  one.now = Instant{50'000'000};
  one.offer(1);
  EXPECT_EQ(one.kernel().next_block_tick(), Instant{kTimeoutNs});
  one.tick_at(kTimeoutNs - 1);
  EXPECT_EQ(one.blocks(), Slots{});
  one.tick_at(kTimeoutNs);
  EXPECT_EQ(one.blocks(), Slots{0});
  // The next one opens in the middle of a period, and has the rest of it.
  one.now = Instant{kTimeoutNs + 300'000'000};
  one.offer(9);
  EXPECT_EQ(one.blocks(), Slots{1});
  EXPECT_EQ(one.kernel().next_block_tick(), Instant{2 * kTimeoutNs});
}

TEST(PacketRing, BeforeLinuxSixEighteenTheTimerStartsWithTheBlock) {  // R3
  KernelConfig config = ring_kernel();
  config.profile.block_timer_restarts = true;
  OneRing one(config);
  one.now = Instant{300'000'000};
  one.offer(9);
  EXPECT_EQ(one.kernel().next_block_tick(), Instant{300'000'000 + kTimeoutNs});
  one.tick_at(300'000'000 + kTimeoutNs);
  EXPECT_EQ(one.blocks(), (Slots{0, 1}));
  one.now = Instant{800'000'000};
  one.offer(1);
  EXPECT_EQ(one.kernel().next_block_tick(), Instant{300'000'000 + 2 * kTimeoutNs})
      << "it was opened when the one before was handed over";
}

TEST(PacketRing, ABlockHeldBackStallsTheRingAndWhatArrivesIsDropped) {  // R2
  OneRing one;
  EXPECT_EQ(one.offer(30), 28U) << "four blocks of seven";
  EXPECT_EQ(one.drops(), 2U);
  EXPECT_EQ(one.blocks(), (Slots{0, 1, 2, 3}));
  for (const std::uint32_t number : {1U, 2U, 3U}) one.kernel().provide(block(number));
  EXPECT_EQ(one.offer(9), 0U) << "block 0 is held back";
  EXPECT_EQ(one.drops(), 11U);
  EXPECT_EQ(one.kernel().arrived(), 39U);
  one.kernel().provide(block(0));
  EXPECT_EQ(one.offer(8), 8U);
  EXPECT_EQ(one.blocks(), Slots{0});
}

TEST(PacketRing, AModelThatSkipsTheBlockHeldBackIsAnotherModel) {  // R2
  KernelConfig config = ring_kernel();
  config.profile.blocks_in_order = false;
  OneRing one(config);
  one.offer(30);
  EXPECT_EQ(one.blocks(), (Slots{0, 1, 2, 3}));
  one.kernel().provide(block(2));
  EXPECT_EQ(one.offer(3), 3U);
}

TEST(PacketRing, AFrameLargerThanABlockIsCutAndAnEmptyBlockHandedOverBeforeIt) {  // R4
  OneRing one;
  one.offer(1, 20'000);
  EXPECT_EQ(one.blocks(), Slots{0});
  EXPECT_EQ(one.kernel().block_frames(block(0)).size(), 0U);
  one.tick_at(kTimeoutNs);
  EXPECT_EQ(one.blocks(), Slots{1});
  const auto frames = one.kernel().block_frames(block(1));
  ASSERT_EQ(frames.size(), 1U);
  EXPECT_EQ(frames[0].captured_bytes, 8062U);
  EXPECT_EQ(frames[0].packet.payload_bytes, 20'000U);
}

TEST(PacketRing, AOneShotReceiveTakesOneBlock) {
  OneRing one;
  one.prepare_cancel(2, 1);
  one.submit();
  one.collect();
  one.prepare(Operation::packet_ring_receive, 3, kInput);
  one.submit();
  one.offer(15);
  const std::vector<Posted> posted = one.collect();
  ASSERT_EQ(posted.size(), 1U);
  EXPECT_EQ(posted[0].more, 0U);
  EXPECT_EQ(posted[0].region, block(0));
}

TEST(PacketRing, ACancelledReceiveEndsAndTheBlocksWaitForTheNext) {
  OneRing one;
  one.prepare_cancel(2, 1);
  one.submit();
  Reaped reaped = one.reap();
  std::ranges::sort(reaped);
  EXPECT_EQ(reaped, (Reaped{{1, Outcome::cancelled}, {2, Outcome::ok}}));
  one.offer(16);
  EXPECT_EQ(one.kernel().completion_count(kRing), 0U);
  one.prepare(Operation::packet_ring_receive, 3, kInput, kMultishot);
  one.submit();
  EXPECT_EQ(one.blocks(), (Slots{0, 1}));
}

TEST(PacketRing, WhenItsDeviceGoesDownTheReceiveEnds) {
  OneRing one;
  one.kernel().set_receiver_down(kInput);
  one.run_work();
  EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::unreachable));
}

TEST(PacketRing, AnOrdinaryReceiveOnItIsInvalidAndARingReceiveElsewhereToo) {
  OneRing with;
  with.prepare(Operation::receive, 2, kInput, kMultishot);
  with.submit();
  EXPECT_EQ(with.reap(), all_ended(2, 2, Outcome::invalid));
  OneKernel without;
  without.prepare(Operation::packet_ring_receive, 3, kInput, kMultishot);
  without.submit();
  EXPECT_EQ(without.reap(), all_ended(3, 3, Outcome::invalid));
  without.prepare(Operation::packet_ring_receive, 4, kOutput, kMultishot);
  without.submit();
  EXPECT_EQ(without.reap(), all_ended(4, 4, Outcome::invalid)) << "a UDP socket";
}

TEST(PacketRing, WaitReadableEndsWithAFilledBlock) {
  OneRing one;
  one.prepare(Operation::wait_readable, 2, kInput);
  one.submit();
  one.offer(7);
  EXPECT_EQ(one.reap(), Reaped{});
  one.offer(1);
  EXPECT_EQ(one.kernel().completion_count(kRing), 2U);
}

// Through the engine's interface.

TEST(PacketRing, ACompletionHasAllFramesOfItsBlockAndTheEngineReadsEach) {
  OneRing one;
  one.offer(8);
  CostProfile costs;
  PhaseDetail detail;
  KernelBackend backend(one.kernel(), kRing, one.choices, costs, one.now, detail);
  engine::CompletionBatch batch(4, 16);
  ASSERT_EQ(backend.reap(batch), 1U);
  const engine::Completion completion = batch.completions()[0];
  EXPECT_EQ(completion.region, block(0));
  EXPECT_TRUE(completion.region_complete);
  EXPECT_TRUE(completion.more);
  const auto frames = batch.frames(completion);
  ASSERT_EQ(frames.size(), 7U);
  for (const engine::Frame& frame : frames) {
    const auto bytes =
        one.kernel().memory().bytes({completion.region, frame.offset_bytes, frame.captured_bytes});
    EXPECT_EQ(bytes.size(), frame.captured_bytes);
    EXPECT_EQ(frame.checksum, engine::ChecksumState::partial);
    const auto datagram = engine::parse({bytes, frame.captured_bytes, frame.original_bytes, false});
    ASSERT_TRUE(datagram.has_value());
    EXPECT_EQ(datagram->payload_length_bytes, kRingPayload);
  }
}

TEST(PacketRing, WhatABatchHasNoRoomForFollowsInAnotherCompletion) {
  OneRing one;
  one.offer(15);
  CostProfile costs;
  PhaseDetail detail;
  KernelBackend backend(one.kernel(), kRing, one.choices, costs, one.now, detail);
  engine::CompletionBatch batch(4, 5);
  ASSERT_EQ(backend.reap(batch), 1U);
  EXPECT_EQ(batch.frames(batch.completions()[0]).size(), 5U);
  EXPECT_FALSE(batch.completions()[0].region_complete);
  ASSERT_EQ(backend.reap(batch), 2U);
  EXPECT_EQ(batch.completions()[0].region, block(0));
  EXPECT_EQ(batch.frames(batch.completions()[0]).size(), 2U);
  EXPECT_TRUE(batch.completions()[0].region_complete);
  EXPECT_EQ(batch.completions()[1].region, block(1));
  EXPECT_EQ(batch.frames(batch.completions()[1]).size(), 3U);
  ASSERT_EQ(backend.reap(batch), 1U);
  EXPECT_EQ(batch.frames(batch.completions()[0]).size(), 4U);
  EXPECT_EQ(backend.reap(batch), 0U);
  EXPECT_EQ(detail.received.size(), 2U) << "each block once";
}

TEST(PacketRing, ADatagramFromTheMiddleOfABlockIsSentUnchanged) {
  OneRing one;
  one.offer(8);
  const Posted posted = one.collect().at(0);
  const BlockFrame frame = one.kernel().block_frames(posted.region)[4];
  const engine::Slice slice{posted.region, frame.offset_bytes + kHeaderBytes, kRingPayload};
  engine::Submission submission;
  submission.operation = Operation::send;
  submission.socket = kOutput;
  one.kernel().prepare(kRing, submission, {&slice, 1});
  one.submit();
  const Packet packet = one.drain_packets().at(0);
  EXPECT_EQ(packet.sequence, 4U);
  EXPECT_EQ(packet.damaged, 0U);
}

}  // namespace
}  // namespace reprise::sim
