// Receives and the regions they fill (I5).
#include <algorithm>

#include "contract_case.hpp"

namespace reprise::tests {
namespace {

using engine::Outcome;
using engine::SocketIndex;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

class ContractOfReceives : public ContractCase {
 protected:
  static constexpr std::uint32_t kHeadersBytes = 14 + 20 + 8;

  /// Reaps until the receive in `slot` has ended; returns what it gave.
  std::vector<Seen> until_it_ends(std::uint32_t slot) {
    std::vector<Seen> given;
    const engine::Instant end = backend().now() + kPatience;
    while (backend().now() < end) {
      for (const Seen& one : wait_for(1)) {
        EXPECT_EQ(one.slot(), slot);
        given.push_back(one);
      }
      if (!given.back().completion.more) break;
    }
    EXPECT_FALSE(given.back().completion.more);
    return given;
  }
};
REPRISE_ON_EVERY_STAND(ContractOfReceives);

std::vector<Payload> payloads_of(const std::vector<Seen>& seen) {
  std::vector<Payload> all;
  for (const Seen& one : seen) {
    if (!one.frames.empty()) all.push_back(one.payload);
  }
  return all;
}

std::vector<engine::RegionIndex> regions_of(const std::vector<Seen>& seen) {
  std::vector<engine::RegionIndex> all;
  for (const Seen& one : seen) {
    if (one.completion.region != engine::kNoRegion) all.push_back(one.completion.region);
  }
  return all;
}

TEST_P(ContractOfReceives, AMultishotGivesEachDatagramInOrderAndGoesOn) {
  start_receiving(1);
  const std::vector<Payload> offered = {{10, 16}, {11, 100}, {12, 1400}};
  for (const Payload& payload : offered) stand_->offer(payload, kPort);
  const auto seen = wait_for(3);
  for (const Seen& one : seen) {
    EXPECT_EQ(one.completion.token, (engine::Token{1, 1001}));
    EXPECT_EQ(one.completion.outcome, Outcome::ok);
    EXPECT_TRUE(one.completion.more);
    EXPECT_TRUE(one.completion.region_complete);
    ASSERT_EQ(one.frames.size(), 1U);
    EXPECT_EQ(one.frames[0].captured_bytes, one.frames[0].original_bytes);
    EXPECT_EQ(one.frames[0].type, engine::PacketType::multicast);
    EXPECT_FALSE(one.frames[0].has_vlan);
  }
  EXPECT_THAT(payloads_of(seen), ElementsAreArray(offered));
}

TEST_P(ContractOfReceives, AOneShotTakesOneAndTheNextOneTheNext) {
  const SocketIndex receiver = open_receiver();
  add_provide(0, 8);
  add_receive(1, receiver, false);
  hand_over();
  offer(10);
  offer(11);
  const auto first = wait_for(1);
  EXPECT_FALSE(first[0].completion.more);
  EXPECT_EQ(first[0].payload, (Payload{10, 100}));
  expect_quiet();
  add_receive(2, receiver, false);
  hand_over();
  const auto second = wait_for(1);
  EXPECT_EQ(second[0].slot(), 2U);
  EXPECT_FALSE(second[0].completion.more);
  EXPECT_EQ(second[0].payload, (Payload{11, 100}));
}

TEST_P(ContractOfReceives, WhatArrivedBeforeTheReceiveWaitsInTheSocket) {
  const SocketIndex receiver = open_receiver();
  for (std::uint64_t number = 0; number < 4; ++number) offer(number);
  stand_->settle();
  add_provide(0, 8);
  add_receive(1, receiver);
  hand_over();
  EXPECT_THAT(payloads_of(wait_for(4)), ElementsAreArray(payloads(0, 4)));
}

TEST_P(ContractOfReceives, WithoutRegionsEndsAndNothingIsLostWhenItIsArmedAgain) {
  const SocketIndex receiver = start_receiving(1, 2);
  for (std::uint64_t number = 0; number < 4; ++number) offer(number);
  const auto first = until_it_ends(1);
  ASSERT_EQ(first.size(), 3U);
  EXPECT_THAT(payloads_of(first), ElementsAreArray(payloads(0, 2)));
  EXPECT_EQ(first.back().completion.outcome, Outcome::no_buffer);
  EXPECT_EQ(first.back().completion.region, engine::kNoRegion);
  EXPECT_THAT(first.back().frames, IsEmpty());

  add_provide(2, 4);
  add_receive(2, receiver);
  hand_over();
  const auto second = wait_for(2);
  EXPECT_EQ(second[0].slot(), 2U);
  EXPECT_THAT(payloads_of(second), ElementsAreArray(payloads(2, 2)));
}

TEST_P(ContractOfReceives, AOneShotWithoutARegionEndsAndTheDatagramStays) {
  const SocketIndex receiver = open_receiver();
  add_receive(1, receiver, false);
  hand_over();
  offer(10);
  const auto first = wait_for(1);
  EXPECT_EQ(first[0].completion.outcome, Outcome::no_buffer);
  EXPECT_EQ(first[0].completion.region, engine::kNoRegion);
  EXPECT_FALSE(first[0].completion.more);
  add_provide(0, 1);
  add_receive(2, receiver, false);
  hand_over();
  const auto second = wait_for(1);
  EXPECT_EQ(second[0].slot(), 2U);
  EXPECT_EQ(second[0].payload, (Payload{10, 100}));
}

TEST_P(ContractOfReceives, ARegionIsUntouchedUntilItIsProvidedAnew) {
  start_receiving(1, 4);
  offer(10, 300);
  offer(11, 300);
  const auto seen = wait_for(2);
  const std::vector<std::vector<std::byte>> before = {region_of(seen[0]), region_of(seen[1])};
  offer(12, 900);
  offer(13, 900);
  const auto later = until_it_ends(1);  // the last two regions are taken
  EXPECT_THAT(payloads_of(later), ElementsAreArray(payloads(12, 2, 900)));
  offer(14, 900);
  expect_quiet();
  EXPECT_EQ(region_of(seen[0]), before[0]);
  EXPECT_EQ(region_of(seen[1]), before[1]);
}

TEST_P(ContractOfReceives, EveryProvidedRegionComesBackExactlyOnce) {
  constexpr std::uint32_t kRegions = 48;
  start_receiving(1, kRegions);
  for (std::uint64_t number = 0; number < kRegions + 2; ++number) offer(number, 32);
  const auto seen = until_it_ends(1);
  EXPECT_THAT(payloads_of(seen), ElementsAreArray(payloads(0, kRegions, 32)));
  std::vector<engine::RegionIndex> regions = regions_of(seen);
  std::ranges::sort(regions);
  ASSERT_EQ(regions.size(), kRegions);
  for (std::uint32_t index = 0; index < kRegions; ++index) {
    EXPECT_EQ(regions[index], engine::RegionIndex{index});
  }
}

TEST_P(ContractOfReceives, AProvidedRegionIsUsedAgainAndAgain) {
  const SocketIndex receiver = open_receiver();
  for (std::uint32_t round = 0; round < 600; ++round) {
    add_provide(5, 1);
    add_receive(round, receiver, false);
    hand_over();
    offer(round, 200);
    const auto seen = wait_for(1);
    ASSERT_EQ(seen[0].slot(), round);
    ASSERT_EQ(seen[0].completion.region, engine::RegionIndex{5});
    ASSERT_EQ(seen[0].payload, (Payload{round, 200}));
  }
}

TEST_P(ContractOfReceives, AProvideTakesEffectWithItsSubmitThoughItIsAllThatWasSubmitted) {
  const SocketIndex receiver = open_receiver();
  add_provide(7, 1);
  hand_over();
  add_receive(1, receiver, false);
  hand_over();
  offer(10);
  EXPECT_EQ(wait_for(1)[0].completion.region, engine::RegionIndex{7});
}

TEST_P(ContractOfReceives, OnlyRegionsThatWereProvidedAreTaken) {
  const SocketIndex receiver = open_receiver();
  add_provide(3, 1);
  add_provide(20, 2);
  add_receive(1, receiver);
  hand_over();
  for (std::uint64_t number = 0; number < 4; ++number) offer(number);
  std::vector<engine::RegionIndex> regions = regions_of(until_it_ends(1));
  std::ranges::sort(regions);
  EXPECT_THAT(regions, ElementsAreArray({engine::RegionIndex{3}, engine::RegionIndex{20},
                                         engine::RegionIndex{21}}));
}

TEST_P(ContractOfReceives, AFrameOfTheRegionsSizeFitsAndOneByteMoreIsTold) {
  constexpr std::uint32_t kFrameBytes = 256;
  start({.region_bytes = kFrameBytes});
  start_receiving(1);
  offer(10, kFrameBytes - kHeadersBytes);
  const auto fits = wait_for(1);
  EXPECT_EQ(fits[0].frames.at(0).captured_bytes, kFrameBytes);
  EXPECT_EQ(fits[0].frames.at(0).original_bytes, kFrameBytes);
  EXPECT_EQ(fits[0].payload, (Payload{10, kFrameBytes - kHeadersBytes}));
  offer(11, 1000);
  const engine::Frame cut = wait_for(1)[0].frames.at(0);
  EXPECT_LT(cut.captured_bytes, cut.original_bytes);
  EXPECT_GE(cut.captured_bytes, kFrameBytes);
  EXPECT_LE(cut.offset_bytes + cut.captured_bytes, memory_.buffers.region_bytes);
  EXPECT_EQ(cut.original_bytes, 1000 + kHeadersBytes);
}

TEST_P(ContractOfReceives, AOneShotToldWhatItCutOffToo) {
  start({.region_bytes = 256});
  const SocketIndex receiver = open_receiver();
  add_provide(0, 8);
  add_receive(1, receiver, false);
  hand_over();
  offer(11, 1000);
  const engine::Frame cut = wait_for(1)[0].frames.at(0);
  EXPECT_LT(cut.captured_bytes, cut.original_bytes);
  EXPECT_GE(cut.captured_bytes, 256U);
  EXPECT_LE(cut.offset_bytes + cut.captured_bytes, memory_.buffers.region_bytes);
  EXPECT_EQ(cut.original_bytes, 1000 + kHeadersBytes);
}

TEST_P(ContractOfReceives, TwoSocketsGetTheirOwnAndShareTheRegions) {
  const SocketIndex receiver = start_receiving(1, 5);
  const SocketIndex other = open_receiver(kOtherPort);
  EXPECT_NE(receiver, other);
  add_receive(2, other);
  hand_over();
  for (std::uint64_t number = 0; number < 4; ++number) {
    offer(number, 100, number % 2 == 0 ? kPort : kOtherPort);
  }
  const std::vector<Seen> seen = wait_for(4);
  for (const Seen& one : seen) EXPECT_EQ(one.payload.number % 2, one.slot() - 1);
  std::vector<engine::RegionIndex> regions = regions_of(seen);
  std::ranges::sort(regions);
  EXPECT_EQ(std::ranges::adjacent_find(regions), regions.end());
}

TEST_P(ContractOfReceives, WhatIsNotWantedIsLeftOut) {
  start_receiving(1);
  offer(10, 100, kOtherPort);
  offer(11);
  const auto seen = wait_for(1);
  EXPECT_EQ(seen[0].payload, (Payload{11, 100}));
  expect_quiet();
}

TEST_P(ContractOfReceives, StatisticsCountWhatTheSocketHadNoRoomFor) {
  engine::PacketSocketSpec spec = stand_->receiver(kPort);
  spec.receive_buffer_bytes = 4096;
  const auto receiver = backend().open(spec);
  ASSERT_TRUE(receiver.has_value()) << receiver.error().message;
  EXPECT_EQ(backend().statistics(*receiver).kernel_drops, 0U);
  constexpr std::uint64_t kOffered = 60;
  for (std::uint64_t number = 0; number < kOffered; ++number) offer(number, 1000);
  stand_->settle();
  const std::uint64_t drops = backend().statistics(*receiver).kernel_drops;
  EXPECT_GT(drops, 0U);
  EXPECT_LT(drops, kOffered);
  EXPECT_EQ(backend().statistics(*receiver).kernel_drops, drops);
  add_provide(0, 64);
  add_receive(1, *receiver);
  hand_over();
  EXPECT_THAT(payloads_of(wait_for(kOffered - drops)),
              ElementsAreArray(payloads(0, kOffered - drops, 1000)));
  expect_quiet();
}

}  // namespace
}  // namespace reprise::tests
