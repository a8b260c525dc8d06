// Regions that another backend registered are to be sent from, not to be received into.
#include "uring_harness.hpp"

namespace reprise::tests {
namespace {

using UringSharedMemory = UringHarness;

TEST_F(UringSharedMemory, IsNotProvidedForReceiving) {
  const auto sender = uring::UringBackend::create({});
  ASSERT_TRUE(sender.has_value()) << sender.error().message;
  ASSERT_TRUE((*sender)->use_memory(memory_).has_value());
  engine::Submission provide;
  provide.operation = engine::Operation::provide;
  provide.slice_count = 1;
  const engine::Slice slice{engine::RegionIndex{0}, 0, memory_.buffers.region_bytes};
  EXPECT_DEATH((*sender)->prepare({{&provide, 1}, {&slice, 1}}), "ring_entries_");
}

}  // namespace
}  // namespace reprise::tests
