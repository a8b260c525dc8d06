// Packet rings in the simulated kernel: R1 … R5 of packet_ring.hpp.
#include "reprise/sim/packet_ring.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <ostream>
#include <vector>

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
  config.blocks = kBlocks;
  config.block_bytes = kBlockBytes;
  config.packet_sockets.front().ring = {.blocks = kBlocks,
                                        .block_bytes = kBlockBytes,
                                        .first_region = config.regions,
                                        .timeout_ns = kTimeoutNs};
  config.rings.front().completions_max = 64;
  return config;
}

RegionIndex block(std::uint32_t number) { return RegionIndex{96 + number}; }

/// What one completion of a ring showed.
struct Portion {
  std::uint32_t block = 0;
  std::uint32_t frames = 0;
  bool is_last = true;
  friend bool operator==(const Portion&, const Portion&) = default;
  friend void PrintTo(const Portion& portion, std::ostream* out) {
    *out << portion.frames << " frames of block " << portion.block
         << (portion.is_last ? "" : ", more follow");
  }
};
using Portions = std::vector<Portion>;

struct OneRing : OneKernel {
  explicit OneRing(const KernelConfig& config = ring_kernel()) : OneKernel(config) {
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
  /// One reap through the engine's interface; `batch` has it afterwards.
  Portions read(std::uint32_t datagrams = 1000) {
    batch.accept_from_rings(datagrams);
    KernelBackend backend(kernel(), kRing, choices, costs_, now, detail);
    backend.reap(batch);
    Portions portions;
    for (const engine::Completion& completion : batch.completions()) {
      EXPECT_EQ(completion.outcome, Outcome::ok);
      EXPECT_TRUE(completion.more);
      portions.push_back({static_cast<std::uint32_t>(completion.region) - 96,
                          completion.frame_count, completion.region_complete});
    }
    return portions;
  }
  /// Blocks that were handed over, by their numbers.
  Slots blocks() {
    Slots numbers;
    for (const Portion& portion : read()) {
      EXPECT_TRUE(portion.is_last);
      numbers.push_back(portion.block);
    }
    return numbers;
  }
  /// Sequence numbers of the frames of the newest read(), as their tags tell.
  Slots sequences() {
    Slots all;
    for (const engine::Completion& completion : batch.completions()) {
      for (const engine::Frame& frame : batch.frames(completion)) {
        Tag tag{};
        const auto bytes = kernel().memory().bytes(
            {completion.region, frame.offset_bytes + kHeaderBytes, kTagBytes});
        std::memcpy(&tag, bytes.data(), sizeof tag);
        all.push_back(static_cast<std::uint32_t>(tag.sequence));
      }
    }
    return all;
  }
  std::uint64_t drops() { return kernel().statistics(kInput).kernel_drops; }

  engine::CompletionBatch batch{16, 64};
  PhaseDetail detail;

 private:
  CostProfile costs_;
  std::uint64_t next_sequence_ = 0;
};

TEST(PacketRing, ABlockIsHandedOverWhenTheNextFrameDoesNotFit) {  // R1
  OneRing one;
  EXPECT_TRUE(one.kernel().limits().supports(Operation::packet_ring_receive));
  EXPECT_EQ(one.offer(7), 7U);
  EXPECT_EQ(one.blocks(), Slots{}) << "full, but nothing more came";
  EXPECT_EQ(one.offer(1), 1U);
  EXPECT_EQ(one.blocks(), Slots{0});
  EXPECT_EQ(one.sequences(), run_of(0, 6));
  EXPECT_EQ(one.kernel().socket_backlog(), 1U);
  EXPECT_EQ(one.offer(14), 14U);
  EXPECT_EQ(one.blocks(), (Slots{1, 2}));
}

TEST(PacketRing, FramesLieOneBehindTheOtherWithAGapBeforeEach) {
  OneRing one;
  one.offer(8);
  ASSERT_EQ(one.read(), (Portions{{0, 7}}));
  EXPECT_EQ(one.sequences(), run_of(0, 6));
  const auto frames = one.batch.frames(one.batch.completions()[0]);
  for (std::uint32_t place = 0; place < 7; ++place) {
    EXPECT_EQ(frames[place].offset_bytes, 48U + place * 1128U + 82U);
    EXPECT_EQ(frames[place].captured_bytes, kHeaderBytes + kRingPayload);
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
  EXPECT_EQ(one.read(), (Portions{{0, 0}}));
  one.tick_at(kTimeoutNs);
  ASSERT_EQ(one.read(), (Portions{{1, 1}}));
  const engine::Frame frame = one.batch.frames(one.batch.completions()[0])[0];
  EXPECT_EQ(frame.captured_bytes, 8062U);
  EXPECT_EQ(frame.original_bytes, kHeaderBytes + 20'000U);
}

TEST(PacketRing, StartsWithAllItsBlocksWhateverIsProvidedFirst) {  // R5
  OneRing one;
  one.kernel().provide(block(2));
  one.kernel().provide(block(0));
  EXPECT_EQ(one.offer(30), 28U);
  EXPECT_EQ(one.kernel().statistics(kInput).queued, 28U);
  EXPECT_EQ(one.blocks(), (Slots{0, 1, 2, 3}));
}

TEST(PacketRing, HandsOverNoMoreThanTheBatchAcceptsAndTheRestOfTheBlockLater) {  // I9
  OneRing one;
  one.offer(16);
  EXPECT_EQ(one.read(0), Portions{});
  EXPECT_EQ(one.read(3), (Portions{{0, 3, false}}));
  EXPECT_EQ(one.read(6), (Portions{{0, 4}, {1, 2, false}}));
  EXPECT_EQ(one.sequences(), run_of(3, 8));
  EXPECT_EQ(one.kernel().socket_backlog(), 7U);
  EXPECT_EQ(one.read(), (Portions{{1, 5}}));
  EXPECT_EQ(one.read(), Portions{});
  EXPECT_EQ(one.detail.received.size(), 2U) << "each block once";
}

TEST(PacketRing, AMergedFrameCountsAsItsDatagramsAndIsNeverParted) {  // I9
  OneRing one;
  one.arrive_merged(0, 4000, 1000);
  one.arrive_merged(4, 2500, 1000);
  one.arrive(7, 1000);
  one.tick_at(kTimeoutNs);
  EXPECT_EQ(one.read(1), (Portions{{0, 1, false}})) << "one frame more than fits";
  EXPECT_EQ(one.read(4), (Portions{{0, 2}}));
  EXPECT_EQ(one.batch.frames(one.batch.completions()[0])[0].datagrams_max(), 3U);
}

TEST(PacketRing, ItsFramesAreNoCompletionsAndComeBehindThem) {
  OneRing one;
  one.offer(8);
  EXPECT_EQ(one.kernel().completion_count(kRing), 0U);
  EXPECT_EQ(one.kernel().ready_count(kRing), 1U) << "but a wait ends";
  EXPECT_EQ(one.send(), Outcome::ok);
  one.prepare_send(3);
  one.submit();
  one.batch.accept_from_rings(100);
  CostProfile costs;
  KernelBackend backend(one.kernel(), kRing, one.choices, costs, one.now, one.detail);
  ASSERT_EQ(backend.reap(one.batch), 2U);
  EXPECT_EQ(one.batch.completions()[0].token.slot, 3U);
  EXPECT_EQ(one.batch.completions()[1].token.slot, 1U);
}

TEST(PacketRing, AOneShotReceiveAndASecondOneAreInvalid) {
  OneRing one;
  one.prepare(Operation::packet_ring_receive, 2, kInput, kMultishot);
  one.submit();
  EXPECT_EQ(one.reap(), all_ended(2, 2, Outcome::invalid));
  one.prepare_cancel(3, 1);
  one.submit();
  one.collect();
  one.prepare(Operation::packet_ring_receive, 4, kInput);
  one.submit();
  EXPECT_EQ(one.reap(), all_ended(4, 4, Outcome::invalid));
}

TEST(PacketRing, ACancelledReceiveEndsAndTheBlocksWaitForTheNext) {
  OneRing one;
  one.prepare_cancel(2, 1);
  one.submit();
  Reaped reaped = one.reap();
  std::ranges::sort(reaped);
  EXPECT_EQ(reaped, (Reaped{{1, Outcome::cancelled}, {2, Outcome::ok}}));
  one.offer(16);
  EXPECT_EQ(one.kernel().ready_count(kRing), 0U);
  one.prepare(Operation::packet_ring_receive, 3, kInput, kMultishot);
  one.submit();
  EXPECT_EQ(one.blocks(), (Slots{0, 1}));
}

TEST(PacketRing, ACancelInTheMiddleOfABlockEndsWithThatBlockAndTheRestIsLost) {  // I9
  OneRing one;
  one.offer(16);
  EXPECT_EQ(one.read(3), (Portions{{0, 3, false}}));
  one.prepare_cancel(2, 1);
  one.submit();
  const std::vector<Posted> posted = one.collect();
  ASSERT_EQ(posted.size(), 2U);
  EXPECT_EQ(posted[0].outcome, Outcome::cancelled);
  EXPECT_EQ(posted[0].region, block(0));
  EXPECT_EQ(posted[0].more, 0U);
  EXPECT_EQ(one.kernel().cancelled_frames(), 4U);
  one.kernel().provide(block(0));
  one.prepare(Operation::packet_ring_receive, 3, kInput, kMultishot);
  one.submit();
  EXPECT_EQ(one.blocks(), Slots{1});
  EXPECT_EQ(one.sequences(), run_of(7, 13));
}

TEST(PacketRing, WhenItsDeviceGoesDownTheReceiveGoesOn) {
  OneRing one;
  one.offer(8);
  one.kernel().set_receiver_down(kInput);
  one.run_work();
  EXPECT_EQ(one.blocks(), Slots{0});
  one.offer(7);
  EXPECT_EQ(one.blocks(), Slots{1});
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
  EXPECT_EQ(one.reap(), all_ended(2, 2, Outcome::ok));
}

TEST(PacketRing, TheEngineReadsEveryFrameOfABlock) {
  OneRing one;
  one.offer(8);
  ASSERT_EQ(one.read(), (Portions{{0, 7}}));
  const engine::Completion completion = one.batch.completions()[0];
  for (const engine::Frame& frame : one.batch.frames(completion)) {
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
  one.batch = engine::CompletionBatch(4, 5);
  EXPECT_EQ(one.read(), (Portions{{0, 5, false}}));
  EXPECT_EQ(one.read(), (Portions{{0, 2}, {1, 3, false}}));
  EXPECT_EQ(one.read(), (Portions{{1, 4}}));
  EXPECT_EQ(one.read(), Portions{});
}

TEST(PacketRing, TwoRingsTakeTurns) {
  KernelConfig config = ring_kernel();
  config.packet_sockets.push_back(config.packet_sockets.front());
  for (PacketSocketConfig& socket : config.packet_sockets) socket.ring.blocks = 2;
  config.packet_sockets.back().ring.first_region += 2;
  OneRing one(config);
  one.prepare(Operation::packet_ring_receive, 2, engine::SocketIndex{1}, kMultishot);
  one.submit();
  Packet packet;
  packet.payload_bytes = kRingPayload;
  for (int frame = 0; frame < 14; ++frame) one.kernel().arrive(engine::SocketIndex{1}, packet);
  one.offer(14);
  one.tick_at(kTimeoutNs);
  EXPECT_EQ(one.read(9), (Portions{{0, 7}, {2, 2, false}}));
  EXPECT_EQ(one.read(9), (Portions{{1, 7}, {2, 2, false}}));
  EXPECT_EQ(one.blocks(), (Slots{2, 3}));
}

TEST(PacketRing, ADatagramFromTheMiddleOfABlockIsSentUnchanged) {
  OneRing one;
  one.offer(8);
  ASSERT_EQ(one.read(), (Portions{{0, 7}}));
  const engine::Completion read = one.batch.completions()[0];
  const engine::Frame frame = one.batch.frames(read)[4];
  const engine::Slice slice{read.region, frame.offset_bytes + kHeaderBytes, kRingPayload};
  engine::Submission submission;
  submission.operation = Operation::send;
  submission.socket = kOutput;
  one.kernel().prepare(kRing, submission, {&slice, 1});
  one.submit();
  const Packet packet = one.drain_packets().at(0);
  EXPECT_EQ(packet.sequence, 4U);
  EXPECT_EQ(packet.damaged, 0U);
}

TEST(PacketRing, ASegmentedSendOfSeveralSlicesSendsEachWithItsOwnTag) {
  KernelConfig config = ring_kernel();
  config.rings.front().slices_max = 8;
  OneRing one(config);
  one.offer(16);
  ASSERT_EQ(one.read(), (Portions{{0, 7}, {1, 7}}));
  std::vector<engine::Slice> slices;
  for (const std::uint32_t number : {0U, 1U, 3U, 4U, 12U}) {  // out of both blocks
    const engine::Completion completion = one.batch.completions()[number / 7];
    const engine::Frame frame = one.batch.frames(completion)[number % 7];
    slices.push_back({completion.region, frame.offset_bytes + kHeaderBytes, kRingPayload});
  }
  engine::Submission submission;
  submission.operation = Operation::segmented_send;
  submission.segment_bytes = kRingPayload;
  submission.socket = kOutput;
  for (int again = 0; again < 3; ++again) {  // the places of its slices come back
    one.kernel().prepare(kRing, submission, slices);
    one.submit();
    EXPECT_EQ(one.drain(), (Slots{0, 1, 3, 4, 12}));
  }
  // A slice more that does not begin where a datagram does: no such payload was ever sent.
  slices[1].length_bytes -= 100;
  one.kernel().prepare(kRing, submission, slices);
  one.submit();
  for (const Packet& packet : one.drain_packets())
    EXPECT_EQ(packet.damaged, packet.sequence == 0 ? 0U : 1U) << packet.sequence;
}

}  // namespace
}  // namespace reprise::sim
