// A second backend that sends from regions which the first one registered and received into.
#include "uring_harness.hpp"

namespace reprise::tests {
namespace {

using engine::Outcome;

using UringSharedMemory = UringHarness;

TEST_F(UringSharedMemory, IsSentFromByAnotherBackend) {
  const engine::SocketIndex receiver = open_receiver();
  add_provide(0, 8);
  add_receive(1, receiver);
  prepare_and_submit();

  const auto sender = uring::UringBackend::create({});
  ASSERT_TRUE(sender.has_value()) << sender.error().message;
  const auto used = (*sender)->use_memory(memory_);
  ASSERT_TRUE(used.has_value()) << used.error().message;
  engine::SendSocketSpec spec;
  spec.destination = engine::Address::ipv4(239, 1, 1, 1);
  spec.port = 5000;
  spec.interface = "left";
  const engine::SocketIndex socket = index_of((*sender)->open(spec));

  constexpr std::uint32_t kRegion = kRegions - 1;
  constexpr std::uint32_t kBytes = 100;
  std::memset(region(kRegion), 0x5a, kBytes);
  engine::Submission send;
  send.operation = engine::Operation::send;
  send.socket = socket;
  send.slice_count = 1;
  const engine::Slice slice{engine::RegionIndex{kRegion}, 0, kBytes};
  ASSERT_EQ((*sender)->prepare({{&send, 1}, {&slice, 1}}), 1U);
  EXPECT_EQ((*sender)->submit().submitted, 1U);
  engine::CompletionBatch batch(4, 4);
  ASSERT_EQ((*sender)->reap(batch), 1U);
  EXPECT_EQ(batch.completions()[0].outcome, Outcome::ok);

  const std::vector<Seen> seen = wait_for(1);
  ASSERT_EQ(seen.size(), 1U);
  ASSERT_EQ(seen[0].frames.size(), 1U);
  const engine::Frame& frame = seen[0].frames[0];
  ASSERT_GE(frame.captured_bytes, kBytes);
  const auto bytes = memory_.bytes(
      {seen[0].completion.region, frame.offset_bytes + frame.captured_bytes - kBytes, kBytes});
  for (const std::byte value : bytes) ASSERT_EQ(value, std::byte{0x5a});
}

TEST_F(UringSharedMemory, IsRefusedWhereNotAllOfItIsVisible) {
  const auto sender = uring::UringBackend::create({});
  ASSERT_TRUE(sender.has_value()) << sender.error().message;
  engine::PacketMemory headers_only = memory_;
  headers_only.visible_bytes = 64;
  EXPECT_FALSE((*sender)->use_memory(headers_only).has_value());
  EXPECT_FALSE((*sender)->use_memory({}).has_value());
}

TEST_F(UringSharedMemory, IsNotProvidedForReceiving) {
  const auto sender = uring::UringBackend::create({});
  ASSERT_TRUE(sender.has_value()) << sender.error().message;
  ASSERT_TRUE((*sender)->use_memory(memory_).has_value());
  engine::Submission provide;
  provide.operation = engine::Operation::provide;
  provide.slice_count = 1;
  const engine::Slice slice{engine::RegionIndex{0}, 0, memory_.region_bytes};
  EXPECT_DEATH((*sender)->prepare({{&provide, 1}, {&slice, 1}}), "ring_entries_");
}

}  // namespace
}  // namespace reprise::tests
