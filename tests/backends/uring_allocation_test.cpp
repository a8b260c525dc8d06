// The backend allocates nothing after set-up: this program counts every allocation.
#include <cstdlib>
#include <new>

#include "uring_harness.hpp"

namespace {
thread_local std::size_t allocation_count = 0;
}

[[gnu::noinline]] void* operator new(std::size_t size_bytes) {
  ++allocation_count;
  if (void* memory = std::malloc(size_bytes)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

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

  const std::size_t before = allocation_count;
  const std::uint32_t taken = backend_->prepare({submissions_, slices_});
  std::uint32_t reaped = 0;
  const engine::Instant end = backend_->now() + kPatience;
  // Each but the provide ends once.
  while (reaped + 1 < taken && backend_->now() < end) {
    backend_->submit_and_wait(1, end);
    reaped += backend_->reap(batch);
  }
  EXPECT_EQ(allocation_count, before);
  EXPECT_EQ(taken, 13U);
  EXPECT_GE(reaped + 1, taken);
}

}  // namespace
}  // namespace reprise::tests
