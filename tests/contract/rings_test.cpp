// Packet rings: their blocks and the receives that take them (I9).
#include <algorithm>
#include <map>

#include "contract_case.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::RegionIndex;
using engine::SocketIndex;
using engine::SubmissionFlags;
using ::testing::AllOf;
using ::testing::Each;
using ::testing::ElementsAreArray;
using ::testing::Ge;
using ::testing::IsEmpty;
using ::testing::Le;

constexpr std::uint32_t kBlocks = 8;
constexpr std::uint32_t kBlockBytes = 8192;  // some 30 of the frames offered here
constexpr std::uint32_t kLimit = 4;
// Long enough that a busy host offers some 60 frames before every block has been handed over.
constexpr engine::Duration kTimeout = engine::milliseconds(5);

class ContractOfRings : public ContractCase {
 protected:
  void SetUp() override {
    ContractCase::SetUp();
    if (stand_ == nullptr) return;
    REPRISE_NEEDS(packet_rings);
    start_with_blocks();
  }

  void start_with_blocks(std::uint32_t block_bytes = kBlockBytes) {
    start({.blocks = 2 * kBlocks, .block_bytes = block_bytes});
  }

  SocketIndex open_ring(std::uint16_t port = kPort, std::uint32_t blocks = kBlocks,
                        engine::Duration timeout = kTimeout) {
    engine::PacketSocketSpec spec = stand_->receiver(port);
    spec.ring_blocks = blocks;
    spec.ring_timeout = timeout;
    const auto opened = backend().open(spec);
    EXPECT_TRUE(opened.has_value()) << opened.error().message;
    // The engine provides what it owns; the kernel has it already, or has it from now on.
    add_blocks(0, memory_.blocks.region_count);
    hand_over();
    return opened.value_or(engine::kNoSocket);
  }

  [[nodiscard]] RegionIndex block(std::uint32_t index) const {
    return RegionIndex{memory_.buffers.region_count + index};
  }
  void add_blocks(std::uint32_t first, std::uint32_t count) {
    add(Operation::provide, kGiveBackSlot).slice_count = count;
    for (std::uint32_t index = first; index < first + count; ++index) {
      slices_.push_back({block(index), 0, 0});
    }
  }
  void give_back(RegionIndex region) {
    add(Operation::provide, kGiveBackSlot).slice_count = 1;
    slices_.push_back({region, 0, 0});
    hand_over();
  }

  void add_ring_receive(std::uint32_t slot, SocketIndex ring) {
    add(Operation::packet_ring_receive, slot, ring, SubmissionFlags::kMultishot);
  }
  /// A ring with an armed receive in `slot`.
  SocketIndex start_ring(std::uint32_t slot, std::uint16_t port = kPort,
                         std::uint32_t blocks = kBlocks) {
    const SocketIndex ring = open_ring(port, blocks);
    add_ring_receive(slot, ring);
    hand_over();
    return ring;
  }

  /// Waits for so many frames, and the ends of their blocks, which go back where `gives_back`.
  std::vector<Seen> take(std::size_t frames, bool gives_back = true) {
    std::vector<Seen> taken;
    std::size_t count = 0;
    bool is_complete = true;
    while ((count < frames || !is_complete) && !HasFailure()) {
      taken.push_back(wait_for(1)[0]);
      const engine::Completion& completion = taken.back().completion;
      count += taken.back().frames.size();
      is_complete = completion.region_complete;
      EXPECT_EQ(completion.outcome, Outcome::ok);
      EXPECT_TRUE(completion.more);
      EXPECT_TRUE(memory_.is_block(completion.region));
      if (is_complete && gives_back) give_back(completion.region);
    }
    EXPECT_EQ(count, frames);
    return taken;
  }

  void offer_all(std::uint64_t first, std::uint64_t count, std::uint16_t port = kPort) {
    for (std::uint64_t number = first; number < first + count; ++number) offer(number, 100, port);
    stand_->settle();
  }

  /// Offers frames until the engine has each of `blocks` blocks, all of them held.
  std::vector<Seen> hold_blocks(std::uint64_t& number, std::uint32_t blocks) {
    std::vector<Seen> held;
    while (held.size() < blocks && !HasFailure()) {
      offer_all(number++, 1);
      const auto taken = take(1, false);
      held.insert(held.end(), taken.begin(), taken.end());
    }
    return held;
  }

  static constexpr std::uint32_t kGiveBackSlot = 950;
};
REPRISE_ON_EVERY_STAND(ContractOfRings);

std::vector<Payload> payloads_of(const std::vector<Seen>& seen) {
  std::vector<Payload> all;
  for (const Seen& one : seen) all.insert(all.end(), one.payloads.begin(), one.payloads.end());
  return all;
}

std::vector<Seen> of_slot(const std::vector<Seen>& seen, std::uint32_t slot) {
  std::vector<Seen> some;
  std::ranges::copy_if(seen, std::back_inserter(some),
                       [slot](const Seen& one) { return one.slot() == slot; });
  return some;
}

TEST_P(ContractOfRings, GiveFramesInOrderOverManyBlocksAgainAndAgain) {
  start_ring(1);
  constexpr std::uint64_t kChunk = 60;
  for (std::uint64_t first = 0; first < 10 * kChunk; first += kChunk) {
    offer_all(first, kChunk);
    const auto taken = take(kChunk);
    EXPECT_THAT(payloads_of(taken), ElementsAreArray(payloads(first, kChunk)));
    for (const Seen& one : taken) {
      EXPECT_EQ(one.completion.token, (engine::Token{1, 1001}));
      EXPECT_TRUE(one.completion.region_complete);
      for (const engine::Frame& frame : one.frames) {
        EXPECT_EQ(frame.captured_bytes, frame.original_bytes);
        EXPECT_EQ(frame.type, engine::PacketType::multicast);
        EXPECT_EQ(frame.format, engine::FrameFormat::ethernet);
        EXPECT_EQ(frame.datagrams_max(), 1U);
        EXPECT_FALSE(frame.has_vlan);
      }
    }
  }
}

TEST_P(ContractOfRings, GiveNoMoreThanABatchAcceptsAndTheRestOfTheBlockLater) {
  ring_datagrams_max_ = kLimit;
  const SocketIndex ring = open_ring(kPort, kBlocks, engine::milliseconds(50));
  add_ring_receive(1, ring);
  hand_over();
  constexpr std::uint64_t kFrames = 50;
  offer_all(0, kFrames);
  const auto taken = take(kFrames);
  EXPECT_THAT(payloads_of(taken), ElementsAreArray(payloads(0, kFrames)));
  std::size_t parts = 0;
  for (std::size_t index = 0; index < taken.size(); ++index) {
    EXPECT_THAT(taken[index].frames.size(), AllOf(Ge(1U), Le(kLimit)));
    if (taken[index].completion.region_complete) continue;
    ++parts;
    EXPECT_EQ(taken[index + 1].completion.region, taken[index].completion.region);
  }
  EXPECT_GE(parts, 5U);
}

TEST_P(ContractOfRings, GiveNothingToABatchThatAcceptsNothing) {
  ring_datagrams_max_ = 0;
  start_ring(1);
  offer_all(0, 5);
  expect_quiet();
  ring_datagrams_max_ = 100;
  EXPECT_THAT(payloads_of(take(5)), ElementsAreArray(payloads(0, 5)));
}

TEST_P(ContractOfRings, EndAWaitAtOnceWhileFramesAreLeft) {
  ring_datagrams_max_ = 1;
  const SocketIndex ring = open_ring(kPort, kBlocks, engine::milliseconds(50));
  add_ring_receive(1, ring);
  hand_over();
  offer_all(0, 3);
  for (std::uint64_t number = 0; number < 3; ++number) {
    const engine::Instant deadline = backend().now() + kPatience;
    backend().submit_and_wait(1, deadline);
    EXPECT_LT(backend().now(), deadline);
    EXPECT_THAT(payloads_of(reap_once()), ElementsAreArray(payloads(number, 1)));
  }
}

TEST_P(ContractOfRings, TellOfMergedDatagramsHowLongEachIs) {
  start_with_blocks(64 << 10);
  ring_datagrams_max_ = kLimit;  // one frame more than that may come
  start_ring(1);
  stand_->offer_frame({.first = {10, 1000}, .datagrams = 20, .last_bytes = 500}, kPort);
  const auto taken = take(1);
  const engine::Frame& frame = taken[0].frames[0];
  EXPECT_EQ(frame.segment_bytes, 1000U);
  EXPECT_EQ(frame.original_bytes, 42U + 19 * 1000 + 500);
  EXPECT_EQ(frame.captured_bytes, frame.original_bytes);
  EXPECT_EQ(frame.datagrams_max(), 20U);
  EXPECT_EQ(frame.checksum, engine::ChecksumState::partial);
}

TEST_P(ContractOfRings, TellThatAChecksumIsStillToBeFilledIn) {
  start_ring(1);
  stand_->offer_frame({.first = {10, 100}, .has_partial_checksum = true}, kPort);
  stand_->offer_frame({.first = {11, 100}}, kPort);
  stand_->settle();
  const auto taken = take(2);
  EXPECT_EQ(taken.front().frames.front().checksum, engine::ChecksumState::partial);
  EXPECT_NE(taken.back().frames.back().checksum, engine::ChecksumState::partial);
}

TEST_P(ContractOfRings, TellAStrippedVlanTag) {
  start_ring(1);
  stand_->offer_frame({.first = {10, 100}, .vlan_tci = 0x2005}, kPort);
  const auto taken = take(1);
  EXPECT_TRUE(taken[0].frames[0].has_vlan);
  EXPECT_EQ(taken[0].frames[0].vlan_tci, 0x2005);
  EXPECT_EQ(taken[0].payload, (Payload{10, 100}));
}

TEST_P(ContractOfRings, StallAtABlockThatIsNotGivenBackAndCountWhatTheyDrop) {
  const SocketIndex ring = start_ring(1);
  std::uint64_t number = 0;
  const auto held = hold_blocks(number, kBlocks);
  EXPECT_EQ(backend().statistics(ring).kernel_drops, 0U);
  constexpr std::uint64_t kLost = 5;
  offer_all(number, kLost);
  number += kLost;
  expect_quiet();
  EXPECT_EQ(backend().statistics(ring).kernel_drops, kLost);
  for (const Seen& one : held) give_back(one.completion.region);
  offer_all(number, 3);
  EXPECT_THAT(payloads_of(take(3)), ElementsAreArray(payloads(number, 3)));
  EXPECT_EQ(backend().statistics(ring).kernel_drops, kLost);
}

TEST_P(ContractOfRings, TakeBlocksBackOutOfOrderAndGoOnAtTheOldest) {
  const SocketIndex ring = start_ring(1);
  std::uint64_t number = 0;
  const auto held = hold_blocks(number, kBlocks);
  for (std::size_t index = held.size() - 1; index > 0; --index) {
    give_back(held[index].completion.region);
  }
  offer_all(number++, 1);  // the oldest is missing
  expect_quiet();
  EXPECT_EQ(backend().statistics(ring).kernel_drops, 1U);
  give_back(held[0].completion.region);
  for (std::uint32_t index = 0; index < 2 * kBlocks; ++index) {
    offer_all(number, 1);
    const auto taken = take(1);
    EXPECT_THAT(payloads_of(taken), ElementsAreArray(payloads(number++, 1)));
    EXPECT_EQ(taken[0].completion.region, held[index % kBlocks].completion.region);
  }
}

TEST_P(ContractOfRings, LeaveAHeldBlockUntouched) {
  start_ring(1);
  std::uint64_t number = 0;
  const auto held = hold_blocks(number, 1);
  const auto bytes = [&] {
    const auto visible = memory_.bytes({held[0].completion.region, 0, kBlockBytes});
    return std::vector<std::byte>(visible.begin() + 48, visible.end());
  };
  const std::vector<std::byte> before = bytes();
  offer_all(number, 100);
  take(100);
  EXPECT_EQ(bytes(), before);
}

TEST_P(ContractOfRings, LoseTheRestOfABlockWhoseReceiveIsCancelledInTheMiddle) {
  ring_datagrams_max_ = 2;
  const SocketIndex ring = open_ring(kPort, kBlocks, engine::milliseconds(50));
  add_ring_receive(1, ring);
  hand_over();
  offer_all(0, 10);
  Seen begun;
  do {  // the timer may have parted them
    begun = wait_for(1)[0];
    if (begun.completion.region_complete) give_back(begun.completion.region);
  } while (begun.completion.region_complete && !HasFailure());
  add_cancel(2, 1);
  hand_over();
  const auto ended = wait_for(2);
  const Seen& end = ended[ended[0].slot() == 1 ? 0 : 1];
  const Seen& cancel = ended[ended[0].slot() == 1 ? 1 : 0];
  EXPECT_EQ(cancel.completion.outcome, Outcome::ok);
  EXPECT_EQ(end.completion.outcome, Outcome::cancelled);
  EXPECT_FALSE(end.completion.more);
  EXPECT_EQ(end.completion.region, begun.completion.region);
  EXPECT_TRUE(end.completion.region_complete);
  EXPECT_THAT(end.frames, IsEmpty());
  give_back(begun.completion.region);

  ring_datagrams_max_ = 100;
  offer_all(100, 5);
  add_ring_receive(3, ring);
  hand_over();
  std::vector<Payload> seen;
  while ((seen.empty() || seen.back().number != 104) && !HasFailure()) {
    const Seen one = wait_for(1)[0];
    EXPECT_EQ(one.slot(), 3U);
    seen.insert(seen.end(), one.payloads.begin(), one.payloads.end());
  }
  ASSERT_GE(seen.size(), 5U);
  EXPECT_THAT(std::span(seen).last(5), ElementsAreArray(payloads(100, 5)));
  EXPECT_LT(seen.size(), 13U);  // at least what was left of that block is gone
}

TEST_P(ContractOfRings, EndACancelledReceiveBetweenBlocksWithoutARegion) {
  const SocketIndex ring = start_ring(1);
  offer_all(0, 3);
  take(3);
  add_cancel(2, 1);
  hand_over();
  const auto ended = of_slot(wait_for(2), 1);
  ASSERT_EQ(ended.size(), 1U);
  EXPECT_EQ(ended[0].completion.outcome, Outcome::cancelled);
  EXPECT_FALSE(ended[0].completion.more);
  EXPECT_EQ(ended[0].completion.region, engine::kNoRegion);

  offer_all(3, 4);  // nobody takes them: they wait
  expect_quiet();
  add_ring_receive(3, ring);
  hand_over();
  EXPECT_THAT(payloads_of(take(4)), ElementsAreArray(payloads(3, 4)));
}

TEST_P(ContractOfRings, TakeANewReceiveBehindTheCancelOfTheOldOne) {
  const SocketIndex ring = start_ring(1);
  offer_all(0, 3);
  take(3);
  add_cancel(2, 1);
  add_ring_receive(3, ring);
  hand_over();
  EXPECT_EQ(of_slot(wait_for(2), 1).size(), 1U);
  offer_all(3, 3);
  const auto taken = take(3);
  EXPECT_THAT(payloads_of(taken), ElementsAreArray(payloads(3, 3)));
  EXPECT_EQ(taken[0].slot(), 3U);
}

TEST_P(ContractOfRings, KeepTheirFramesUntilTheReceiveIsSubmitted) {
  const SocketIndex ring = open_ring();
  offer_all(0, 6);
  expect_quiet();
  add_ring_receive(1, ring);
  ASSERT_EQ(prepare(), 1U);
  EXPECT_THAT(reap_once(), IsEmpty());
  EXPECT_EQ(backend().submit().submitted, 1U);
  EXPECT_THAT(payloads_of(take(6)), ElementsAreArray(payloads(0, 6)));
}

TEST_P(ContractOfRings, WakeAWaitWithTheFirstFrame) {
  start_ring(1);
  for (std::uint64_t number = 0; number < 20; ++number) {
    expect_quiet();
    offer(number);
    const engine::Instant deadline = backend().now() + kPatience;
    backend().submit_and_wait(1, deadline);
    EXPECT_LT(backend().now(), deadline);
    EXPECT_THAT(payloads_of(take(1)), ElementsAreArray(payloads(number, 1)));
  }
}

TEST_P(ContractOfRings, EndNoWaitWhenTheEngineHasAllThatTheyHad) {
  start_ring(1);
  std::uint64_t number = 0;
  hold_blocks(number, 2);
  for (int round = 0; round < 3; ++round) {
    const engine::Instant deadline = backend().now() + engine::milliseconds(10);
    backend().submit_and_wait(1, deadline);
    EXPECT_GE(backend().now(), deadline);
    EXPECT_THAT(reap_once(), IsEmpty());
  }
}

TEST_P(ContractOfRings, LeaveAWaitToBeWoken) {
  start_ring(1);
  const engine::Instant deadline = backend().now() + kPatience;
  stand_->wake_from_outside();
  EXPECT_TRUE(backend().submit_and_wait(1, deadline).woken);
  EXPECT_LT(backend().now(), deadline);
  offer_all(0, 1);
  EXPECT_THAT(payloads_of(take(1)), ElementsAreArray(payloads(0, 1)));
}

TEST_P(ContractOfRings, OfTwoSocketsHaveTheirOwnBlocksAndTakeTurns) {
  start_ring(1);
  start_ring(2, kOtherPort);
  constexpr std::uint64_t kFrames = 120;
  for (std::uint64_t number = 0; number < kFrames; ++number) {
    offer(number, 100, number % 2 == 0 ? kPort : kOtherPort);
  }
  stand_->settle();
  ring_datagrams_max_ = 60;  // a block has fewer
  const auto taken = take(kFrames);
  std::map<RegionIndex, std::uint32_t> slot_of;
  for (const Seen& one : taken) {
    EXPECT_EQ(slot_of.try_emplace(one.completion.region, one.slot()).first->second, one.slot());
  }
  for (const std::uint32_t slot : {1U, 2U}) {
    std::vector<Payload> expected;
    for (std::uint64_t number = slot - 1; number < kFrames; number += 2) {
      expected.push_back({number, 100});
    }
    EXPECT_THAT(payloads_of(of_slot(taken, slot)), ElementsAreArray(expected));
  }
}

TEST_P(ContractOfRings, ComeInOneBatchWithReceivesOfOtherSockets) {
  start_ring(1);
  const SocketIndex other = open_receiver(kOtherPort);
  add_provide(0, 8);
  add_receive(2, other);
  hand_over();
  for (std::uint64_t number = 0; number < 10; ++number) {
    offer(number, 100, number % 2 == 0 ? kPort : kOtherPort);
  }
  stand_->settle();
  std::vector<Seen> seen;
  while (payloads_of(seen).size() < 10 && !HasFailure()) seen.push_back(wait_for(1)[0]);
  for (const std::uint32_t slot : {1U, 2U}) {
    std::vector<std::uint64_t> numbers;
    for (const Payload& payload : payloads_of(of_slot(seen, slot))) {
      numbers.push_back(payload.number);
    }
    EXPECT_THAT(numbers, ElementsAreArray({slot - 1, slot + 1, slot + 3, slot + 5, slot + 7}));
  }
}

TEST_P(ContractOfRings, GoOnWhenTheInterfaceIsUpAgain) {
  start_ring(1);
  offer_all(0, 3);
  take(3);
  stand_->set_input_up(false);
  for (int round = 0; round < 3; ++round) {
    backend().submit_and_wait(1, backend().now() + engine::milliseconds(5));
    EXPECT_THAT(reap_once(), IsEmpty());
  }
  stand_->set_input_up(true);
  offer_all(3, 4);
  EXPECT_THAT(payloads_of(take(4)), ElementsAreArray(payloads(3, 4)));
}

TEST_P(ContractOfRings, CountWhatIsQueuedAndItIsWhatIsTaken) {
  const SocketIndex ring = start_ring(1);
  EXPECT_EQ(backend().statistics(ring).queued, 0U);
  offer_all(0, 7);
  EXPECT_EQ(backend().statistics(ring).queued, 7U);
  take(7);
  offer_all(7, 2);
  EXPECT_EQ(backend().statistics(ring).queued, 9U);
  take(2);
}

TEST_P(ContractOfRings, AreNotDisturbedByProvidesOfBlocksThatAreNotTheirs) {
  add_blocks(0, memory_.blocks.region_count);
  hand_over();
  const SocketIndex ring = start_ring(1);
  offer_all(0, 4);
  add_blocks(0, memory_.blocks.region_count);  // some of them filled by now, none taken
  hand_over();
  EXPECT_THAT(payloads_of(take(4)), ElementsAreArray(payloads(0, 4)));
  EXPECT_EQ(backend().statistics(ring).kernel_drops, 0U);
}

TEST_P(ContractOfRings, NeedARingAndAMultishot) {
  const SocketIndex without = open_receiver();
  add_ring_receive(1, without);
  const SocketIndex ring = open_ring(kOtherPort);
  add(Operation::packet_ring_receive, 2, ring);
  hand_over();
  EXPECT_THAT(outcomes_of(wait_for(2), 1, 2), Each(Outcome::invalid));
}

TEST_P(ContractOfRings, LeaveTheirBlocksToTheNextOneWhenTheyAreClosed) {
  for (std::uint32_t round = 0; round < 3; ++round) {
    const SocketIndex ring = start_ring(2 * round, kPort, 2 * kBlocks);
    offer_all(round, 1);
    EXPECT_THAT(payloads_of(take(1)), ElementsAreArray(payloads(round, 1)));
    engine::PacketSocketSpec spec = stand_->receiver(kPort);
    spec.ring_blocks = 1;
    EXPECT_FALSE(backend().open(spec).has_value());  // all are taken
    add_cancel(2 * round + 1, 2 * round);
    hand_over();
    wait_for(2);
    backend().close(ring);
  }
}

}  // namespace
}  // namespace reprise::tests
