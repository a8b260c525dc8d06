// Datagrams that lie in the blocks of a packet ring: how long a block is held, and by what.
#include <gtest/gtest.h>

#include <cerrno>
#include <vector>

#include "engine_fixture.hpp"

namespace reprise::engine {
namespace {

using Numbers = std::vector<std::uint32_t>;
using played::BlockFrame;
using played::PlayedKernel;
using played::StageOnPlayedKernel;

StageConfig with_ring() {
  StageConfig config = played::small_config();
  config.pool = 4;
  config.blocks = 2;
  config.block_bytes = 4096;
  config.intake = 16;
  config.batch = 8;
  config.output_queue = 8;
  return config;
}

std::vector<BlockFrame> numbered(std::uint32_t group, std::uint32_t first, std::uint32_t count) {
  std::vector<BlockFrame> frames;
  for (std::uint32_t number = first; number < first + count; ++number) {
    auto bytes = played::numbered_frame(group, number);
    const Frame frame = played::whole_frame(bytes);
    frames.push_back({std::move(bytes), frame});
  }
  return frames;
}

class RingIngress : public testing::Test {
 protected:
  explicit RingIngress(const StageConfig& config = with_ring()) : relay(config) {
    of = relay.route(1, {1});
    relay.hand_over();
  }
  void TearDown() override { EXPECT_TRUE(relay.stage->laws_hold()); }

  StageOnPlayedKernel relay;
  PlayedKernel& kernel = relay.kernel;
  RouteIndex of{};
};

TEST_F(RingIngress, ArmsTheRingOnceAndProvidesItsBlocksOnly) {
  ASSERT_EQ(kernel.receives.size(), 1U);
  EXPECT_EQ(kernel.receives[0].submission.operation, Operation::packet_ring_receive);
  EXPECT_EQ(kernel.provided_blocks.size(), 2U);
  EXPECT_TRUE(kernel.provided.empty()) << "no receive takes buffers";
  EXPECT_FALSE(relay.stage->has_work());
}

TEST_F(RingIngress, GivesABlockBackWhenItsLastDatagramHasLeft) {  // N5
  ASSERT_TRUE(kernel.deliver_block(numbered(1, 0, 3)));
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{0, 1, 2}));
  EXPECT_EQ(kernel.provided_blocks.size(), 1U) << "the sends read from it";
  kernel.end_all_sends();
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(kernel.provided_blocks.size(), 2U);
  EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
}

TEST_F(RingIngress, HoldsABlockUntilItsLastCompletion) {
  ASSERT_TRUE(kernel.deliver_block(numbered(1, 0, 2), true));
  relay.reap();
  relay.drain();
  EXPECT_EQ(kernel.provided_blocks.size(), 1U) << "more frames of it follow";
  ASSERT_TRUE(kernel.deliver_block(numbered(1, 2, 2), false));
  relay.reap();
  relay.drain();
  EXPECT_EQ(kernel.provided_blocks.size(), 2U);
  EXPECT_EQ(relay.counters(of).sent, 4U);
}

TEST_F(RingIngress, GivesABlockBackAtOnceWhereNothingInItIsWanted) {
  ASSERT_TRUE(kernel.deliver_block(numbered(9, 0, 3)));
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(kernel.provided_blocks.size(), 2U);
  EXPECT_EQ(relay.dropped(IngressDrop::no_rule), 3U);
}

TEST_F(RingIngress, CountsEveryDatagramOfAMergedFrameThatNobodyWants) {
  std::vector<BlockFrame> frames = numbered(9, 0, 1);
  frames.front().frame.segment_bytes = 8;  // of a payload of 32 bytes
  ASSERT_TRUE(kernel.deliver_block(frames));
  relay.reap();
  EXPECT_EQ(relay.dropped(IngressDrop::no_rule), 4U);
  EXPECT_EQ(relay.stage->ingress_counters().received, 4U);
}

TEST_F(RingIngress, TakesNoMoreThanItsIntake) {
  EXPECT_EQ(relay.stage->ring_room(), 16U);
  ASSERT_TRUE(kernel.deliver_block(numbered(1, 0, 12)));
  relay.reap();
  EXPECT_EQ(relay.stage->ring_room(), 4U);
  relay.drain();
  EXPECT_EQ(relay.stage->ring_room(), 16U);
}

TEST_F(RingIngress, HasRoomForAMergedFrameBehindAnIntakeThatIsNearlyFull) {
  ASSERT_TRUE(kernel.deliver_block(numbered(1, 0, 15), true));
  relay.reap();
  ASSERT_EQ(relay.stage->ring_room(), 1U);
  BlockFrame merged = numbered(1, 15, 1).front();
  FrameHeader header;
  header.source = played::kSender;
  header.destination = played::group(1);
  header.destination_port = played::kPort;
  const std::vector<std::byte> payload(128 * 8);
  merged.bytes.resize(headers_length_bytes(header) + payload.size());
  build_frame(header, payload, merged.bytes);
  merged.frame = played::whole_frame(merged.bytes);
  merged.frame.segment_bytes = 8;
  ASSERT_EQ(merged.frame.datagrams_max(), 128U);
  ASSERT_TRUE(kernel.deliver_block({&merged, 1}));
  relay.reap();
  EXPECT_EQ(relay.stage->ingress_counters().accepted, 15U + 128U);
  relay.drain();
  EXPECT_EQ(relay.counters(of).sent, 15U + 128U);
}

TEST_F(RingIngress, CopiesWhatIsRefusedOutOfItsBlock) {  // E6
  ASSERT_TRUE(kernel.deliver_block(numbered(1, 0, 3)));
  relay.reap();
  relay.hand_over();
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(kernel.provided_blocks.size(), 2U) << "nothing is left in it";
  EXPECT_EQ(relay.stage->ledger().held_buffer_count(), 3U);
  kernel.end_oldest(kernel.waits, Outcome::ok);
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{0, 1, 2}));
  for (const played::InFlight& send : kernel.sends)
    EXPECT_FALSE(kernel.memory().is_block(send.slices.front().region));
  relay.drain();
  EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
}

TEST_F(RingIngress, DropsAndCountsWhatFindsNoBufferToBeCopiedTo) {  // E6
  ASSERT_TRUE(kernel.deliver_block(numbered(1, 0, 6)));
  relay.reap();
  relay.hand_over();
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  EXPECT_EQ(relay.dropped(of, EgressDrop::queue_full), 2U) << "4 buffers";
  relay.hand_over();
  EXPECT_EQ(kernel.provided_blocks.size(), 2U);
  kernel.end_oldest(kernel.waits, Outcome::ok);
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{0, 1, 2, 3})) << "the newest were dropped";
  relay.drain();
}

TEST_F(RingIngress, ABlockedOutputHoldsNoBlockAndStallsNoOther) {
  const RouteIndex other = relay.route(2, {2});
  ASSERT_TRUE(kernel.deliver_block(numbered(1, 0, 1)));
  relay.reap();
  relay.hand_over();
  kernel.end_send(Outcome::refused, EAGAIN);
  relay.reap();
  for (std::uint32_t round = 0; round < 50; ++round) {
    std::vector<BlockFrame> frames = numbered(1, 1 + round, 1);
    frames.push_back(numbered(2, 100 + round, 1).front());
    ASSERT_TRUE(kernel.deliver_block(frames)) << "round " << round << ": no block came back";
    relay.reap();
    relay.hand_over();
    kernel.end_all_sends();
    relay.reap();
    relay.hand_over();
  }
  EXPECT_EQ(relay.counters(other).sent, 50U);
  EXPECT_EQ(relay.counters(of).sent, 0U);
  EXPECT_EQ(
      relay.dropped(of, EgressDrop::queue_full) + relay.stage->egress().pending(relay.output(of)),
      51U);
}

TEST_F(RingIngress, EndsWithTheBlockThatACancelledReceiveHadBegun) {  // I9
  ASSERT_TRUE(kernel.deliver_block(numbered(1, 0, 2), true));
  relay.reap();
  relay.stage->stop();
  relay.hand_over();
  ASSERT_EQ(kernel.cancels.size(), 1U);
  ASSERT_TRUE(kernel.deliver_block({}, false));
  kernel.carry_out_cancels();
  relay.reap();
  relay.drain();
  EXPECT_TRUE(relay.stage->is_stopped());
  EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
}

TEST(SwitchedInput, OnlyOneOfTheTwoIsReceivedFrom) {  // N6
  StageConfig config = with_ring();
  config.pool = 8;
  StageOnPlayedKernel relay(config);  // its own input has the ring
  const InputIndex frames =
      relay.stage
          ->add_input({.socket = SocketIndex{7}, .is_paused = true, .routes_of = relay.input})
          .value();
  const RouteIndex of = relay.route(1, {1});
  relay.hand_over();
  ASSERT_EQ(relay.kernel.receives.size(), 1U);
  EXPECT_EQ(relay.kernel.provided.size(), 4U) << "half of the buffers; the rest is copied to";

  relay.stage->pause_input(relay.input);
  relay.stage->resume_input(frames);
  relay.hand_over();
  ASSERT_EQ(relay.kernel.receives.size(), 2U);
  EXPECT_EQ(relay.kernel.receives[1].submission.socket, SocketIndex{7});
  relay.kernel.carry_out_cancels();
  relay.reap();
  ASSERT_EQ(relay.kernel.receives.size(), 1U) << "the ring's has ended";
  relay.hand_over();
  EXPECT_EQ(relay.kernel.receives.size(), 1U) << "and is not armed again";
  relay.offer(1, 5);
  relay.drain();
  EXPECT_EQ(relay.counters(of).sent, 1U) << "by the route of the other input";
  EXPECT_EQ(relay.stage->input_frames(frames), 1U);
  EXPECT_EQ(relay.stage->input_frames(relay.input), 0U);

  relay.stage->pause_input(frames);
  relay.stage->resume_input(relay.input);
  relay.hand_over();
  relay.kernel.carry_out_cancels();
  relay.reap();
  ASSERT_EQ(relay.kernel.receives.size(), 1U);
  EXPECT_EQ(relay.kernel.receives[0].submission.operation, Operation::packet_ring_receive);
  relay.stage->stop();
  relay.drain();
  EXPECT_TRUE(relay.stage->is_stopped());
  EXPECT_TRUE(relay.stage->laws_hold());
}

TEST(SwitchedInput, APauseThatIsTakenBackBeforeItsReceiveEndedArmsItAgain) {
  StageOnPlayedKernel relay;
  relay.route(1, {1});
  relay.hand_over();
  relay.stage->pause_input(relay.input);
  relay.hand_over();
  relay.stage->resume_input(relay.input);
  relay.kernel.carry_out_cancels();
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(relay.kernel.receives.size(), 1U);
}

}  // namespace
}  // namespace reprise::engine
