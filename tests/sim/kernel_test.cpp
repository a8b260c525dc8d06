// K1 … K6 of kernel.hpp.
#include "reprise/sim/kernel.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <vector>

#include "reprise/engine/packet.hpp"
#include "reprise/sim/kernel_backend.hpp"

namespace reprise::sim {
namespace {

constexpr RingIndex kRing{0};

using engine::Instant;
using engine::Operation;
using engine::Outcome;
using engine::RegionIndex;
using engine::Slice;
using engine::SocketIndex;
using engine::Submission;
using engine::SubmissionFlags;
using engine::Token;

constexpr std::uint32_t kPayload = 400;
constexpr std::uint8_t kSendFlags = SubmissionFlags::kDoNotWait;

struct KernelValue {
  Kernel kernel;
  void place(engine::FlatLayout& layout, const KernelConfig& config) {
    kernel.place(layout, config);
  }
  void start(const KernelConfig& config) { kernel.start(config); }
};

KernelConfig small_kernel() {
  KernelConfig config;
  config.node.stage.pool = 16;
  config.node.stage.submissions_max = 16;
  config.node.stage.batch = 16;
  config.node.stage.outputs_max = 4;
  config.node.fan_out = 2;
  config.node.completions_max = 8;
  config.node.send_buffer_bytes = 4608;  // refuses with five of these datagrams in it
  config.node.receive_buffer_bytes = 8 * buffer_bytes(kPayload);
  config.node.link.bits_per_second = 1'000'000'000;
  config.payload_bytes = {kPayload, kPayload};
  return config;
}

/// A kernel with the test as the only thread on it.
class OneKernel {
 public:
  explicit OneKernel(const KernelConfig& config = small_kernel()) : value_(config) {
    for (std::uint32_t region = 0; region < 4; ++region) kernel().provide(RegionIndex{region});
  }
  Kernel& kernel() { return value_->kernel; }

  void prepare(Operation operation, std::uint32_t slot, std::uint32_t socket,
               std::uint8_t flags = 0, Slice slice = {}) {
    Submission submission;
    submission.operation = operation;
    submission.token = {slot, 1};
    submission.socket = SocketIndex{socket};
    submission.flags = flags;
    submission.slice_count = slice.region == engine::kNoRegion ? 0 : 1;
    kernel().prepare(kRing, submission, slice);
  }
  void prepare_send(std::uint32_t slot, std::uint32_t socket = 1, std::uint8_t flags = kSendFlags) {
    prepare(Operation::send, slot, socket, flags, {RegionIndex{0}, kHeaderBytes, kPayload});
  }
  /// Carries out everything prepared; the outcomes.
  std::vector<Outcome> submit() {
    std::vector<Outcome> outcomes;
    while (kernel().prepared_count(kRing) > 0) {
      outcomes.push_back(kernel().execute_next(kRing, now, choices).outcome);
    }
    return outcomes;
  }
  /// Reaps everything: token slots and outcomes.
  std::vector<std::pair<std::uint32_t, Outcome>> reap() {
    std::vector<std::pair<std::uint32_t, Outcome>> reaped;
    while (kernel().completion_count(kRing) > 0) {
      const Kernel::Posted posted = kernel().reap(kRing);
      reaped.emplace_back(posted.token.slot, posted.outcome);
    }
    return reaped;
  }
  void arm_receive(std::uint32_t slot = 0) {
    prepare(Operation::receive, slot, 0, SubmissionFlags::kMultishot);
    submit();
  }
  bool arrive(std::uint64_t sequence, bool waiting = true) {
    return kernel().arrive({sequence, 0, kPayload, 0, 0}, waiting);
  }
  /// Fills the send buffer of a socket; how many datagrams it took.
  std::uint32_t fill(std::uint32_t socket) {
    for (std::uint32_t taken = 0;; ++taken) {
      prepare_send(99, socket);
      if (submit().front() == Outcome::refused) return taken;
    }
  }

  Instant now;
  Listed choices{{}};

 private:
  engine::Flat<KernelValue> value_;
};

using Reaped = std::vector<std::pair<std::uint32_t, Outcome>>;

TEST(Kernel, ASendIsDoneInsideTheSubmitInOrder) {  // K1
  OneKernel one;
  for (std::uint32_t slot = 1; slot <= 3; ++slot) one.prepare_send(slot);
  EXPECT_EQ(one.kernel().completion_count(kRing), 0U);
  one.submit();
  EXPECT_EQ(one.reap(), (Reaped{{1, Outcome::ok}, {2, Outcome::ok}, {3, Outcome::ok}}));
  EXPECT_EQ(one.kernel().sent(), 3U);
}

TEST(Kernel, ASendWithoutRoomIsRefusedInsideTheSubmit) {  // K1, K3
  OneKernel one;
  EXPECT_EQ(one.fill(1), 5U);
  EXPECT_EQ(one.reap().back(), (std::pair{99U, Outcome::refused}));
  EXPECT_EQ(one.kernel().sent(), 5U);
}

TEST(Kernel, ALinkedChainStopsAtTheFirstThatDoesNotEndOk) {  // K2
  OneKernel one;
  one.fill(1);
  one.reap();
  one.prepare_send(1, 3, kSendFlags | SubmissionFlags::kLinked);
  one.prepare_send(2, 1, kSendFlags | SubmissionFlags::kLinked);
  one.prepare_send(3, 3, kSendFlags | SubmissionFlags::kLinked);
  one.prepare_send(4, 3, kSendFlags);
  one.prepare_send(5, 3, kSendFlags);
  EXPECT_EQ(one.submit(), (std::vector{Outcome::ok, Outcome::refused, Outcome::cancelled,
                                       Outcome::cancelled, Outcome::ok}));
  EXPECT_EQ(one.reap().size(), 5U);
}

TEST(Kernel, ABrokenChainDoesNotBreakTheNext) {  // K2
  OneKernel one;
  one.fill(1);
  one.prepare_send(1, 1, kSendFlags);  // the last of its chain
  one.prepare_send(2, 3, kSendFlags | SubmissionFlags::kLinked);
  one.prepare_send(3, 3, kSendFlags);
  EXPECT_EQ(one.submit(), (std::vector{Outcome::refused, Outcome::ok, Outcome::ok}));
}

TEST(Kernel, ADatagramOccupiesTheSendBufferUntilItLeavesTheDevice) {  // K3
  OneKernel one;
  one.fill(1);
  EXPECT_FALSE(one.kernel().step_link(0).delivered) << "the first to depart";
  one.prepare_send(1, 1);
  EXPECT_EQ(one.submit(), std::vector{Outcome::ok});
  one.prepare_send(2, 1);
  EXPECT_EQ(one.submit(), std::vector{Outcome::refused});
  one.prepare_send(3, 3);
  EXPECT_EQ(one.submit(), std::vector{Outcome::ok}) << "another socket on the same link has room";
}

TEST(Kernel, WritableMeansLessThanHalfFull) {  // K3
  OneKernel one;
  one.fill(1);
  one.reap();
  one.prepare(Operation::wait_writable, 7, 1);
  one.submit();
  EXPECT_TRUE(one.reap().empty());
  std::uint32_t departed = 0;
  while (one.kernel().completion_count(kRing) == 0) {
    if (!one.kernel().step_link(0).delivered) ++departed;
  }
  EXPECT_EQ(departed, 3U) << "2 of 5 are less than half of 4608 bytes";
  EXPECT_EQ(one.reap(), (Reaped{{7, Outcome::ok}}));
  one.prepare(Operation::wait_writable, 8, 1);
  one.submit();
  EXPECT_EQ(one.reap(), (Reaped{{8, Outcome::ok}})) << "at once where it is so already";
}

TEST(Kernel, AFrameBeyondTheQueueIsDroppedAndSuccessReported) {  // K4
  KernelConfig config = small_kernel();
  config.node.link.queue = 3;
  OneKernel one(config);
  for (std::uint32_t slot = 0; slot < 5; ++slot) one.prepare_send(slot);
  EXPECT_EQ(one.submit(), std::vector<Outcome>(5, Outcome::ok));
  EXPECT_EQ(one.kernel().queue_drops(), 2U);
  EXPECT_EQ(one.kernel().sent(), 5U);
  EXPECT_EQ(one.kernel().travelling(), 3U);
}

TEST(Kernel, WhatTravelsIsNoLongerInTheQueue) {  // K4
  KernelConfig config = small_kernel();
  config.node.link.queue = 3;
  config.node.link.delay_ns = 1'000'000;
  OneKernel one(config);
  std::uint64_t delivered = 0;
  for (std::uint32_t slot = 0; slot < 100; ++slot) {
    one.prepare_send(slot);
    one.submit();
    one.reap();
    one.now = one.now + engine::Duration{10'000};
    while (one.kernel().next_link_instant(0) <= one.now) {
      if (one.kernel().step_link(0).delivered) ++delivered;
    }
  }
  EXPECT_EQ(delivered, 0U);
  EXPECT_EQ(one.kernel().travelling(), 100U);
  EXPECT_EQ(one.kernel().queue_drops(), 0U);
}

TEST(Kernel, ALinkSerialisesThenDelays) {
  KernelConfig config = small_kernel();
  config.node.link.delay_ns = 5000;
  OneKernel one(config);
  one.now = Instant{1000};
  one.prepare_send(1);
  one.prepare_send(2);
  one.submit();
  constexpr std::int64_t kOnWire = std::int64_t{kPayload + kHeaderBytes + 24} * 8;  // 1 Gbit/s
  EXPECT_EQ(one.kernel().next_link_instant(0), Instant{1000 + kOnWire});
  one.kernel().step_link(0);
  EXPECT_EQ(one.kernel().next_link_instant(0), Instant{1000 + 2 * kOnWire});
  one.kernel().step_link(0);
  EXPECT_EQ(one.kernel().next_link_instant(0), Instant{1000 + kOnWire + 5000});
  EXPECT_TRUE(one.kernel().step_link(0).delivered);
  EXPECT_TRUE(one.kernel().step_link(0).delivered);
  EXPECT_EQ(one.kernel().next_link_instant(0), engine::kNever);
}

TEST(Kernel, AStalledLinkTakesNothingUntilTheStallEnds) {
  KernelConfig config = small_kernel();
  config.node.link.bits_per_second = 0;
  config.node.link.stalls = {{100, 50}, {150, 50}, {1000, 10}};
  OneKernel one(config);
  const std::array<std::pair<std::int64_t, std::int64_t>, 5> departures{
      {{99, 99}, {100, 200}, {120, 200}, {200, 200}, {1005, 1010}}};
  for (const auto& [at, departs] : departures) {
    one.now = Instant{at};
    one.prepare_send(1);
    one.submit();
    EXPECT_EQ(one.kernel().next_link_instant(0), Instant{departs});
    one.kernel().step_link(0);
    EXPECT_TRUE(one.kernel().step_link(0).delivered);
  }
}

TEST(Kernel, AReceiveWithoutABufferEndsAndWhatArrivesWaitsInTheSocket) {  // K5
  OneKernel one;
  one.arm_receive(6);
  for (std::uint64_t sequence = 0; sequence < 6; ++sequence) EXPECT_TRUE(one.arrive(sequence));
  const Reaped reaped = one.reap();
  ASSERT_EQ(reaped.size(), 5U);
  EXPECT_EQ(reaped[3], (std::pair{6U, Outcome::ok}));
  EXPECT_EQ(reaped[4], (std::pair{6U, Outcome::no_buffer}));
  EXPECT_EQ(one.kernel().socket_backlog(), 2U);
  EXPECT_EQ(one.kernel().found_no_buffer(), 2U);
  one.kernel().provide(RegionIndex{9});
  one.kernel().provide(RegionIndex{10});
  one.arm_receive(7);
  EXPECT_EQ(one.kernel().receive(kRing).frames, 2U);
  EXPECT_EQ(one.kernel().socket_backlog(), 0U);
  EXPECT_EQ(one.kernel().found_no_buffer(), 2U) << "each is counted once";
  one.reap();
  one.arrive(6);
  one.arrive(7);
  EXPECT_EQ(one.kernel().found_no_buffer(), 4U);
}

TEST(Kernel, AReceiveThatTakesTheLastBufferEndsThoughNothingElseWaits) {  // K5
  OneKernel one;
  one.arm_receive(6);
  for (std::uint64_t sequence = 0; sequence < 4; ++sequence) EXPECT_TRUE(one.arrive(sequence));
  EXPECT_EQ(one.reap().back(), (std::pair{6U, Outcome::no_buffer}));
  EXPECT_EQ(one.kernel().found_no_buffer(), 0U);
}

TEST(Kernel, ArrivalsBeyondTheSocketBufferAreDroppedAndCounted) {  // K5
  OneKernel one;
  for (std::uint64_t sequence = 0; sequence < 8; ++sequence) EXPECT_TRUE(one.arrive(sequence));
  EXPECT_FALSE(one.arrive(8));
  EXPECT_EQ(one.kernel().kernel_drops(), 1U);
  EXPECT_EQ(one.kernel().statistics(SocketIndex{0}).kernel_drops, 1U);
  EXPECT_EQ(one.kernel().arrived(), 9U);
  EXPECT_EQ(one.kernel().found_no_buffer(), 0U) << "nothing has been armed yet";
}

TEST(Kernel, ArrivalsReachBuffersOnlyWhenTheThreadIsInTheKernel) {
  for (const bool at_enter : {true, false}) {
    KernelConfig config = small_kernel();
    config.profile.receives_at_enter = at_enter;
    OneKernel one(config);
    one.arm_receive();
    one.arrive(0, false);
    EXPECT_EQ(one.kernel().completion_count(kRing), at_enter ? 0U : 1U);
    one.arrive(1, true);
    EXPECT_EQ(one.kernel().completion_count(kRing), 2U);
  }
}

TEST(Kernel, CompletionsBeyondTheQueueComeLaterInOrder) {  // K6
  OneKernel one;
  Reaped expected;
  for (std::uint32_t slot = 0; slot < 12; ++slot) {
    one.prepare_send(slot, slot < 6 ? 1 : 2);
    expected.emplace_back(slot, slot % 6 < 5 ? Outcome::ok : Outcome::refused);
  }
  one.submit();
  EXPECT_EQ(one.kernel().overflows(kRing), 4U);
  EXPECT_EQ(one.reap(), expected);
}

TEST(Kernel, ACancelEndsAReceiveOrAWaitAndSaysWhenThereIsNone) {
  OneKernel one;
  one.arm_receive(1);
  one.fill(1);
  one.reap();
  one.prepare(Operation::wait_writable, 2, 1);
  one.submit();
  for (const std::uint32_t target : {1U, 2U, 3U}) {
    Submission cancel;
    cancel.operation = Operation::cancel;
    cancel.token = {10 + target, 1};
    cancel.target = {target, 1};
    one.kernel().prepare(kRing, cancel, {});
  }
  one.submit();
  EXPECT_EQ(one.reap(), (Reaped{{1, Outcome::cancelled},
                                {11, Outcome::ok},
                                {2, Outcome::cancelled},
                                {12, Outcome::ok},
                                {13, Outcome::invalid}}));
}

TEST(Kernel, WhatItsLimitsDoNotNameIsInvalid) {
  OneKernel one;
  EXPECT_TRUE(one.kernel().limits().supports(Operation::send));
  EXPECT_FALSE(one.kernel().limits().supports(Operation::segmented_send));
  one.prepare(Operation::segmented_send, 1, 1);
  EXPECT_EQ(one.submit(), std::vector{Outcome::invalid});
}

TEST(Kernel, FramesCarryHeadersThatTheEngineReadsAndATagThatSurvives) {
  OneKernel one;
  one.arm_receive();
  one.arrive(77);
  const Kernel::Posted posted = one.kernel().reap(kRing);
  const engine::PacketMemory memory = one.kernel().memory();
  const auto bytes = memory.bytes({posted.region, 0, kHeaderBytes + kPayload});
  EXPECT_EQ(bytes.size(), kVisibleBytes);
  const auto datagram =
      engine::parse({bytes, kHeaderBytes + kPayload, kHeaderBytes + kPayload, false});
  ASSERT_TRUE(datagram.has_value());
  EXPECT_EQ(datagram->destination, group_of(0, 0));
  EXPECT_EQ(datagram->destination_port, kPort);
  EXPECT_EQ(datagram->payload_length_bytes, kPayload);
  one.prepare(Operation::send, 1, 1, kSendFlags, {posted.region, kHeaderBytes, kPayload});
  one.submit();
  one.kernel().step_link(0);
  const Packet packet = one.kernel().step_link(0).packet;
  EXPECT_EQ(packet.sequence, 77U);
  EXPECT_EQ(packet.damaged, 0U);
}

TEST(Kernel, AnAlteredPayloadIsSeenAtTheEnd) {
  OneKernel one;
  one.arm_receive();
  one.arrive(77);
  const Kernel::Posted posted = one.kernel().reap(kRing);
  for (const Slice slice :
       {Slice{posted.region, kHeaderBytes + 1, kPayload},
        Slice{posted.region, kHeaderBytes, kPayload - 1}, Slice{posted.region, kHeaderBytes, 8},
        Slice{posted.region, kVisibleBytes, kPayload}}) {
    one.prepare(Operation::send, 1, 1, kSendFlags, slice);
    one.submit();
    one.kernel().step_link(0);
    EXPECT_EQ(one.kernel().step_link(0).packet.damaged, 1U);
  }
}

TEST(KernelBackend, TakesChainsWholeOrNotAtAll) {  // I3
  KernelConfig config = small_kernel();
  config.node.link.stalls = {{0, 1'000'000'000}};  // nothing leaves, so the buffer fills
  OneKernel one(config);
  CostProfile costs;
  PhaseDetail detail;
  KernelBackend backend(one.kernel(), kRing, one.choices, costs, {}, detail);
  std::vector<Submission> submissions(20);
  for (Submission& submission : submissions) {
    submission.operation = Operation::send;
    submission.socket = SocketIndex{1};
    submission.flags = kSendFlags | SubmissionFlags::kLinked;
    submission.slice_count = 1;
  }
  submissions[9].flags = submissions[19].flags = kSendFlags;
  const std::vector<Slice> slices{{RegionIndex{0}, kHeaderBytes, kPayload}};
  EXPECT_EQ(backend.prepare({submissions, slices}), 10U) << "the queue has 16 entries";
  EXPECT_EQ(backend.submit().submitted, 10U);
  EXPECT_EQ(detail.submitted.size(), 10U);
  EXPECT_EQ(detail.sent, 5U);
  EXPECT_EQ(detail.refused, 1U);
}

/// Sends on sockets 1 and 3, a chain of three on each, in two calls, where the first chain pauses
/// after its first send. The slots in the order in which they ended.
std::vector<std::uint32_t> order_around_a_pause(bool second_call_waits) {
  KernelConfig config = small_kernel();
  config.profile.chain_pauses_per_million = 1;
  OneKernel one(config);
  CostProfile costs;
  PhaseDetail detail;
  // Of a million picks the last pauses; the list's end picks 0.
  Listed pause_first(std::vector<std::uint32_t>{999'999});
  KernelBackend backend(one.kernel(), kRing, pause_first, costs, {}, detail);
  for (std::uint32_t slot = 1; slot <= 3; ++slot) {
    one.prepare_send(slot, 1, slot < 3 ? kSendFlags | SubmissionFlags::kLinked : kSendFlags);
  }
  EXPECT_EQ(backend.submit().submitted, 3U);
  EXPECT_EQ(one.kernel().completion_count(kRing), 1U);
  EXPECT_EQ(detail.submitted.size(), 3U);
  for (std::uint32_t slot = 4; slot <= 6; ++slot) {
    one.prepare_send(slot, 3, slot < 6 ? kSendFlags | SubmissionFlags::kLinked : kSendFlags);
  }
  backend.submit_and_wait(second_call_waits ? 1 : 0, engine::kNever);
  EXPECT_EQ(one.kernel().paused_count(kRing), 0U);
  std::vector<std::uint32_t> slots;
  for (const auto& [slot, outcome] : one.reap()) {
    EXPECT_EQ(outcome, Outcome::ok);
    slots.push_back(slot);
  }
  return slots;
}

TEST(KernelBackend, ThePausedRestOfAChainRunsBehindWhatALaterCallHandsOver) {
  EXPECT_EQ(order_around_a_pause(false), (std::vector<std::uint32_t>{1, 4, 5, 6, 2, 3}));
  EXPECT_EQ(order_around_a_pause(true), (std::vector<std::uint32_t>{1, 4, 5, 6, 2, 3}));
}

TEST(KernelBackend, AWaitFinishesAChainThatPausedInTheSameCall) {
  KernelConfig config = small_kernel();
  config.profile.chain_pauses_per_million = 1;
  OneKernel one(config);
  CostProfile costs;
  PhaseDetail detail;
  Listed pause_first(std::vector<std::uint32_t>{999'999});
  KernelBackend backend(one.kernel(), kRing, pause_first, costs, {}, detail);
  one.prepare_send(1, 1, kSendFlags | SubmissionFlags::kLinked);
  one.prepare_send(2, 1);
  backend.submit_and_wait(1, engine::kNever);
  EXPECT_EQ(one.reap(), (Reaped{{1, Outcome::ok}, {2, Outcome::ok}}));
}

TEST(KernelBackend, RoomReturnsInTheMiddleOfASubmit) {  // K1
  KernelConfig config = small_kernel();
  config.node.link.bits_per_second = 1'000'000'000;
  OneKernel one(config);
  CostProfile costs;
  PhaseDetail detail;
  KernelBackend backend(one.kernel(), kRing, one.choices, costs, {}, detail);
  for (std::uint32_t slot = 0; slot < 16; ++slot) one.prepare_send(slot, 1);
  backend.submit();
  const Reaped reaped = one.reap();
  const auto refused = std::ranges::find(reaped, Outcome::refused, &Reaped::value_type::second);
  ASSERT_NE(refused, reaped.end());
  EXPECT_NE(std::ranges::find(refused, reaped.end(), Outcome::ok, &Reaped::value_type::second),
            reaped.end())
      << "a later send goes out after an earlier one was refused";
}

TEST(KernelBackend, ReapsNoMoreThanTheBatchHolds) {  // I8
  OneKernel one;
  CostProfile costs;
  PhaseDetail detail;
  one.arm_receive();
  for (std::uint64_t sequence = 0; sequence < 4; ++sequence) one.arrive(sequence);
  KernelBackend backend(one.kernel(), kRing, one.choices, costs, {}, detail);
  engine::CompletionBatch batch(3, 3);
  EXPECT_EQ(backend.reap(batch), 3U);
  EXPECT_EQ(batch.completions()[2].region, RegionIndex{2});
  EXPECT_EQ(batch.frames(batch.completions()[2]).size(), 1U);
  EXPECT_EQ(backend.reap(batch), 2U) << "the fourth frame, and the end of the receive";
  EXPECT_EQ(backend.reap(batch), 0U);
}

TEST(KernelBackend, EveryCostIsCharged) {
  const auto cost_of = [](std::int64_t CostProfile::* field, std::int64_t value) {
    OneKernel one;
    CostProfile costs;
    costs.*field = value;
    PhaseDetail detail;
    KernelBackend backend(one.kernel(), kRing, one.choices, costs, {}, detail);
    one.arm_receive();
    for (std::uint64_t sequence = 0; sequence < 2; ++sequence) one.arrive(sequence, false);
    std::vector<Submission> submissions(3);
    submissions[0].operation = Operation::provide;
    submissions[0].slice_count = 1;
    for (const std::size_t place : {1U, 2U}) {
      submissions[place].operation = Operation::send;
      submissions[place].socket = SocketIndex{1};
      submissions[place].flags = kSendFlags;
      submissions[place].slice_first = 1;
      submissions[place].slice_count = 1;
    }
    submissions[1].flags |= SubmissionFlags::kLinked;
    const std::vector<Slice> slices{{RegionIndex{9}, 0, 0}, {RegionIndex{0}, kHeaderBytes, 400}};
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
