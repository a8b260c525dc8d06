// What set-up refuses, and what is a programming error.
#include "reprise/asio/asio_backend.hpp"

#include <gmock/gmock.h>

#include "asio_harness.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::Outcome;
using ::testing::HasSubstr;

using AsioBackend = AsioHarness;

TEST_F(AsioBackend, EndsWhatItDoesNotHaveInvalid) {
  EXPECT_FALSE(backend_->limits().supports(Operation::zero_copy_send));
  add(Operation::zero_copy_send, 7, open_sender());
  add_slice(0, 100);
  prepare_and_submit();
  const auto seen = wait_for(1);
  EXPECT_EQ(seen[0].completion.outcome, Outcome::invalid);
  EXPECT_FALSE(seen[0].completion.more);
}

TEST_F(AsioBackend, ASocketWithOpenOperationsIsNotClosed) {
  const engine::SocketIndex receiver = open_receiver();
  add(Operation::wait_readable, 1, receiver);
  prepare_and_submit();
  EXPECT_DEATH(backend_->close(receiver), "is_idle");
}

TEST_F(AsioBackend, ASocketInAClosedOnesPlaceIsWatched) {
  const engine::SocketIndex sender = open_sender();
  for (std::uint32_t round = 0; round < 3; ++round) {
    const engine::SocketIndex receiver = open_receiver();
    EXPECT_NE(receiver, sender);
    add(Operation::wait_readable, 1, receiver);
    prepare_and_submit();
    EXPECT_TRUE(reap_once().empty());
    add_send(2, sender);
    prepare_and_submit();
    for (const Seen& seen : wait_for(2)) EXPECT_EQ(seen.completion.outcome, Outcome::ok);
    // A second one is called off, with Asio's wait for it still open.
    const engine::SocketIndex other = open_receiver();
    add(Operation::wait_readable, 3, other);
    prepare_and_submit();
    add_cancel(4, 3);
    prepare_and_submit();
    EXPECT_EQ(wait_for(2).size(), 2U);
    backend_->close(receiver);
    backend_->close(other);
  }
}

TEST_F(AsioBackend, BorrowedRegionsAreNotProvided) {
  const auto sender = asio::AsioBackend::create({});
  ASSERT_TRUE(sender.has_value()) << sender.error().message;
  ASSERT_TRUE((*sender)->use_memory(memory_).has_value());
  engine::Submission provide;
  provide.operation = Operation::provide;
  provide.slice_count = 1;
  const engine::Slice slice{engine::RegionIndex{0}, 0, memory_.buffers.region_bytes};
  EXPECT_DEATH((*sender)->prepare({{&provide, 1}, {&slice, 1}}), "is_owned");
}

TEST_F(AsioBackend, ARegionIsNotProvidedTwice) {
  add_provide(0, kRegions);
  add_provide(0, 1);
  EXPECT_DEATH(prepare(), "region_count");
}

void expect_refused(const asio::AsioBackend::Options& options, const char* words) {
  const auto created = asio::AsioBackend::create(options);
  ASSERT_FALSE(created.has_value());
  EXPECT_THAT(created.error().message, HasSubstr(words));
}

TEST(AsioOptions, AreRefusedWhereTheirSizesDoNotGoTogether) {
  expect_refused({.submission_entries = 0}, "0 submission entries; expected 1 to 32768");
  expect_refused({.submission_entries = 64, .completion_entries = 8},
                 "8 completion entries; expected 64 to 65536");
  expect_refused({.submission_entries = 64, .operations_in_flight_max = 63},
                 "63 operations in flight; expected 64");
}

}  // namespace
}  // namespace reprise::tests
