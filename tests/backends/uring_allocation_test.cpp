// The backend allocates nothing after set-up.
#include "allocation_count.hpp"
#include "uring_harness.hpp"

namespace reprise::tests {
namespace {

using UringAllocation = UringHarness;

TEST_F(UringAllocation, NothingIsAllocatedFromPrepareToReap) {
  const engine::SocketIndex sender = open_sender();
  add_provide(10, 8);
  add_receive(50, open_receiver());
  for (std::uint32_t slot = 0; slot < 8; ++slot) add_send(slot, sender);
  add(engine::Operation::segmented_send, 9, sender).segment_bytes = 500;
  add_slice(0, 1000);
  add(engine::Operation::deadline, 10).deadline = backend_->now();
  add_cancel(11, 50);
  engine::CompletionBatch batch(64, 64);

  const std::size_t before = allocation_count();
  const std::uint32_t taken = backend_->prepare({submissions_, slices_});
  std::uint32_t reaped = 0;
  const engine::Instant end = backend_->now() + kPatience;
  // Each but the provide ends once.
  while (reaped + 1 < taken && backend_->now() < end) {
    backend_->submit_and_wait(1, end);
    reaped += backend_->reap(batch);
  }
  EXPECT_EQ(allocation_count(), before);
  EXPECT_EQ(taken, 13U);
  EXPECT_GE(reaped + 1, taken);
}

}  // namespace
}  // namespace reprise::tests
