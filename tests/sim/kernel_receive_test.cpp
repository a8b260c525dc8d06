// Receives: K5 of kernel.hpp, and when frames reach provided buffers.
#include <gtest/gtest.h>

#include <array>

#include "kernel_fixture.hpp"
#include "reprise/engine/packet.hpp"

namespace reprise::sim {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::RegionIndex;

TEST(KernelReceive, AReceiveWithoutABufferEndsAndWhatArrivesWaitsInTheSocket) {  // K5
  OneKernel one;
  one.provide(4);
  one.arm_receive(6);
  for (std::uint64_t sequence = 0; sequence < 6; ++sequence) EXPECT_TRUE(one.arrive(sequence));
  one.run_work();
  const std::vector<Posted> posted = one.collect();
  ASSERT_EQ(posted.size(), 5U);
  for (std::uint32_t place = 0; place < 4; ++place) {
    EXPECT_EQ(posted[place].outcome, Outcome::ok);
    EXPECT_EQ(posted[place].region, RegionIndex{kFirstProvided + place});
    EXPECT_EQ(posted[place].packet.sequence, place);
    EXPECT_EQ(posted[place].more, 1U);
  }
  EXPECT_EQ(posted[4].outcome, Outcome::no_buffer);
  EXPECT_EQ(posted[4].more, 0U) << "it must be armed again";
  EXPECT_EQ(posted[4].region, engine::kNoRegion);
  EXPECT_EQ(one.kernel().socket_backlog(), 2U);
  EXPECT_EQ(one.kernel().found_no_buffer(), 2U);
  one.provide(3);
  one.arm_receive(7);
  EXPECT_EQ(one.reap(), (Reaped{{7, Outcome::ok}, {7, Outcome::ok}}));
  EXPECT_EQ(one.kernel().socket_backlog(), 0U);
  EXPECT_EQ(one.kernel().found_no_buffer(), 2U) << "each is counted once";
}

TEST(KernelReceive, AReceiveThatTakesTheLastBufferEndsThoughNothingElseWaits) {  // K5
  for (const bool ends : {true, false}) {
    KernelConfig config = small_kernel();
    config.profile.receive_ends_with_last_region = ends;
    OneKernel one(config);
    one.provide(2);
    one.arm_receive(6);
    one.arrive(0);
    one.arrive(1);
    one.run_work();
    Reaped expected{{6, Outcome::ok}, {6, Outcome::ok}};
    if (ends) expected.emplace_back(6, Outcome::no_buffer);
    EXPECT_EQ(one.reap(), expected);
    EXPECT_EQ(one.kernel().found_no_buffer(), 0U);
  }
}

TEST(KernelReceive, ArrivalsBeyondTheSocketBufferAreDroppedAndCounted) {  // K5
  OneKernel one;
  for (std::uint64_t sequence = 0; sequence < 8; ++sequence) EXPECT_TRUE(one.arrive(sequence));
  EXPECT_FALSE(one.arrive(8));
  EXPECT_EQ(one.kernel().kernel_drops(), 1U);
  EXPECT_EQ(one.kernel().statistics(kInput).kernel_drops, 1U);
  EXPECT_EQ(one.kernel().arrived(), 9U);
  EXPECT_EQ(one.kernel().found_no_buffer(), 0U) << "nothing has been armed yet";
}

TEST(KernelReceive, AReceiveWhoseCompletionOverflowsEndsWithIt) {  // K6
  KernelConfig config = small_kernel();
  config.rings.front().completions_max = 2;
  OneKernel one(config);
  one.provide(8);
  one.arm_receive(1);
  for (std::uint64_t sequence = 0; sequence < 4; ++sequence) one.arrive(sequence);
  one.run_work();
  const std::vector<Posted> posted = one.collect();
  ASSERT_EQ(posted.size(), 3U);
  EXPECT_EQ(posted[1].more, 1U);
  EXPECT_EQ(posted[2].outcome, Outcome::ok);
  EXPECT_EQ(posted[2].more, 0U) << "with a frame, and without having asked for it";
  EXPECT_EQ(one.kernel().socket_backlog(), 1U);
}

TEST(KernelReceive, AFrameAboveTheRegionIsCutWithoutAnError) {
  KernelConfig config = small_kernel();
  config.region_bytes = 512;
  config.packet_sockets.front().buffer_bytes = 212'992;
  OneKernel one(config);
  one.provide(3);
  one.arm_receive(1);
  one.arrive(0, 470);  // 512 with its header
  one.arrive(1, 471);
  one.run_work();
  const std::vector<Posted> posted = one.collect();
  ASSERT_EQ(posted.size(), 2U);
  for (const Posted& each : posted) {
    EXPECT_EQ(each.outcome, Outcome::ok);
    EXPECT_EQ(each.more, 1U);
    EXPECT_EQ(each.result_bytes, 512U);
  }
  EXPECT_EQ(posted[1].packet.payload_bytes, 471U);
}

TEST(KernelReceive, AOneShotReceiveTakesOneFrame) {
  OneKernel one;
  one.provide(4);
  one.arm_receive(1, 0);
  one.arm_receive(2, 0);
  one.arrive(0);
  one.run_work();
  const std::vector<Posted> posted = one.collect();
  ASSERT_EQ(posted.size(), 1U);
  EXPECT_EQ(posted[0].token.slot, 2U) << "the one armed last";
  EXPECT_EQ(posted[0].more, 0U);
  one.arrive(1);
  one.run_work();
  EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::ok));
  one.arrive(2);
  one.run_work();
  EXPECT_EQ(one.reap(), Reaped{}) << "nothing is armed any more";
}

TEST(KernelReceive, AOneShotReceiveWithoutABufferEndsToo) {
  OneKernel one;
  one.arm_receive(1, 0);
  EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::no_buffer));
}

TEST(KernelReceive, WhenItsDeviceGoesDownAReceiveEndsAndCanBeArmedAgain) {
  OneKernel one;
  one.provide(2);
  one.arm_receive(1);
  one.kernel().set_receiver_down(kInput);
  one.run_work();
  EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::unreachable));
  one.arm_receive(2);
  one.arrive(5);
  one.run_work();
  EXPECT_EQ(one.reap(), all_ended(2, 2, Outcome::ok));
}

TEST(KernelReceive, ADeviceThatWentDownUnheardIsToldToTheNextReceiveOnce) {
  OneKernel one;
  one.provide(2);
  one.kernel().set_receiver_down(kInput);
  one.arm_receive(1);
  EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::unreachable));
  one.arm_receive(2);
  EXPECT_EQ(one.reap(), Reaped{});
}

TEST(KernelReceive, WaitReadableEndsWithTheFirstFrameAndTakesNone) {
  OneKernel one;
  one.prepare(Operation::wait_readable, 1, kInput);
  one.submit();
  EXPECT_EQ(one.reap(), Reaped{});
  one.arrive(0);
  one.run_work();
  EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::ok));
  EXPECT_EQ(one.kernel().socket_backlog(), 1U);
}

// Task run.

TEST(KernelReceive, FramesReachBuffersWhenTheTaskRunsItsWork) {
  struct Case {
    TaskRun task_run;
    bool submit_alone_runs_work;
  };
  for (const Case& each : std::array<Case, 3>{
           {{TaskRun::plain, true}, {TaskRun::cooperative, true}, {TaskRun::deferred, false}}}) {
    KernelConfig config = small_kernel();
    config.profile.task_run = each.task_run;
    OneKernel one(config);
    one.provide(4);
    one.arm_receive(1);
    one.arrive(0);
    EXPECT_EQ(one.kernel().completion_count(kRing), 0U) << "it is work, whoever comes to it";
    EXPECT_EQ(one.kernel().runs_work(false), each.submit_alone_runs_work);
    EXPECT_TRUE(one.kernel().runs_work(true));
    one.submit();
    EXPECT_EQ(one.kernel().completion_count(kRing), each.submit_alone_runs_work ? 1U : 0U);
    one.run_work();
    EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::ok));
  }
}

/// How many of 32 frames that a multishot receive has been woken for a wait counts.
std::uint32_t counted_by_a_wait(TaskRun task_run) {
  KernelConfig config = small_kernel();
  config.profile.task_run = task_run;
  config.packet_sockets.front().buffer_bytes = buffer_for(40);
  config.rings.front().completions_max = 64;
  config.regions = kFirstProvided + 40;
  OneKernel one(config);
  one.provide(40);
  one.arm_receive(1);
  for (std::uint64_t sequence = 0; sequence < 32; ++sequence) one.arrive(sequence);
  if (task_run == TaskRun::plain) one.run_work();
  return one.kernel().ready_count(kRing);
}

TEST(KernelReceive, ADeferredWaitForThirtyTwoFramesOfOneReceiveSeesOneAndOnlyTimesOut) {
  EXPECT_EQ(counted_by_a_wait(TaskRun::plain), 32U);
  EXPECT_EQ(counted_by_a_wait(TaskRun::deferred), 1U) << "one entry of work, whatever it holds";
}

TEST(KernelReceive, AWaitCountsEveryCompletion) {
  OneKernel one;
  one.provide(4);
  one.arm_receive(1);
  one.prepare_sends(2, 4);
  one.submit();
  one.arrive(0);
  one.run_work();
  EXPECT_EQ(one.kernel().ready_count(kRing), 3U) << "two sends and a frame";
}

// Giant frames.

TEST(KernelReceive, AMergedFrameArrivesWholeWithItsSegmentSize) {
  OneKernel one;
  one.provide(2);
  one.arm_receive(1);
  one.arrive_merged(0, 46 * 1400, 1400);
  one.run_work();
  const Posted posted = one.collect().at(0);
  EXPECT_EQ(posted.packet.segment_bytes, 1400U);
  EXPECT_EQ(posted.packet.payload_bytes, 46U * 1400U);
  EXPECT_EQ(posted.result_bytes, kHeaderBytes + 46U * 1400U);
}

TEST(KernelReceive, AMergedFrameIsCutToASmallerRegion) {
  KernelConfig config = small_kernel();
  config.region_bytes = 2048;
  OneKernel one(config);
  one.provide(2);
  one.arm_receive(1);
  one.arrive_merged(0, 46 * 1400, 1400);
  one.run_work();
  const Posted posted = one.collect().at(0);
  EXPECT_EQ(posted.outcome, Outcome::ok);
  EXPECT_EQ(posted.result_bytes, 2048U);
}

TEST(KernelReceive, EveryDatagramOfAMergedFrameCanBeSentOn) {
  KernelConfig config = small_kernel();
  config.regions = kFirstProvided + 2;
  config.region_bytes = config.visible_bytes = 4096;
  OneKernel one(config);
  one.provide(2);
  one.arm_receive(1);
  one.arrive_merged(40, 2500, 1000);
  one.run_work();
  const RegionIndex region = one.collect().at(0).region;
  for (std::uint32_t place = 0; place < 3; ++place) {
    const engine::Slice slice{region, kHeaderBytes + place * 1000, place < 2 ? 1000U : 500U};
    engine::Submission submission;
    submission.operation = Operation::send;
    submission.socket = kOutput;
    one.kernel().prepare(kRing, submission, {&slice, 1});
    one.submit();
    const Packet packet = one.drain_packets().at(0);
    EXPECT_EQ(packet.sequence, 40U + place);
    EXPECT_EQ(packet.damaged, 0U);
  }
}

// What lies in a region.

TEST(KernelReceive, FramesCarryHeadersThatTheEngineReadsAndATagThatSurvives) {
  OneKernel one;
  one.provide(2);
  one.arm_receive(1);
  one.arrive(77);
  one.run_work();
  const Posted posted = one.collect().front();
  const engine::PacketMemory memory = one.kernel().memory();
  const auto bytes = memory.bytes({posted.region, 0, kHeaderBytes + kPayload});
  EXPECT_EQ(bytes.size(), kVisibleBytes);
  const auto datagram =
      engine::parse({bytes, kHeaderBytes + kPayload, kHeaderBytes + kPayload, false});
  ASSERT_TRUE(datagram.has_value());
  EXPECT_EQ(datagram->destination, group_of(0, 0));
  EXPECT_EQ(datagram->destination_port, kPort);
  EXPECT_EQ(datagram->payload_length_bytes, kPayload);
  const engine::Slice payload{posted.region, kHeaderBytes, kPayload};
  engine::Submission submission;
  submission.operation = Operation::send;
  submission.socket = kOutput;
  one.kernel().prepare(kRing, submission, {&payload, 1});
  one.submit();
  const std::vector<Packet> packets = one.drain_packets();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0].sequence, 77U);
  EXPECT_EQ(packets[0].damaged, 0U);
}

TEST(KernelReceive, AnAlteredPayloadIsSeenAtTheEnd) {
  OneKernel one;
  one.provide(2);
  one.arm_receive(1);
  one.arrive(77);
  one.run_work();
  const RegionIndex region = one.collect().front().region;
  for (const engine::Slice slice :
       {engine::Slice{region, kHeaderBytes + 1, kPayload},
        engine::Slice{region, kHeaderBytes, kPayload - 1}, engine::Slice{region, kHeaderBytes, 8},
        engine::Slice{region, kVisibleBytes, kPayload}}) {
    engine::Submission submission;
    submission.operation = Operation::send;
    submission.socket = kOutput;
    one.kernel().prepare(kRing, submission, {&slice, 1});
    one.submit();
    EXPECT_EQ(one.drain_packets().at(0).damaged, 1U);
  }
}

}  // namespace
}  // namespace reprise::sim
