// N1 … N4 of ingress.hpp, with real frames.
#include "reprise/engine/ingress.hpp"

#include <gtest/gtest.h>

#include <array>
#include <cerrno>
#include <functional>
#include <vector>

#include "engine_fixture.hpp"

namespace reprise::engine {
namespace {

using played::PlayedKernel;
using played::small_config;
using played::StageOnPlayedKernel;
using Bytes = std::vector<std::byte>;

class Ingress : public testing::Test {
 protected:
  void TearDown() override { EXPECT_TRUE(relay.stage->laws_hold()); }

  /// A frame for group 1, changed, reaches the stage.
  void arrive(const std::function<void(Bytes&, Frame&)>& change) {
    Bytes bytes = played::numbered_frame(1, 0);
    Frame frame = played::whole_frame(bytes);
    change(bytes, frame);
    ASSERT_TRUE(kernel.deliver(bytes, frame));
    relay.reap();
  }
  /// As arrive(), and expects it to be dropped, its region to be free at once (N2), and to be
  /// counted (N1).
  void expect_drop(IngressDrop reason, const std::function<void(Bytes&, Frame&)>& change) {
    SCOPED_TRACE(name(reason));
    const std::uint64_t before = relay.dropped(reason);
    arrive(change);
    EXPECT_EQ(relay.dropped(reason), before + 1);
    EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
    EXPECT_TRUE(relay.stage->laws_hold());
    relay.hand_over();
  }

  StageOnPlayedKernel relay;
  PlayedKernel& kernel = relay.kernel;
};

constexpr std::size_t kIpv4At = 14;
constexpr std::size_t kUdpAt = 34;

/// Writes a byte of the IPv4 header and makes its checksum right again.
void set_ipv4(Bytes& bytes, std::size_t at, std::uint8_t value) {
  bytes[kIpv4At + at] = std::byte{value};
  bytes[kIpv4At + 10] = bytes[kIpv4At + 11] = std::byte{0};
  std::uint32_t sum = 0;
  for (std::size_t place = 0; place < 20; place += 2) {
    sum += std::to_integer<std::uint32_t>(bytes[kIpv4At + place]) << 8 |
           std::to_integer<std::uint32_t>(bytes[kIpv4At + place + 1]);
  }
  sum = (sum & 0xffff) + (sum >> 16);
  sum = ~(sum + (sum >> 16));
  bytes[kIpv4At + 10] = static_cast<std::byte>(sum >> 8);
  bytes[kIpv4At + 11] = static_cast<std::byte>(sum);
}

TEST_F(Ingress, EveryDropHasItsReasonAndFreesItsRegionAtOnce) {  // N1, N2
  relay.route(1, {1});
  relay.hand_over();
  expect_drop(IngressDrop::not_ip, [](Bytes& bytes, Frame&) { bytes[12] = std::byte{0x88}; });
  expect_drop(IngressDrop::not_udp, [](Bytes& bytes, Frame&) { set_ipv4(bytes, 9, 6); });
  expect_drop(IngressDrop::fragment, [](Bytes& bytes, Frame&) { set_ipv4(bytes, 6, 0x20); });
  expect_drop(IngressDrop::malformed,
              [](Bytes& bytes, Frame&) { bytes[kIpv4At + 10] ^= std::byte{1}; });
  expect_drop(IngressDrop::truncated, [](Bytes&, Frame& frame) { frame.captured_bytes -= 1; });
  expect_drop(IngressDrop::bad_checksum,
              [](Bytes& bytes, Frame&) { bytes.back() ^= std::byte{1}; });
  expect_drop(IngressDrop::other_host,
              [](Bytes&, Frame& frame) { frame.type = PacketType::other_host; });
  expect_drop(IngressDrop::other_vlan, [](Bytes&, Frame& frame) {
    frame.has_vlan = true;
    frame.vlan_tci = 10;
  });
  expect_drop(IngressDrop::other_vlan, [](Bytes& bytes, Frame& frame) {
    const std::array tag{std::byte{0x81}, std::byte{0x00}, std::byte{0x00}, std::byte{0x0a}};
    bytes.insert(bytes.begin() + 12, tag.begin(), tag.end());
    frame = played::whole_frame(bytes);
  });
  expect_drop(IngressDrop::own, [](Bytes&, Frame& frame) { frame.type = PacketType::outgoing; });
  expect_drop(IngressDrop::no_rule,
              [](Bytes& bytes, Frame&) { bytes = played::numbered_frame(9, 0); });
  EXPECT_EQ(relay.stage->ingress_counters().accepted, 0U);
  EXPECT_EQ(relay.stage->ingress_counters().received, 11U);
}

TEST_F(Ingress, PartsWhatAnOffloadMergedAndCountsEachDatagram) {
  relay.route(1, {1});
  relay.hand_over();
  arrive([](Bytes&, Frame& frame) {
    frame.segment_bytes = 12;
    frame.checksum = ChecksumState::partial;
  });
  relay.hand_over();
  ASSERT_EQ(kernel.sends.size(), 3U);
  std::vector<std::uint32_t> lengths;
  std::vector<std::uint32_t> offsets;
  for (const auto& send : kernel.sends) {
    lengths.push_back(send.slices.front().length_bytes);
    offsets.push_back(send.slices.front().offset_bytes -
                      kernel.sends[0].slices.front().offset_bytes);
  }
  EXPECT_EQ(lengths, (std::vector<std::uint32_t>{12, 12, 8})) << "of a payload of 32 bytes";
  EXPECT_EQ(offsets, (std::vector<std::uint32_t>{0, 12, 24}));
  EXPECT_EQ(relay.stage->ingress_counters().received, 3U);
  EXPECT_EQ(relay.stage->ledger().held_count(), 1U);
  kernel.end_all_sends();
  relay.reap();
  EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
}

TEST_F(Ingress, APriorityTagNamesNoVlan) {
  relay.route(1, {1});
  relay.hand_over();
  arrive([](Bytes&, Frame& frame) {
    frame.has_vlan = true;
    frame.vlan_tci = 5U << 13U;
  });
  EXPECT_EQ(relay.stage->ingress_counters().accepted, 1U);
}

TEST_F(Ingress, AnotherSourceThanTheRulesIsCountedAsSuch) {
  ASSERT_TRUE(
      relay.stage
          ->add_route({Address::ipv4(10, 9, 9, 9), played::group(1), relay.input, played::kPort},
                      std::vector{SocketIndex{1}})
          .has_value());
  relay.hand_over();
  expect_drop(IngressDrop::wrong_source, [](Bytes&, Frame&) {});
}

TEST_F(Ingress, AChecksumThatCannotBeJudgedIsNotJudged) {
  relay.route(1, {1});
  relay.hand_over();
  for (const ChecksumState state : {ChecksumState::partial, ChecksumState::valid}) {
    arrive([&](Bytes& bytes, Frame& frame) {
      bytes[kUdpAt + 6] ^= std::byte{1};
      frame.checksum = state;
    });
  }
  EXPECT_EQ(relay.stage->ingress_counters().accepted, 2U);
}

TEST_F(Ingress, BroadcastAndUnicastToThisHostAreTakenIn) {
  relay.route(1, {1});
  relay.hand_over();
  arrive([](Bytes&, Frame& frame) { frame.type = PacketType::broadcast; });
  arrive([](Bytes&, Frame& frame) { frame.type = PacketType::host; });
  EXPECT_EQ(relay.stage->ingress_counters().accepted, 2U);
  EXPECT_EQ(relay.stage->ingress_counters().received_bytes, 2 * played::kPayloadBytes);
}

TEST_F(Ingress, ThePayloadLeavesWithoutItsHeaders) {
  relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0xabcd);
  relay.hand_over();
  ASSERT_EQ(kernel.sends.size(), 1U);
  EXPECT_EQ(kernel.sends[0].slices.front().length_bytes, played::kPayloadBytes);
  EXPECT_EQ(kernel.sends[0].slices.front().offset_bytes, 42U);
  EXPECT_EQ(kernel.number(kernel.sends[0]), 0xabcdU);
}

TEST_F(Ingress, GivesAllFreeRegionsToTheKernelAndArmsItsReceive) {
  relay.hand_over();
  EXPECT_EQ(kernel.provided.size(), small_config().pool);
  ASSERT_EQ(kernel.receives.size(), 1U);
  EXPECT_TRUE(kernel.receives[0].submission.flags & SubmissionFlags::kMultishot);
  EXPECT_FALSE(relay.stage->has_work());
}

TEST_F(Ingress, AReceiveThatEndedIsArmedAgain) {  // N3
  relay.hand_over();
  for (const Outcome outcome : {Outcome::no_buffer, Outcome::unreachable, Outcome::ok,
                                Outcome::cancelled, Outcome::refused}) {
    ASSERT_EQ(kernel.receives.size(), 1U);
    const Token token = kernel.end_oldest(kernel.receives, outcome).submission.token;
    relay.reap();
    EXPECT_TRUE(relay.stage->has_work());
    relay.hand_over();
    ASSERT_EQ(kernel.receives.size(), 1U) << name(outcome);
    EXPECT_NE(kernel.receives[0].submission.token, token) << "another generation";
  }
  EXPECT_EQ(relay.stage->ingress_counters().receives_exhausted, 1U);
  EXPECT_EQ(relay.stage->ingress_counters().receives_failed, 2U);
}

TEST_F(Ingress, AReceiveThatCanNeverWorkIsNotArmedAgain) {  // N3
  relay.hand_over();
  kernel.end_oldest(kernel.receives, Outcome::invalid, EBADF);
  relay.reap();
  EXPECT_FALSE(relay.stage->has_work());
  relay.hand_over();
  EXPECT_TRUE(kernel.receives.empty());
  relay.stage->stop();
  EXPECT_TRUE(relay.stage->is_stopped());
}

TEST_F(Ingress, IsArmedOnlyWhileTheKernelHasRegions) {  // N3
  relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, small_config().pool);
  kernel.end_oldest(kernel.receives, Outcome::no_buffer);
  relay.reap();
  relay.stage->prepare(kernel.memory());
  for (const Submission& submission : relay.stage->outgoing().submissions) {
    EXPECT_EQ(submission.operation, Operation::send) << "no region is free";
  }
  relay.hand_over();
  EXPECT_TRUE(kernel.receives.empty());
  kernel.end_send(Outcome::ok);
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(kernel.receives.size(), 1U);
  EXPECT_EQ(kernel.provided.size(), 1U);
}

TEST_F(Ingress, StopCancelsTheReceivesAndDropsWhatStillArrives) {
  relay.route(1, {1});
  const auto second = relay.stage->add_input(SocketIndex{5});
  ASSERT_TRUE(second.has_value());
  relay.hand_over();
  ASSERT_EQ(kernel.receives.size(), 2U);
  relay.stage->stop();
  relay.stage->stop();
  EXPECT_FALSE(relay.stage->is_stopped());
  relay.offer(1, 0);
  EXPECT_EQ(relay.dropped(IngressDrop::stopping), 1U);
  relay.hand_over();
  EXPECT_EQ(kernel.cancels.size(), 2U);
  kernel.carry_out_cancels();
  EXPECT_FALSE(relay.stage->is_stopped());
  relay.reap();
  EXPECT_TRUE(relay.stage->is_stopped());
  EXPECT_FALSE(relay.stage->has_work());
}

TEST_F(Ingress, AReceiveThatEndsBeforeItsCancelLeavesNothingToCancel) {
  relay.hand_over();
  relay.stage->stop();
  kernel.end_oldest(kernel.receives, Outcome::no_buffer);
  relay.reap();
  relay.hand_over();
  EXPECT_TRUE(kernel.cancels.empty());
  EXPECT_TRUE(relay.stage->is_stopped());
}

TEST_F(Ingress, AnInputAddedAfterTheStopIsNoWork) {
  relay.hand_over();
  relay.stage->stop();
  ASSERT_TRUE(relay.stage->add_input(SocketIndex{5}).has_value());
  relay.hand_over();
  EXPECT_FALSE(relay.stage->has_work()) << "it will never be armed";
  kernel.carry_out_cancels();
  relay.reap();
  EXPECT_TRUE(relay.stage->is_stopped());
}

TEST_F(Ingress, OneInputTooManyIsRefused) {
  ASSERT_TRUE(relay.stage->add_input(SocketIndex{5}).has_value());
  const auto third = relay.stage->add_input(SocketIndex{6});
  ASSERT_FALSE(third.has_value());
  EXPECT_EQ(third.error(), CommandError::inputs_exhausted);
}

TEST_F(Ingress, InputsAreToldApart) {
  const InputIndex second = relay.stage->add_input(SocketIndex{5}).value();
  relay.route(1, {1});
  ASSERT_TRUE(
      relay.stage
          ->add_route({{}, played::group(1), second, played::kPort}, std::vector{SocketIndex{2}})
          .has_value());
  relay.hand_over();
  const Bytes bytes = played::numbered_frame(1, 4);
  ASSERT_TRUE(kernel.deliver(bytes, played::whole_frame(bytes), 1));
  relay.reap();
  relay.hand_over();
  EXPECT_TRUE(relay.numbers_on(1).empty());
  EXPECT_EQ(relay.numbers_on(2), std::vector<std::uint32_t>{4});
}

TEST(IngressExhaustion, DropKeepsAtMostThePoolOutstanding) {  // N4
  StageConfig config = small_config();
  config.exhaustion = Exhaustion::drop;
  config.pool = 8;
  StageOnPlayedKernel relay(config);
  relay.route(1, {1});
  relay.hand_over();
  EXPECT_EQ(relay.kernel.provided.size(), config.landing);
  for (std::uint32_t number = 0; number < 20; ++number) {
    relay.offer(1, number);
    relay.hand_over();
    EXPECT_LE(relay.stage->ledger().held_count(), config.pool);
    EXPECT_EQ(relay.kernel.provided.size(), config.landing) << "the socket is always drained";
  }
  EXPECT_EQ(relay.stage->ingress_counters().accepted, 8U);
  EXPECT_EQ(relay.dropped(IngressDrop::no_buffer), 12U);
  relay.kernel.end_send(Outcome::ok);
  relay.reap();
  relay.offer(1, 20);
  EXPECT_EQ(relay.stage->ingress_counters().accepted, 9U);
  EXPECT_TRUE(relay.stage->laws_hold());
}

TEST(IngressExhaustion, WaitLeavesWhatIsTooMuchInTheKernel) {
  StageConfig config = small_config();
  config.pool = 8;
  StageOnPlayedKernel relay(config);
  relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 8);
  relay.hand_over();
  EXPECT_TRUE(relay.kernel.provided.empty());
  EXPECT_EQ(relay.dropped(IngressDrop::no_buffer), 0U);
  EXPECT_EQ(relay.stage->ledger().held_count(), 8U);
}

}  // namespace
}  // namespace reprise::engine
