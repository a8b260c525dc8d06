#include <linux/if_packet.h>
#include <net/if.h>

#include "raw_frame.hpp"
#include "uring_harness.hpp"

namespace reprise::tests {
namespace {

using engine::Frame;
using engine::Outcome;
using engine::SocketIndex;

class UringReceive : public UringHarness {
 protected:
  /// Puts a frame on the cable as it is.
  void inject(const std::vector<std::uint8_t>& frame) {
    if (!injector_.is_open()) {
      injector_ = posix::Descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    }
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(::if_nametoindex("left"));
    ASSERT_EQ(::sendto(injector_.get(), frame.data(), frame.size(), 0,
                       reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              static_cast<ssize_t>(frame.size()));
  }

  [[nodiscard]] std::vector<std::uint8_t> bytes_of(const Seen& seen) const {
    const Frame& frame = seen.frames.at(0);
    const std::uint8_t* first =
        region(static_cast<std::uint32_t>(seen.completion.region)) + frame.offset_bytes;
    return {first, first + frame.captured_bytes};
  }

  posix::Descriptor injector_;
};

TEST_F(UringReceive, MultishotGivesEachFrameWhole) {
  add_provide(0, 8);
  add_receive(1, open_receiver());
  prepare_and_submit();
  std::vector<std::vector<std::uint8_t>> sent;
  for (const std::size_t payload_bytes : {8UL, 100UL, 1000UL}) {
    sent.push_back(RawFrame{.payload_bytes = payload_bytes}.bytes());
    inject(sent.back());
  }
  const auto seen = wait_for(3);
  for (std::size_t index = 0; index < sent.size(); ++index) {
    EXPECT_EQ(seen[index].completion.outcome, Outcome::ok);
    EXPECT_TRUE(seen[index].completion.more);
    ASSERT_EQ(seen[index].frames.size(), 1U);
    const Frame& frame = seen[index].frames[0];
    EXPECT_EQ(frame.original_bytes, sent[index].size());
    EXPECT_EQ(frame.type, engine::PacketType::multicast);
    EXPECT_EQ(frame.format, engine::FrameFormat::ethernet);
    EXPECT_FALSE(frame.has_vlan);
    EXPECT_EQ(bytes_of(seen[index]), sent[index]);
  }
}

TEST_F(UringReceive, TellsTheVlanTagThatTheKernelStripped) {
  add_provide(0, 8);
  const SocketIndex receiver = open_receiver();
  add_receive(1, receiver);
  prepare_and_submit();
  inject(RawFrame{.tags = {0x8100}, .vlan_tci = 0x6007}.bytes());
  const auto multishot = wait_for(1);
  ASSERT_EQ(multishot[0].frames.size(), 1U);
  EXPECT_TRUE(multishot[0].frames[0].has_vlan);
  EXPECT_EQ(multishot[0].frames[0].vlan_tci, 0x6007);
  EXPECT_EQ(bytes_of(multishot[0]), RawFrame{}.bytes());
}

TEST_F(UringReceive, TellsAChecksumThatIsLeftToTheDevice) {
  add_provide(0, 8);
  add_receive(1, open_receiver());
  prepare_and_submit();
  inject(RawFrame{}.bytes());
  EXPECT_NE(wait_for(1)[0].frames.at(0).checksum, engine::ChecksumState::partial);
  const SocketIndex sender = open_sender();
  add_send(2, sender);
  prepare_and_submit();
  for (const Seen& seen : wait_for(2)) {
    if (seen.completion.token.slot == 1) {
      EXPECT_EQ(seen.frames.at(0).checksum, engine::ChecksumState::partial);
    }
  }
}

TEST_F(UringReceive, EndsWithItsLastBufferBeforeAnotherFrameComes) {
  add_provide(0, 1);
  add_receive(1, open_receiver());
  prepare_and_submit();
  inject(RawFrame{}.bytes());
  const auto seen = wait_for(2);
  EXPECT_TRUE(seen[0].completion.more);
  EXPECT_EQ(seen[1].completion.outcome, Outcome::no_buffer);
}

TEST_F(UringReceive, LeavesOutWhatThisHostSendsAndWhatIsNotWanted) {
  add_provide(0, 8);
  add_receive(1, open_receiver("left"));
  add_receive(2, open_receiver("right"));
  prepare_and_submit();
  inject(RawFrame{.destination_port = 5001}.bytes());
  inject(RawFrame{}.bytes());
  EXPECT_EQ(wait_for(1)[0].completion.token.slot, 2U);
  add_cancel(3, 1);
  prepare_and_submit();
  for (const Seen& seen : wait_for(2)) {
    EXPECT_EQ(seen.completion.outcome,
              seen.completion.token.slot == 1 ? Outcome::cancelled : Outcome::ok);
    EXPECT_TRUE(seen.frames.empty());
  }
}

}  // namespace
}  // namespace reprise::tests
