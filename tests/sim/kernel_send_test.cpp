// Sends: K1, K3, K4, K7 of kernel.hpp.
#include <gtest/gtest.h>

#include <array>

#include "kernel_fixture.hpp"

namespace reprise::sim {
namespace {

using engine::Operation;
using engine::Outcome;

// Room.

TEST(KernelSend, ABufferTakesASendWhileItIsBelowItsLimit) {  // K3
  OneKernel one;
  EXPECT_EQ(one.fill(), 5U);
  EXPECT_EQ(one.send(), Outcome::refused);
  EXPECT_EQ(one.send({.socket = kOtherOutput}), Outcome::ok) << "another socket has room";
  one.depart();
  EXPECT_EQ(one.send(), Outcome::ok) << "until it leaves the device";
  EXPECT_EQ(one.send(), Outcome::refused);
  EXPECT_EQ(one.kernel().sent(), 7U);
}

TEST(KernelSend, ADatagramOccupiesOneOfThreeSizes) {  // K3
  const std::array<std::pair<std::uint32_t, std::uint32_t>, 7> sizes{
      {{16, 832}, {197, 832}, {198, 1280}, {645, 1280}, {646, 2304}, {1400, 2304}, {1472, 2304}}};
  for (const auto& [payload_bytes, size] : sizes) {
    EXPECT_EQ(buffer_bytes(payload_bytes), size);
    KernelConfig config = small_kernel();
    config.send_sockets.front().buffer_bytes = 20 * size;
    OneKernel one(config);
    EXPECT_EQ(one.fill(kOutput, payload_bytes), 20U) << payload_bytes;
  }
}

TEST(KernelSend, SixteenKilobytesAskedForHoldFifteenOfFourteenHundredBytes) {
  KernelConfig config = small_kernel();
  config.send_sockets.front().buffer_bytes = 32'768;  // SO_SNDBUF 16384 reads back so
  OneKernel one(config);
  EXPECT_EQ(one.fill(kOutput, 1400), 15U) << "and two more had left the device where 17 were seen";
}

TEST(KernelSend, WritableMeansThatHalfIsFree) {  // K3
  OneKernel one;
  one.fill();
  one.prepare(Operation::wait_writable, 7, kOutput);
  one.submit();
  std::uint32_t departed = 0;
  for (; one.kernel().work_count(kRing) == 0; ++departed) one.depart();
  EXPECT_EQ(departed, 3U) << "2 of 5 are at most half";
  one.run_work();
  EXPECT_EQ(one.reap(), all_ended(7, 7, Outcome::ok));
  one.prepare(Operation::wait_writable, 8, kOutput);
  one.submit();
  EXPECT_EQ(one.reap(), all_ended(8, 8, Outcome::ok)) << "at once where it is so already";
}

// Sends that wait for room.

/// `count` sends of 1400 bytes in one submit into a buffer of 32,768 bytes, at 1 Gbit/s, where two
/// frames leave the device while the submit runs. The order on the wire.
Slots order_of_parked_sends(std::uint32_t count, bool newest_first = true) {
  KernelConfig config = small_kernel();
  config.profile.retries_newest_first = newest_first;
  config.send_sockets.front().buffer_bytes = 32'768;
  config.rings.front().completions_max = 64;
  OneKernel one(config);
  one.send_ns = 1600;
  one.prepare_sends(0, count, {.flags = 0, .payload_bytes = 1400});
  one.submit();
  EXPECT_EQ(one.kernel().completion_count(kRing), 17U) << "the other completions are withheld";
  Slots order = one.drain();
  const Reaped reaped = one.reap();
  EXPECT_EQ(reaped.size(), count);
  for (std::uint32_t place = 0; place < reaped.size(); ++place) {
    EXPECT_EQ(reaped[place], std::pair(order[place], Outcome::ok)) << "they end as they leave";
  }
  return order;
}

TEST(KernelSend, ParkedSendsAreTriedAgainNewestFirstAndReversedOnceMore) {  // K1
  EXPECT_EQ(order_of_parked_sends(32), joined({run_of(0, 16), run_of(31, 24), run_of(17, 23)}));
  EXPECT_EQ(order_of_parked_sends(32, false), run_of(0, 31));
}

TEST(KernelSend, OfSixtyFourParkedSendsEveryRetryReversesTheRest) {  // K1
  EXPECT_EQ(order_of_parked_sends(64),
            joined({run_of(0, 16), run_of(63, 56), run_of(17, 24), run_of(55, 48), run_of(25, 32),
                    run_of(47, 40), run_of(33, 39)}));
}

TEST(KernelSend, ADeferredRingThatIsEnteredLateTriesAllParkedSendsOnce) {  // K1
  KernelConfig config = small_kernel();
  config.profile.task_run = TaskRun::deferred;
  config.send_sockets.front().buffer_bytes = 32'768;
  config.rings.front().completions_max = 64;
  OneKernel one(config);
  one.send_ns = 1600;
  one.prepare_sends(0, 32, {.flags = 0, .payload_bytes = 1400});
  one.submit();
  one.depart(0, one.kernel().link(0).waiting_count());
  EXPECT_EQ(one.kernel().work_count(kRing), 15U) << "woken, and nobody has come to it";
  EXPECT_EQ(one.drain(), joined({run_of(0, 16), run_of(31, 17)}));
}

TEST(KernelSend, AParkedSendIsNotWokenBeforeHalfIsFree) {  // K1, K3
  OneKernel one;
  one.fill();
  one.prepare_send(1, {.flags = 0});
  one.submit();
  one.depart(0, 2);
  EXPECT_EQ(one.kernel().work_count(kRing), 0U) << "there is room, but nobody is told";
  one.depart();
  EXPECT_EQ(one.kernel().work_count(kRing), 1U);
  one.run_work();
  EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::ok));
}

TEST(KernelSend, ALaterSendWithRoomGoesBeforeAParkedOne) {  // K1
  OneKernel one;
  one.fill();
  one.prepare_send(1, {.flags = 0});
  one.submit();
  one.depart();
  EXPECT_EQ(one.send({}, 2), Outcome::ok);
  EXPECT_EQ(one.drain(), joined({Slots(5, 0), Slots{2, 1}}));
}

// Worker threads (IOSQE_ASYNC).

KernelConfig parking_kernel() {
  KernelConfig config = small_kernel();
  config.send_sockets.front().buffer_bytes = 32'768;
  config.rings.front().completions_max = 64;
  return config;
}

TEST(KernelSend, AnAsyncSendIsNotDoneInsideTheSubmit) {
  OneKernel one;
  one.prepare_send(1, {.is_async = true});
  one.prepare_send(2);
  one.submit();
  EXPECT_EQ(one.reap(), all_ended(2, 2, Outcome::ok));
  EXPECT_EQ(one.kernel().worker_count(kRing), 1U);
  one.kernel().execute_worker(kRing, one.now, one.choices);
  EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::ok));
  EXPECT_EQ(one.drain(), (Slots{2, 1}));
}

TEST(KernelSend, AsyncSendsRunInAnyOrder) {
  OneKernel one;
  one.prepare_sends(1, 4, {.is_async = true});
  one.submit();
  Listed picks(std::vector<std::uint32_t>{2, 1});
  while (one.kernel().worker_count(kRing) > 0) {
    one.kernel().execute_worker(kRing, one.now, picks);
  }
  EXPECT_EQ(one.drain(), (Slots{3, 2, 1}));
}

TEST(KernelSend, TheParkedTailOfAsyncSendsIsReorderedToo) {
  OneKernel one(parking_kernel());
  one.prepare_sends(0, 24, {.flags = 0, .payload_bytes = 1400, .is_async = true});
  one.submit();
  while (one.kernel().worker_count(kRing) > 0) {
    one.kernel().execute_worker(kRing, one.now, one.choices);
  }
  EXPECT_EQ(one.reap(), all_ended(0, 14, Outcome::ok));
  EXPECT_EQ(one.drain(), joined({run_of(0, 14), run_of(23, 16), Slots{15}}));
}

TEST(KernelSend, AChainGoesOnBehindAnAsyncSend) {  // K2
  OneKernel one;
  one.prepare_send(1, {.flags = kDoNotWait | kLinked, .is_async = true});
  one.prepare_send(2, {.is_async = true});
  one.submit();
  EXPECT_EQ(one.reap(), Reaped{});
  one.kernel().execute_worker(kRing, one.now, one.choices);
  one.run_work();
  EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::ok));
  EXPECT_EQ(one.kernel().worker_count(kRing), 1U);
  one.kernel().execute_worker(kRing, one.now, one.choices);
  EXPECT_EQ(one.drain(), (Slots{1, 2}));
}

// What the queueing discipline and the device do.

TEST(KernelSend, AFrameBeyondTheQueueIsDroppedAndSuccessReported) {  // K4
  KernelConfig config = small_kernel();
  config.links[0].queue = 3;
  OneKernel one(config);
  one.prepare_sends(0, 5);
  one.submit();
  EXPECT_EQ(one.reap(), all_ended(0, 4, Outcome::ok));
  EXPECT_EQ(one.kernel().queue_drops(), 2U);
  EXPECT_EQ(one.kernel().sent(), 5U);
  EXPECT_EQ(one.kernel().travelling(), 3U);
  EXPECT_EQ(one.drain(), run_of(0, 2));
}

TEST(KernelSend, ASocketThatAsksForErrorsIsToldOfADrop) {  // K4
  KernelConfig config = small_kernel();
  config.links[0].queue = 1;
  config.send_sockets.front().tells_drops = true;
  OneKernel one(config);
  EXPECT_EQ(one.send(), Outcome::ok);
  EXPECT_EQ(one.send(), Outcome::no_buffer);
  EXPECT_EQ(one.kernel().queue_drops(), 1U);
}

TEST(KernelSend, WithoutCarrierASendIsReportedAndLost) {  // K7
  OneKernel one;
  one.kernel().set_carrier(0, false);
  for (std::uint32_t count = 0; count < 20; ++count) EXPECT_EQ(one.send(), Outcome::ok);
  EXPECT_EQ(one.kernel().link_losses(), 20U);
  one.kernel().set_carrier(0, true);
  EXPECT_EQ(one.send({}, 1), Outcome::ok);
  EXPECT_EQ(one.drain(), Slots{1});
}

TEST(KernelSend, ADeviceThatIsDownIsUnreachableUntilItIsUp) {  // K7
  OneKernel one;
  one.kernel().set_up(0, false);
  EXPECT_EQ(one.send(), Outcome::unreachable);
  EXPECT_EQ(one.send({.flags = 0}), Outcome::unreachable) << "it does not wait for it";
  EXPECT_EQ(one.send({.socket = kOtherOutput}), Outcome::ok);
  one.kernel().set_up(0, true);
  EXPECT_EQ(one.send(), Outcome::ok);
}

TEST(KernelSend, ADeviceWithoutItsAddressIsUnreachableUntilItIsBack) {  // K7
  OneKernel one;
  one.kernel().link(0).set_address(false);
  EXPECT_EQ(one.send(), Outcome::unreachable);
  one.kernel().link(0).set_address(true);
  EXPECT_EQ(one.send(), Outcome::ok);
}

TEST(KernelSend, AParkedSendEndsWhenItsDeviceGoesDown) {  // K1, K7
  OneKernel one;
  one.fill();
  one.prepare_send(1, {.flags = 0});
  one.submit();
  one.kernel().set_up(0, false);
  one.run_work();
  EXPECT_EQ(one.reap(), all_ended(1, 1, Outcome::unreachable));
}

TEST(KernelSend, ARefusedDatagramFailsTheNextSendAndOnlyThat) {
  OneKernel one;
  for (std::uint32_t round = 0; round < 3; ++round) {
    EXPECT_EQ(one.send({}, round), Outcome::ok);
    EXPECT_EQ(one.drain(), Slots{round});
    one.kernel().refuse(0);  // the ICMP error comes back
    EXPECT_EQ(one.send({}, 9), Outcome::connection_refused);
    EXPECT_EQ(one.drain(), Slots{}) << "it sent nothing";
  }
}

// Sizes.

TEST(KernelSend, ADatagramAboveTheMtuLeavesInFragmentsAndArrivesOnce) {
  OneKernel one;
  EXPECT_EQ(one.send({.payload_bytes = 1472}), Outcome::ok);
  EXPECT_EQ(one.kernel().link(0).waiting_count(), 1U);
  EXPECT_EQ(one.send({.payload_bytes = 1473}, 1), Outcome::ok);
  EXPECT_EQ(one.kernel().link(0).waiting_count(), 3U);
  EXPECT_EQ(one.send({.payload_bytes = 4000}, 2), Outcome::ok);
  EXPECT_EQ(one.kernel().link(0).waiting_count(), 6U);
  const std::vector<Packet> packets = one.drain_packets();
  ASSERT_EQ(packets.size(), 3U);
  EXPECT_EQ(packets[2].payload_bytes, 4000U);
}

TEST(KernelSend, ASocketThatForbidsFragmentsIsToldTooLarge) {
  KernelConfig config = small_kernel();
  config.send_sockets.front().forbids_fragments = true;
  OneKernel one(config);
  EXPECT_EQ(one.send({.payload_bytes = 1472}), Outcome::ok);
  EXPECT_EQ(one.send({.payload_bytes = 1473}), Outcome::too_large);
  one.kernel().link(0).set_mtu(9000);
  EXPECT_EQ(one.send({.payload_bytes = 1473}), Outcome::ok);
  one.kernel().link(0).set_mtu(1280);
  EXPECT_EQ(one.send({.payload_bytes = 1400}), Outcome::too_large);
}

TEST(KernelSend, FragmentsBeyondTwiceTheSendBufferFailAndNothingIsSent) {
  KernelConfig config = small_kernel();
  config.send_sockets.front().buffer_bytes = 32'768;
  OneKernel one(config);
  // The 30th fragment is the first that finds more than 65,536 bytes in use: 29 × 2304.
  EXPECT_EQ(one.send({.payload_bytes = 29 * 1480 - 8}), Outcome::ok);
  EXPECT_EQ(one.drain_packets().size(), 1U);
  EXPECT_EQ(one.send({.payload_bytes = 29 * 1480 - 7}), Outcome::no_buffer);
  EXPECT_EQ(one.drain_packets().size(), 0U);
  EXPECT_EQ(one.send({.flags = 0, .payload_bytes = 60'000}), Outcome::no_buffer)
      << "nor waited for";
}

TEST(KernelSend, WhatIsInTheBufferAlreadyCountsForFragments) {
  KernelConfig config = small_kernel();
  config.send_sockets.front().buffer_bytes = 32'768;
  OneKernel one(config);
  one.kernel().link(0).set_blocked(true, one.now);
  for (std::uint32_t count = 0; count < 14; ++count) one.send({.payload_bytes = 1400});
  EXPECT_EQ(one.send({.payload_bytes = 16 * 1480}), Outcome::no_buffer) << "17 and 14 are too many";
  EXPECT_EQ(one.send({.payload_bytes = 15 * 1480 - 8}), Outcome::ok);
}

TEST(KernelSend, NoDatagramIsLargerThanIpAllows) {
  KernelConfig config = small_kernel();
  config.send_sockets.front().buffer_bytes = 1'000'000;
  OneKernel one(config);
  EXPECT_EQ(one.send({.payload_bytes = 65'494}), Outcome::ok);
  EXPECT_EQ(one.send({.payload_bytes = 65'507}), Outcome::ok);
  EXPECT_EQ(one.send({.payload_bytes = 65'508}), Outcome::too_large);
}

// Segmented sends.

Outcome segmented(OneKernel& one, std::uint32_t segments, std::uint16_t segment_bytes,
                  std::uint32_t beyond = 0) {
  return one.send({.payload_bytes = segments * segment_bytes + beyond,
                   .operation = Operation::segmented_send,
                   .segment_bytes = segment_bytes});
}

KernelConfig roomy_kernel() {
  KernelConfig config = small_kernel();
  config.region_bytes = 80'000;
  config.send_sockets.front().buffer_bytes = 1'000'000;
  return config;
}

TEST(KernelSend, FortySixSegmentsOfFourteenHundredBytesAreTakenAndFortySevenAreTooLarge) {
  OneKernel one(roomy_kernel());
  EXPECT_EQ(segmented(one, 46, 1400), Outcome::ok);
  EXPECT_EQ(one.drain_packets().size(), 46U);
  EXPECT_EQ(segmented(one, 47, 1400), Outcome::too_large);
}

TEST(KernelSend, OneHundredAndTwentyEightSegmentsAreTakenAndOneMoreIsInvalid) {
  OneKernel one(roomy_kernel());
  EXPECT_EQ(segmented(one, 128, 64), Outcome::ok);
  EXPECT_EQ(one.drain_packets().size(), 128U);
  EXPECT_EQ(segmented(one, 129, 64), Outcome::invalid);
  EXPECT_EQ(segmented(one, 128, 64, 1), Outcome::invalid);
}

TEST(KernelSend, ASegmentAboveTheMtuIsTooLarge) {
  OneKernel one(roomy_kernel());
  EXPECT_EQ(segmented(one, 2, 1472), Outcome::ok);
  EXPECT_EQ(segmented(one, 2, 1473), Outcome::too_large) << "whoever allows fragments";
}

TEST(KernelSend, TheLastSegmentMayBeShorter) {
  OneKernel one(roomy_kernel());
  EXPECT_EQ(segmented(one, 2, 1000, 1), Outcome::ok);
  const std::vector<Packet> packets = one.drain_packets();
  ASSERT_EQ(packets.size(), 3U);
  EXPECT_EQ(packets[0].payload_bytes, 1000U);
  EXPECT_EQ(packets[2].payload_bytes, 1U);
}

TEST(KernelSend, ADeviceThatCarriesMergedFramesDeliversOne) {
  KernelConfig config = roomy_kernel();
  config.links[0].carries_merged = true;
  OneKernel one(config);
  EXPECT_EQ(segmented(one, 46, 1400), Outcome::ok);
  const std::vector<Packet> packets = one.drain_packets();
  ASSERT_EQ(packets.size(), 1U);
  EXPECT_EQ(packets[0].payload_bytes, 46U * 1400U);
  EXPECT_EQ(packets[0].segment_bytes, 1400U);
  EXPECT_EQ(packets[0].damaged, 0U);
}

TEST(KernelSend, ADeviceThatDoesNotCarryMergedFramesSplitsThem) {
  OneKernel one(roomy_kernel());
  one.prepare_send(
      5, {.payload_bytes = 2500, .operation = Operation::segmented_send, .segment_bytes = 1000});
  one.submit();
  const std::vector<Packet> packets = one.drain_packets();
  ASSERT_EQ(packets.size(), 3U);
  for (std::uint32_t place = 0; place < 3; ++place) {
    EXPECT_EQ(packets[place].sequence, 5U + place);
    EXPECT_EQ(packets[place].segment_bytes, 0U);
    EXPECT_EQ(packets[place].payload_bytes, place < 2 ? 1000U : 500U);
  }
}

TEST(KernelSend, ChecksumsArrivePartialUnlessADeviceFillsThemIn) {
  for (const bool fills : {true, false}) {
    KernelConfig config = small_kernel();
    config.links[0].fills_checksums = fills;
    OneKernel one(config);
    one.send();
    EXPECT_EQ(one.drain_packets().at(0).has_checksum, fills ? 1U : 0U);
  }
}

// Zero-copy sends.

TEST(KernelSend, AZeroCopySendHasASecondCompletionWhenItsDatagramHasLeft) {
  OneKernel one;
  one.prepare_send(1, {.operation = Operation::zero_copy_send});
  one.submit();
  std::vector<Posted> posted = one.collect();
  ASSERT_EQ(posted.size(), 1U);
  EXPECT_EQ(posted[0].outcome, Outcome::ok);
  EXPECT_EQ(posted[0].more, 1U);
  EXPECT_EQ(posted[0].result_bytes, kPayload);
  one.depart();
  one.run_work();
  posted = one.collect();
  ASSERT_EQ(posted.size(), 1U);
  EXPECT_EQ(posted[0].token.slot, 1U);
  EXPECT_EQ(posted[0].outcome, Outcome::ok);
  EXPECT_EQ(posted[0].more, 0U);
}

TEST(KernelSend, AZeroCopySendThatFailsOrIsLostHasTwoCompletionsToo) {
  for (const bool is_lost : {true, false}) {
    OneKernel one;
    if (is_lost) {
      one.kernel().set_carrier(0, false);
    } else {
      one.fill();
    }
    one.prepare_send(1, {.operation = Operation::zero_copy_send});
    one.submit();
    const std::vector<Posted> posted = one.collect();
    ASSERT_EQ(posted.size(), 2U);
    EXPECT_EQ(posted[0].outcome, is_lost ? Outcome::ok : Outcome::refused);
    EXPECT_EQ(posted[0].more, 1U);
    EXPECT_EQ(posted[1].more, 0U);
  }
}

}  // namespace
}  // namespace reprise::sim
