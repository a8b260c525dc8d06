#include "uring_harness.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using engine::SubmissionFlags;

using UringSend = UringHarness;

void expect_all_in_order(const std::vector<Seen>& seen, std::uint32_t count) {
  ASSERT_EQ(seen.size(), count);
  for (std::uint32_t index = 0; index < count; ++index) {
    EXPECT_EQ(seen[index].completion.outcome, Outcome::ok);
    EXPECT_EQ(seen[index].completion.result_bytes, 100U);
    EXPECT_FALSE(seen[index].completion.more);
    EXPECT_EQ(seen[index].completion.token, (engine::Token{index, index + 1000}));
  }
}

TEST_F(UringSend, SendsHaveEndedInOrderWhenSubmitReturns) {
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 32; ++slot) add_send(slot, sender);
  prepare_and_submit();
  expect_all_in_order(reap_once(), 32);
}

TEST_F(UringSend, ALinkedChainHasEndedInOrderWhenSubmitReturns) {
  const SocketIndex sender = open_sender();
  for (std::uint32_t slot = 0; slot < 32; ++slot) {
    add_send(slot, sender, 100, slot < 31 ? SubmissionFlags::kLinked : std::uint8_t{0});
  }
  prepare_and_submit();
  expect_all_in_order(reap_once(), 32);
}

TEST_F(UringSend, NeverRunsOutOfWhatEndedSendsGaveBack) {
  start({.submission_entries = 4,
         .completion_entries = 8,
         .operations_in_flight_max = 4,
         .messages_in_flight_max = 4});
  if (!backend_->limits().supports(Operation::segmented_send)) GTEST_SKIP() << "no UDP_SEGMENT";
  const SocketIndex sender = open_sender();
  for (int round = 0; round < 20; ++round) {
    for (std::uint32_t slot = 0; slot < 4; ++slot) {
      add(Operation::segmented_send, slot, sender).segment_bytes = 50;
      add_slice(0, 100);
    }
    prepare_and_submit();
    expect_all_in_order(reap_once(), 4);
  }
}

}  // namespace
}  // namespace reprise::tests
