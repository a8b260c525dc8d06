// Segmented sends: what leaves together, what must not, and what happens where one is refused.
#include <gtest/gtest.h>

#include <cerrno>
#include <random>
#include <vector>

#include "engine_fixture.hpp"

namespace reprise::engine {
namespace {

using Numbers = std::vector<std::uint32_t>;
using played::InFlight;
using played::PlayedKernel;
using played::StageOnPlayedKernel;

StageConfig segmenting(std::uint32_t segments_max = 8) {
  StageConfig config = played::small_config();
  config.pool = 64;
  config.output_queue = 32;
  config.batch = 8;
  config.segments_max = segments_max;
  config.segmented_bytes_max = 200;
  return config;
}

class SegmentedEgress : public testing::Test {
 protected:
  explicit SegmentedEgress(const StageConfig& config = segmenting()) : relay(config) {
    of = relay.route(1, {1});
    relay.hand_over();
  }
  void TearDown() override { EXPECT_TRUE(relay.stage->laws_hold()); }

  void offer(std::uint32_t number, std::uint32_t payload_bytes,
             std::uint16_t source_port = 40'000) {
    const auto bytes = played::numbered_frame(1, number, payload_bytes, source_port);
    ASSERT_TRUE(kernel.deliver(bytes, played::whole_frame(bytes)));
    relay.reap();
  }
  /// The numbers in each send in flight.
  [[nodiscard]] std::vector<Numbers> sends() const {
    std::vector<Numbers> all;
    for (const InFlight& send : kernel.sends) {
      Numbers& numbers = all.emplace_back();
      for (const Slice& slice : send.slices) numbers.push_back(kernel.number(slice));
    }
    return all;
  }

  StageOnPlayedKernel relay;
  PlayedKernel& kernel = relay.kernel;
  RouteIndex of{};
};

TEST_F(SegmentedEgress, DatagramsOfOneLengthLeaveTogether) {
  for (std::uint32_t number = 0; number < 3; ++number) offer(number, 40);
  relay.hand_over();
  ASSERT_EQ(sends(), (std::vector<Numbers>{{0, 1, 2}}));
  EXPECT_EQ(kernel.sends[0].submission.operation, Operation::segmented_send);
  EXPECT_EQ(kernel.sends[0].submission.segment_bytes, 40);
  kernel.end_all_sends();
  relay.reap();
  EXPECT_EQ(relay.counters(of).sent, 3U);
  EXPECT_EQ(relay.counters(of).sends, 1U);
  EXPECT_EQ(relay.counters(of).sent_bytes, 120U);
}

TEST_F(SegmentedEgress, OneAloneIsAnOrdinarySend) {
  offer(0, 40);
  relay.hand_over();
  ASSERT_EQ(kernel.sends.size(), 1U);
  EXPECT_EQ(kernel.sends[0].submission.operation, Operation::send);
}

TEST_F(SegmentedEgress, AShorterOneIsTheLastOfItsSend) {
  for (const auto& [number, bytes] :
       {std::pair{0U, 40U}, {1U, 40U}, {2U, 30U}, {3U, 30U}, {4U, 40U}})
    offer(number, bytes);
  relay.hand_over();
  EXPECT_EQ(sends(), (std::vector<Numbers>{{0, 1, 2}, {3}, {4}}));
}

TEST_F(SegmentedEgress, ALongerOneBeginsTheNextSend) {
  offer(0, 30);
  offer(1, 40);
  offer(2, 40);
  relay.hand_over();
  EXPECT_EQ(sends(), (std::vector<Numbers>{{0}, {1, 2}}));
}

TEST_F(SegmentedEgress, NoSendIsLargerThanTheKernelTakes) {
  for (std::uint32_t number = 0; number < 6; ++number) offer(number, 50);
  relay.hand_over();
  EXPECT_EQ(sends(), (std::vector<Numbers>{{0, 1, 2, 3}, {4, 5}})) << "200 bytes at most";
}

TEST(SegmentedEgressLimits, NoSendHasMoreSegmentsThanTheKernelTakes) {
  StageOnPlayedKernel relay(segmenting(2));
  relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 5);
  relay.hand_over();
  ASSERT_EQ(relay.kernel.sends.size(), 3U);
  EXPECT_EQ(relay.kernel.sends[0].slices.size(), 2U);
  EXPECT_EQ(relay.kernel.sends[2].slices.size(), 1U);
}

TEST_F(SegmentedEgress, FlowsThatAlternateLeaveTogetherEach) {
  for (std::uint32_t number = 0; number < 8; ++number)
    offer(number, number % 2 == 0 ? 40 : 20, number % 2 == 0 ? 40'000 : 40'001);
  relay.hand_over();
  EXPECT_EQ(sends(), (std::vector<Numbers>{{0, 2, 4, 6}, {1, 3, 5, 7}}));
}

TEST_F(SegmentedEgress, AFlowIsNotReorderedWhereItsLengthsChange) {
  // Flow A: 40, 40, 30 (the last of its send), 40; flow B between them. The second 40 of A may not
  // join A's first send again.
  offer(0, 40, 1);
  offer(1, 20, 2);
  offer(2, 40, 1);
  offer(3, 30, 1);
  offer(4, 20, 2);
  offer(5, 40, 1);
  relay.hand_over();
  EXPECT_EQ(sends(), (std::vector<Numbers>{{0, 2, 3}, {1, 4}, {5}}));
}

TEST_F(SegmentedEgress, EmptyDatagramsLeaveAlone) {
  const auto empty = [](std::uint32_t) {
    FrameHeader header;
    header.source = played::kSender;
    header.destination = played::group(1);
    header.source_port = 40'000;
    header.destination_port = played::kPort;
    std::vector<std::byte> bytes(headers_length_bytes(header));
    build_frame(header, {}, bytes);
    return bytes;
  };
  for (std::uint32_t number = 0; number < 3; ++number) {
    const auto bytes = empty(number);
    ASSERT_TRUE(kernel.deliver(bytes, played::whole_frame(bytes)));
  }
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(kernel.sends.size(), 3U);
}

TEST_F(SegmentedEgress, OneThatFindsNoRoomComesBackWholeAndInOrder) {
  for (std::uint32_t number = 0; number < 5; ++number) offer(number, 50);
  relay.hand_over();
  ASSERT_EQ(sends(), (std::vector<Numbers>{{0, 1, 2, 3}, {4}}));
  kernel.end_send(Outcome::refused, EAGAIN);  // and the rest of the chain is cancelled
  relay.reap();
  EXPECT_EQ(relay.counters(of).refused, 1U);
  offer(5, 50);
  relay.hand_over();
  EXPECT_TRUE(kernel.sends.empty()) << "blocked";
  kernel.end_oldest(kernel.waits, Outcome::ok);
  relay.reap();
  relay.hand_over();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{0, 1, 2, 3, 4, 5}));
  relay.drain();
  EXPECT_EQ(relay.counters(of).sent, 6U);
}

TEST_F(SegmentedEgress, OneThatIsTooLargeForThePathLeavesDatagramByDatagram) {  // E7
  for (std::uint32_t number = 0; number < 3; ++number) offer(number, 40);
  offer(3, 60);
  relay.hand_over();
  kernel.end_send(Outcome::too_large, EMSGSIZE);
  relay.reap();
  EXPECT_EQ(relay.counters(of).unsegmented, 1U);
  EXPECT_EQ(relay.counters(of).errors[0].count, 0U) << "no datagram failed";
  EXPECT_EQ(relay.counters(of).dropped_total(), 0U);
  relay.hand_over();
  EXPECT_EQ(sends(), (std::vector<Numbers>{{0}, {1}, {2}, {3}}));
  kernel.end_all_sends();
  relay.reap();
  for (std::uint32_t number = 4; number < 7; ++number) offer(number, 39);
  relay.hand_over();
  EXPECT_EQ(sends(), (std::vector<Numbers>{{4, 5, 6}})) << "smaller segments still leave together";
}

TEST_F(SegmentedEgress, NoLinkIsLeftOutWhereALaterSendOfTheFlowWouldOvertakeOneThatComesBack) {
  const auto is_order_only = [](const InFlight& send) {
    return (send.submission.flags & SubmissionFlags::kOrderOnly) != 0;
  };
  offer(0, 50, 1);
  offer(1, 50, 1);
  offer(2, 50, 2);
  relay.hand_over();
  ASSERT_EQ(sends(), (std::vector<Numbers>{{0, 1}, {2}}));
  EXPECT_TRUE(is_order_only(kernel.sends[0])) << "two flows: neither can overtake itself";
  kernel.end_all_sends();
  relay.reap();
  for (std::uint32_t number = 3; number < 8; ++number) offer(number, 50, 1);
  offer(8, 50, 2);
  relay.hand_over();
  ASSERT_EQ(sends(), (std::vector<Numbers>{{3, 4, 5, 6}, {7}, {8}}));
  for (const InFlight& send : kernel.sends) EXPECT_FALSE(is_order_only(send));
}

TEST_F(SegmentedEgress, ASizeThatFailedStaysTooLargeWhenALargerOneFailsBehindIt) {  // E7
  for (const std::uint32_t number : {0U, 1U}) offer(number, 40, 1);
  for (const std::uint32_t number : {2U, 3U}) offer(number, 60, 2);
  relay.hand_over();
  ASSERT_EQ(sends(), (std::vector<Numbers>{{0, 1}, {2, 3}}));
  // Their link gives an order only, so the backend may have left it out.
  kernel.end_oldest(kernel.sends, Outcome::too_large, EMSGSIZE);
  kernel.end_oldest(kernel.sends, Outcome::too_large, EMSGSIZE);
  relay.reap();
  relay.drain();
  for (const std::uint32_t number : {4U, 5U}) offer(number, 40, 1);
  relay.hand_over();
  EXPECT_EQ(sends(), (std::vector<Numbers>{{4}, {5}}));
}

TEST_F(SegmentedEgress, OneThatFailsForAnotherReasonIsDroppedAndCountedByDatagram) {
  for (std::uint32_t number = 0; number < 3; ++number) offer(number, 40);
  relay.hand_over();
  kernel.end_send(Outcome::unreachable, ENETUNREACH);
  relay.reap();
  EXPECT_EQ(relay.dropped(of, EgressDrop::unreachable), 3U);
  EXPECT_EQ(relay.counters(of).errors[0].count, 3U);
}

TEST_F(SegmentedEgress, AnIcmpRefusalCostsOneDatagramAndTheOthersLeaveInOrder) {
  for (std::uint32_t number = 0; number < 4; ++number) offer(number, 40);
  offer(4, 41);
  relay.hand_over();
  ASSERT_EQ(sends(), (std::vector<Numbers>{{0, 1, 2, 3}, {4}}));
  kernel.end_send(Outcome::connection_refused, ECONNREFUSED);  // and the rest is cancelled
  relay.reap();
  relay.hand_over();
  ASSERT_EQ(sends(), (std::vector<Numbers>{{1, 2, 3}, {4}}));
  kernel.end_all_sends();
  relay.reap();
  EXPECT_EQ(relay.counters(of).sent, 4U);
  EXPECT_EQ(relay.dropped(of, EgressDrop::connection_refused), 1U);
  EXPECT_EQ(relay.counters(of).errors[0].count, 1U);
}

TEST_F(SegmentedEgress, KeepsEveryFlowInOrderUnderRandomRefusals) {
  std::mt19937 random(7);
  std::vector<Numbers> arrived(3);
  std::uint32_t number = 0;
  const auto take = [&](const InFlight& send) {
    for (const Slice& slice : send.slices) {
      const std::uint32_t sent = kernel.number(slice);
      arrived[sent % 3].push_back(sent);
    }
  };
  for (int round = 0; round < 3000; ++round) {
    for (std::uint32_t count = static_cast<std::uint32_t>(random() % 6); count > 0;
         --count, ++number) {
      if (kernel.provided.empty()) break;
      offer(number, 20 + 10 * static_cast<std::uint32_t>(random() % 3),
            static_cast<std::uint16_t>(number % 3));
    }
    relay.hand_over_once();
    while (!kernel.sends.empty() && random() % 8 != 0) {
      const bool goes = random() % 5 != 0;
      if (goes) take(kernel.sends.front());
      const Outcome refusal = random() % 9 == 0 ? Outcome::too_large : Outcome::refused;
      kernel.end_send(goes ? Outcome::ok : refusal, goes ? 0 : EAGAIN);
    }
    while (!kernel.waits.empty() && random() % 2 == 0) kernel.end_oldest(kernel.waits, Outcome::ok);
    relay.reap();
    ASSERT_TRUE(relay.stage->laws_hold());
  }
  std::size_t total = 0;
  for (const Numbers& numbers : arrived) {
    total += numbers.size();
    EXPECT_TRUE(std::ranges::is_sorted(numbers));
    EXPECT_EQ(std::ranges::adjacent_find(numbers), numbers.end()) << "one left twice";
  }
  EXPECT_GT(total, 1000U);
}

}  // namespace
}  // namespace reprise::engine
