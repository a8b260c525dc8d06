#include <linux/if_packet.h>
#include <net/if.h>

#include <algorithm>

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

TEST_F(UringReceive, OneShotGivesOneFrame) {
  add_provide(0, 8);
  add_receive(1, open_receiver(), false);
  prepare_and_submit();
  const auto sent = RawFrame{.payload_bytes = 500}.bytes();
  inject(sent);
  inject(sent);
  const auto seen = wait_for(1);
  EXPECT_FALSE(seen[0].completion.more);
  ASSERT_EQ(seen[0].frames.size(), 1U);
  EXPECT_EQ(seen[0].frames[0].original_bytes, sent.size());
  EXPECT_EQ(seen[0].frames[0].type, engine::PacketType::multicast);
  EXPECT_EQ(bytes_of(seen[0]), sent);
  EXPECT_TRUE(reap_once().empty());
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

TEST_F(UringReceive, AFrameOfTheAskedSizeFitsAndALargerOneIsFlagged) {
  start({}, 256);
  add_provide(0, 8);
  add_receive(1, open_receiver());
  prepare_and_submit();
  constexpr std::size_t kHeadersBytes = 14 + 20 + 8;
  inject(RawFrame{.payload_bytes = 256 - kHeadersBytes}.bytes());
  inject(RawFrame{.payload_bytes = 257 - kHeadersBytes}.bytes());
  const auto seen = wait_for(2);
  EXPECT_EQ(seen[0].frames.at(0).captured_bytes, 256U);
  EXPECT_EQ(seen[0].frames.at(0).original_bytes, 256U);
  EXPECT_EQ(seen[1].frames.at(0).captured_bytes, 256U);
  EXPECT_EQ(seen[1].frames.at(0).original_bytes, 257U);
}

TEST_F(UringReceive, AOneShotFrameOverTheRegionIsFlagged) {
  start({}, 256);
  add_provide(0, 8);
  add_receive(1, open_receiver(), false);
  prepare_and_submit();
  const auto sent = RawFrame{.payload_bytes = 1000}.bytes();
  inject(sent);
  const auto seen = wait_for(1);
  const Frame& frame = seen[0].frames.at(0);
  EXPECT_EQ(frame.offset_bytes + frame.captured_bytes, memory_.region_bytes);
  EXPECT_EQ(seen[0].frames.at(0).original_bytes, sent.size());
}

TEST_F(UringReceive, EndsWithoutBuffersAndGoesOnWhenArmedAgain) {
  const SocketIndex receiver = open_receiver();
  add_provide(0, 2);
  add_receive(1, receiver);
  prepare_and_submit();
  for (int count = 0; count < 4; ++count) inject(RawFrame{}.bytes());
  const auto seen = wait_for(3);
  EXPECT_EQ(seen[1].completion.outcome, Outcome::ok);
  EXPECT_EQ(seen[2].completion.outcome, Outcome::no_buffer);
  EXPECT_EQ(seen[2].completion.region, engine::kNoRegion);
  EXPECT_FALSE(seen[2].completion.more);

  add_provide(0, 4);
  add_receive(2, receiver);
  prepare_and_submit();
  for (const Seen& later : wait_for(2)) {
    EXPECT_EQ(later.completion.outcome, Outcome::ok);
    EXPECT_EQ(later.completion.token.slot, 2U);
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

TEST_F(UringReceive, UsesEveryProvidedRegionOnce) {
  add_provide(0, kRegions);
  add_receive(1, open_receiver());
  prepare_and_submit();
  for (std::uint32_t count = 0; count < kRegions; ++count) inject(RawFrame{}.bytes());
  std::vector<std::uint32_t> regions;
  for (const Seen& seen : wait_for(kRegions + 1)) {
    if (seen.completion.outcome == Outcome::no_buffer) continue;
    regions.push_back(static_cast<std::uint32_t>(seen.completion.region));
  }
  std::ranges::sort(regions);
  ASSERT_EQ(regions.size(), kRegions);
  for (std::uint32_t index = 0; index < kRegions; ++index) EXPECT_EQ(regions[index], index);
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

TEST_F(UringReceive, ACancelledReceiveEndsOnceWithoutARegion) {
  add_provide(0, 8);
  add_receive(1, open_receiver());
  add_cancel(2, 1);
  prepare_and_submit();
  for (const Seen& seen : wait_for(2)) {
    EXPECT_FALSE(seen.completion.more);
    EXPECT_EQ(seen.completion.region, engine::kNoRegion);
    EXPECT_EQ(seen.completion.outcome,
              seen.completion.token.slot == 1 ? Outcome::cancelled : Outcome::ok);
  }
}

TEST_F(UringReceive, CountsWhatTheKernelDropped) {
  engine::PacketSocketSpec spec;
  spec.interface = "right";
  spec.wanted = {{.source = {}, .destination = engine::Address::ipv4(239, 1, 1, 1), .port = 5000}};
  spec.receive_buffer_bytes = 4096;
  const SocketIndex receiver = index_of(backend_->open(spec));
  EXPECT_EQ(backend_->statistics(receiver).kernel_drops, 0U);
  for (int count = 0; count < 200; ++count) inject(RawFrame{.payload_bytes = 1000}.bytes());
  const std::uint64_t drops = backend_->statistics(receiver).kernel_drops;
  EXPECT_GT(drops, 0U);
  EXPECT_EQ(backend_->statistics(receiver).kernel_drops, drops);
}

}  // namespace
}  // namespace reprise::tests
