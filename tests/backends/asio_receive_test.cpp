// How much is read at once, and from whom.
#include <linux/if_packet.h>
#include <net/if.h>

#include <map>

#include "asio_harness.hpp"

namespace reprise::tests {
namespace {

class AsioReceive : public AsioHarness {
 protected:
  void send(engine::SocketIndex sender, std::uint32_t count) {
    for (std::uint32_t slot = 0; slot < count; ++slot) add_send(1000 + slot, sender);
    prepare_and_submit();
    EXPECT_EQ(reap_once().size(), count);
  }
};

TEST_F(AsioReceive, ReadsNoMoreThanTheCompletionQueueIsToHold) {
  start({.submission_entries = 32, .completion_entries = 32});
  const engine::SocketIndex sender = open_sender();
  const engine::SocketIndex receiver = open_receiver();
  send(sender, 30);
  send(sender, 30);
  add_provide(0, kRegions);
  add_receive(1, receiver);
  prepare_and_submit();
  for (int count = 0; count < 5; ++count) backend_->submit_and_wait(0, engine::kNever);
  EXPECT_EQ(backend_->depths().completions, 32U);
  EXPECT_EQ(reap_once().size(), 32U);
  EXPECT_EQ(wait_for(28).size(), 28U);
}

TEST_F(AsioReceive, ReadsSomeFromEachSocketInTurn) {
  const engine::SocketIndex sender = open_sender();
  const engine::SocketIndex first = open_receiver();
  const engine::SocketIndex second = open_receiver();
  send(sender, 50);
  add_provide(0, kRegions);
  add_receive(1, first);
  add_receive(2, second);
  prepare_and_submit();
  std::map<std::uint32_t, std::uint32_t> received;
  for (const Seen& seen : reap_once()) ++received[seen.completion.token.slot];
  EXPECT_EQ(received[1], asio::AsioBackend::kReadsPerTurn);
  EXPECT_EQ(received[2], asio::AsioBackend::kReadsPerTurn);
}

TEST_F(AsioReceive, GoesOnWithWhatItLeftWithoutAnotherArrival) {
  const engine::SocketIndex sender = open_sender();
  const engine::SocketIndex receiver = open_receiver();
  send(sender, 50);
  add_provide(0, kRegions);
  add_receive(1, receiver);
  prepare_and_submit();
  backend_->submit_and_wait(50, backend_->now() + kPatience);
  EXPECT_EQ(reap_once().size(), 50U);
}

}  // namespace
}  // namespace reprise::tests
