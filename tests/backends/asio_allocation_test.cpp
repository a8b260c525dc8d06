// Nothing is allocated after set-up, also not by Boost.Asio.
#include "allocation_count.hpp"
#include "asio_full_socket.hpp"

namespace reprise::tests {
namespace {

class AsioAllocation : public AsioFullSocket {
 protected:
  /// Prepares, waits and reaps until so many operations have ended.
  void run(std::uint32_t ends) {
    const engine::Instant end = backend_->now() + kPatience;
    const auto count = static_cast<std::uint32_t>(submissions_.size());
    EXPECT_EQ(backend_->prepare({submissions_, slices_}), count);
    while (ends > 0 && backend_->now() < end) {
      // Deadlines of different lengths set the alarm anew.
      backend_->submit_and_wait(1, backend_->now() + engine::milliseconds(ends % 3 + 1));
      backend_->reap(batch_);
      for (const engine::Completion& completion : batch_.completions()) {
        if (!completion.more && ends > 0) --ends;
      }
    }
    EXPECT_EQ(ends, 0U);
  }

  engine::CompletionBatch batch_{64, 64};
};

TEST_F(AsioAllocation, NothingIsAllocatedFromPrepareToReap) {
  const engine::SocketIndex receiver = open_receiver();
  add_provide(kFirstReceiveRegion, 8);
  add_receive(50, receiver);
  for (std::uint32_t slot = 0; slot < 40; ++slot) add_numbered(slot);  // most wait for room
  add(engine::Operation::segmented_send, 41, sender_).segment_bytes = 500;
  add_slice(0, 1000);
  add(engine::Operation::wait_writable, 42, sender_);
  add(engine::Operation::wait_readable, 43, receiver);
  add(engine::Operation::deadline, 44).deadline = backend_->now() + engine::milliseconds(4);
  add(engine::Operation::deadline, 45).deadline = engine::kNever;
  add_cancel(46, 45);
  const std::size_t before = allocation_count();
  for (int round = 0; round < 3; ++round) run(47);  // the receive ends for want of regions
  EXPECT_EQ(allocation_count(), before);
}

}  // namespace
}  // namespace reprise::tests
