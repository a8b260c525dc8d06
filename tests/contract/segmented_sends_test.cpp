// Segmented and zero-copy sends.
#include <numeric>

#include "contract_case.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using ::testing::ElementsAreArray;
using ::testing::IsEmpty;

/// What `add_segments` puts into the datagrams: `count` of `segment_bytes`, the last of `last`.
std::vector<Payload> segments(std::uint32_t count, std::uint32_t segment_bytes,
                              std::uint32_t last_bytes) {
  std::vector<Payload> all = payloads(0, count, segment_bytes);
  all.back().length_bytes = last_bytes;
  return all;
}

class ContractOfSegmentedSends : public ContractCase {
 protected:
  void SetUp() override {
    ContractCase::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    REPRISE_NEEDS(segmented_send);
  }

  /// A slice for every segment.
  void add_segments(std::uint32_t slot, SocketIndex socket, const std::vector<Payload>& parts,
                    std::uint8_t flags = 0) {
    add(Operation::segmented_send, slot, socket, flags).segment_bytes =
        static_cast<std::uint16_t>(parts.front().length_bytes);
    for (const Payload& part : parts) add_payload(part.number, part.length_bytes);
  }

  /// The segments that do not exceed the bytes which limits() names.
  [[nodiscard]] std::uint32_t segments_that_fit(std::uint32_t segment_bytes) {
    const engine::Limits limits = backend().limits();
    return std::min(limits.segments_max, limits.segmented_bytes_max / segment_bytes);
  }
};
REPRISE_ON_EVERY_STAND(ContractOfSegmentedSends);

TEST_P(ContractOfSegmentedSends, GatherTheirSlicesAndLeaveAsDatagramsTheLastOneShorter) {
  const SocketIndex sender = open_sender();
  const std::vector<Payload> parts = segments(5, 700, 300);
  add_segments(0, sender, parts);
  hand_over();
  const auto seen = wait_for(1);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::ok);
  EXPECT_EQ(seen[0].completion.result_bytes, 4 * 700U + 300U);
  EXPECT_FALSE(seen[0].completion.more);
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(parts));
}

TEST_P(ContractOfSegmentedSends, OneThatIsNotLongerThanASegmentLeavesAsOneDatagram) {
  const SocketIndex sender = open_sender();
  add(Operation::segmented_send, 0, sender).segment_bytes = 700;
  add_payload(9, 500);
  hand_over();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::ok);
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(9, 1, 500)));
}

TEST_P(ContractOfSegmentedSends, AsManyAndAsLongAsLimitsSayAreTaken) {
  const SocketIndex sender = open_sender();
  const std::uint32_t many = segments_that_fit(16);
  const std::uint32_t longest = stand_->payload_bytes_max();
  const std::uint32_t full = segments_that_fit(longest);
  EXPECT_GT(many, 1U);
  add_segments(0, sender, segments(many, 16, 16));
  hand_over();
  EXPECT_EQ(wait_for(1)[0].completion.outcome, Outcome::ok);
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(segments(many, 16, 16)));
  add_segments(1, sender, segments(full, longest, longest));
  hand_over();
  const auto seen = wait_for(1);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::ok);
  EXPECT_EQ(seen[0].completion.result_bytes, full * longest);
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(segments(full, longest, longest)));
}

TEST_P(ContractOfSegmentedSends, MoreOrLongerThanLimitsSayDoNothing) {
  const SocketIndex sender = open_sender();
  const engine::Limits limits = backend().limits();
  const std::uint32_t longest = stand_->payload_bytes_max();
  const std::uint32_t too_many = limits.segments_max + 1;
  add(Operation::segmented_send, 0, sender).segment_bytes = 1;
  add_payload(0, too_many);
  add_segments(1, sender, segments(segments_that_fit(longest) + 1, longest, longest));
  add_segments(2, sender, segments(2, longest + 1, 100));
  hand_over();
  using enum Outcome;
  EXPECT_THAT(outcomes_of(wait_for(3), 0, 3), ElementsAreArray({invalid, too_large, too_large}));
  EXPECT_THAT(all_that_left(sender), IsEmpty());
}

TEST_P(ContractOfSegmentedSends, RefusedOnesLeaveNoPartOfThemselves) {
  const SocketIndex sender = open_sender();
  stand_->block_output();
  std::vector<Payload> accepted;
  const std::vector<Payload> parts = segments(4, 1400, 1400);
  for (std::uint32_t slot = 0; slot < 20; ++slot) add_segments(slot, sender, parts, kDoNotWait);
  hand_over();
  std::size_t refused = 0;
  for (const Seen& one : wait_for(20)) {
    if (one.completion.outcome == Outcome::ok) {
      accepted.insert(accepted.end(), parts.begin(), parts.end());
    } else {
      EXPECT_EQ(one.completion.outcome, Outcome::refused);
      ++refused;
    }
  }
  EXPECT_GT(refused, 0U);
  EXPECT_GT(accepted.size(), 0U);
  stand_->unblock_output();
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(accepted));
}

TEST_P(ContractOfSegmentedSends, RunInAChainWithOthers) {
  const SocketIndex sender = open_sender();
  add_send(10, sender, 100, kLinked);
  add_segments(11, sender, segments(3, 200, 150), kLinked);
  add_send(12, sender, stand_->payload_bytes_max() + 1, kLinked);
  add_segments(13, sender, segments(3, 200, 150));
  hand_over();
  using enum Outcome;
  EXPECT_THAT(outcomes_of(wait_for(4), 10, 4), ElementsAreArray({ok, ok, too_large, cancelled}));
  std::vector<Payload> expected = payloads(10, 1);
  for (const Payload& part : segments(3, 200, 150)) expected.push_back(part);
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(expected));
}

class ContractOfZeroCopySends : public ContractCase {
 protected:
  void SetUp() override {
    ContractCase::SetUp();
    if (IsSkipped() || HasFatalFailure()) return;
    REPRISE_NEEDS(zero_copy_send);
  }
};
REPRISE_ON_EVERY_STAND(ContractOfZeroCopySends);

TEST_P(ContractOfZeroCopySends, HaveTwoCompletionsTheSecondOfWhichIsTheirEnd) {
  const SocketIndex sender = open_sender();
  add(Operation::zero_copy_send, 0, sender);
  add_payload(0, 1000);
  hand_over();
  const auto seen = wait_for(2);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::ok);
  EXPECT_EQ(seen[0].completion.result_bytes, 1000U);
  EXPECT_TRUE(seen[0].completion.more);
  EXPECT_EQ(seen[1].completion.outcome, Outcome::ok);
  EXPECT_EQ(seen[1].completion.result_bytes, 0U);
  EXPECT_FALSE(seen[1].completion.more);
  EXPECT_EQ(seen[1].completion.token, seen[0].completion.token);
  EXPECT_THAT(all_that_left(sender), ElementsAreArray(payloads(0, 1, 1000)));
}

TEST_P(ContractOfZeroCopySends, ThatFailEndOnceToo) {
  const SocketIndex sender = open_sender();
  add(Operation::zero_copy_send, 0, sender);
  add_payload(0, stand_->payload_bytes_max() + 1);
  hand_over();
  std::vector<Seen> seen = wait_for(1);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::too_large);
  if (seen[0].completion.more) seen = wait_for(1);
  EXPECT_FALSE(seen[0].completion.more);
  expect_quiet();
  EXPECT_THAT(all_that_left(sender), IsEmpty());
}

}  // namespace
}  // namespace reprise::tests
