// Fanout groups: which member gets a frame, and what steering changes.
#include "reprise/posix/fanout.hpp"

#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <atomic>
#include <map>
#include <set>
#include <thread>

#include "raw_frame.hpp"
#include "reprise/posix/descriptor.hpp"
#include "uring_harness.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::SocketIndex;
using engine::Steering;

constexpr std::uint16_t kGroup = 77;
constexpr std::uint32_t kBlocks = 64;
constexpr std::uint32_t kBlockBytes = 16'384;

/// Two members with packet rings at `right`, frames into `left`.
class Fanout : public UringHarness {
 protected:
  static constexpr std::uint32_t kProvideSlot = 999;
  using Members = std::array<std::vector<std::vector<std::uint8_t>>, 2>;

  void SetUp() override {
    UringHarness::SetUp();
    if (backend_ == nullptr || IsSkipped()) return;
    auto created = uring::UringBackend::create({});
    ASSERT_TRUE(created.has_value()) << created.error().message;
    backend_ = *std::move(created);
    const auto memory = backend_->register_memory({.buffers = kRegions,
                                                   .buffer_bytes = kRegionBytes,
                                                   .blocks = 2 * kBlocks,
                                                   .block_bytes = kBlockBytes});
    ASSERT_TRUE(memory.has_value()) << memory.error().message;
    memory_ = *memory;
    if (!backend_->limits().supports(Operation::packet_ring_receive)) GTEST_SKIP() << "no rings";
    injector_ = posix::Descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  }

  void open_members(Steering steering) {
    for (std::uint32_t member = 0; member < 2; ++member) {
      engine::PacketSocketSpec spec;
      spec.interface = "right";
      spec.wanted = {
          {.source = {}, .destination = engine::Address::ipv4(239, 1, 1, 1), .port = 5000},
          {.source = {}, .destination = ipv6_group(), .port = 5000}};
      spec.ring_blocks = kBlocks;
      spec.fanout = {.group = kGroup, .steering = steering};
      members_[member] = index_of(backend_->open(spec));
      add(Operation::packet_ring_receive, member, members_[member]).flags =
          engine::SubmissionFlags::kMultishot;
    }
    prepare_and_submit();
  }

  static engine::Address ipv6_group() {
    engine::Address group;
    group.family = engine::Family::ipv6;
    group.bytes[0] = 0xff;
    group.bytes[1] = 0x05;
    group.bytes[15] = 9;
    return group;
  }

  void inject(const RawFrame& frame) const {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(::if_nametoindex("left"));
    const auto bytes = frame.bytes();
    ASSERT_EQ(::sendto(injector_.get(), bytes.data(), bytes.size(), 0,
                       reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              static_cast<ssize_t>(bytes.size()));
  }

  /// Reaps what there is, and sorts it by member.
  void reap_into(Members& taken) {
    engine::CompletionBatch batch(64, 1024);
    batch.accept_from_rings(1000);
    backend_->reap(batch);
    for (const engine::Completion& completion : batch.completions()) {
      for (const engine::Frame& frame : batch.frames(completion)) {
        const auto bytes =
            memory_.bytes({completion.region, frame.offset_bytes, frame.captured_bytes});
        auto& copy = taken.at(completion.token.slot).emplace_back();
        for (const std::byte byte : bytes) copy.push_back(std::to_integer<std::uint8_t>(byte));
      }
      if (!completion.region_complete) continue;
      add(Operation::provide, kProvideSlot);
      slices_.push_back({completion.region, 0, 0});
      submissions_.back().slice_count = 1;
    }
    if (!submissions_.empty()) prepare_and_submit();
  }

  /// Until there are so many in all.
  Members take(std::size_t count) {
    Members taken;
    const engine::Instant end = backend_->now() + kPatience;
    while (taken[0].size() + taken[1].size() < count && backend_->now() < end) {
      backend_->submit_and_wait(1, end);
      reap_into(taken);
    }
    EXPECT_EQ(taken[0].size() + taken[1].size(), count);
    return taken;
  }

  /// The member that got all frames; nothing where both got some.
  static std::optional<std::uint32_t> only_member(const Members& taken) {
    if (taken[0].empty() == taken[1].empty()) return std::nullopt;
    return taken[0].empty() ? 1 : 0;
  }

  posix::Descriptor injector_;
  std::array<SocketIndex, 2> members_{};
};

TEST_F(Fanout, FlowsStayWithOneMemberAndBothHaveSome) {
  open_members({.first = 0, .count = 2});
  constexpr std::uint16_t kFlows = 64;
  constexpr int kRounds = 4;
  for (int round = 0; round < kRounds; ++round) {
    for (std::uint16_t flow = 0; flow < kFlows; ++flow) {
      inject({.source_port = static_cast<std::uint16_t>(4000 + flow)});
    }
  }
  const Members taken = take(std::size_t{kFlows} * kRounds);
  std::array<std::map<std::uint16_t, int>, 2> counts;
  for (std::size_t member = 0; member < 2; ++member) {
    for (const auto& frame : taken[member]) {
      ++counts[member][static_cast<std::uint16_t>(frame[34] << 8 | frame[35])];
    }
    EXPECT_GT(counts[member].size(), 16U);  // of 64, half of them expected
    for (const auto& [port, count] : counts[member]) EXPECT_EQ(count, kRounds) << port;
  }
  EXPECT_EQ(counts[0].size() + counts[1].size(), kFlows);
}

TEST_F(Fanout, EveryShapeOfAFlowsFramesIsTold) {
  open_members({.first = 0, .count = 2});
  // With each shape some flow goes to either member, by its port or, in a fragment, its source.
  const std::vector<RawFrame> shapes = {
      {},
      {.tags = {0x8100}},
      {.tags = {0x88a8, 0x8100}},
      {.option_words = 3},
      {.fragment_field = 0x2000},
      {.destination = ipv6_group()},
      {.destination = ipv6_group(), .tags = {0x8100}},
      {.destination = ipv6_group(), .tags = {0x8100, 0x8100}},
      {.destination = ipv6_group(), .protocol = 60, .has_extension = true}};
  for (const RawFrame& shape : shapes) {
    constexpr std::uint8_t kFlows = 32;
    const bool is_ipv6 = shape.destination.family == engine::Family::ipv6;
    const bool by_addresses = shape.fragment_field != 0 || shape.has_extension;
    for (std::uint8_t flow = 0; flow < kFlows; ++flow) {
      RawFrame frame = shape;
      if (is_ipv6) frame.source = ipv6_group();
      if (by_addresses) {
        frame.source.bytes[is_ipv6 ? 15 : 3] = flow;
      } else {
        frame.source_port = static_cast<std::uint16_t>(4000 + flow);
      }
      inject(frame);
    }
    const Members taken = take(kFlows);
    EXPECT_FALSE(only_member(taken).has_value())
        << "tags " << shape.tags.size() << ", IPv6 " << is_ipv6 << ", by addresses " << by_addresses
        << ", options " << int{shape.option_words};
  }
}

TEST_F(Fanout, PortsDoNotPartFragments) {
  open_members({.first = 0, .count = 2});
  for (std::uint16_t flow = 0; flow < 32; ++flow) {
    inject({.source_port = static_cast<std::uint16_t>(4000 + flow), .fragment_field = 0x2000});
  }
  EXPECT_TRUE(only_member(take(32)).has_value());
}

TEST_F(Fanout, OneMemberHasAllWhereTheSteeringNamesOne) {
  open_members({.first = 1, .count = 1});
  for (std::uint16_t flow = 0; flow < 32; ++flow) {
    inject({.source_port = static_cast<std::uint16_t>(4000 + flow)});
  }
  EXPECT_EQ(only_member(take(32)), 1U);
}

TEST_F(Fanout, NothingThatThisHostSendsComesBack) {
  open_members({.first = 0, .count = 2});
  const SocketIndex sender = open_sender("right");
  for (std::uint32_t slot = 10; slot < 20; ++slot) add_send(slot, sender);
  prepare_and_submit();
  wait_for(10);
  inject({});  // behind them
  const Members taken = take(1);
  for (const SocketIndex member : members_) EXPECT_LE(backend_->statistics(member).queued, 1U);
}

TEST_F(Fanout, SteeringMovesEverythingOnceAndInOrder) {
  open_members({.first = 0, .count = 1});
  constexpr std::uint32_t kFrames = 20'000;
  constexpr std::uint32_t kOnTheWayMax = 256;  // no taker, however slow, lets a ring run full
  std::atomic<std::uint32_t> taken_frames = 0;
  const engine::Instant end = backend_->now() + kPatience;
  std::thread generator([&] {
    for (std::uint32_t number = 0; number < kFrames; ++number) {
      while (number - taken_frames.load() >= kOnTheWayMax) {
        if (backend_->now() >= end) return;
        std::this_thread::yield();
      }
      inject({.source_port = static_cast<std::uint16_t>(number)});
    }
  });
  Members taken;
  std::uint16_t target = 0;
  std::size_t steered_at = 0;
  int switches = 0;
  const auto total = [&] { return taken[0].size() + taken[1].size(); };
  std::vector<std::uint16_t> order;  // as a relay would pass them on
  std::array<std::size_t, 2> passed{};
  const auto pass = [&](std::size_t member) {
    for (; passed[member] < taken[member].size(); ++passed[member]) {
      const auto& frame = taken[member][passed[member]];
      order.push_back(static_cast<std::uint16_t>(frame[34] << 8 | frame[35]));
    }
  };
  while (total() < kFrames && backend_->now() < end) {
    backend_->submit_and_wait(1, end);
    reap_into(taken);
    taken_frames = static_cast<std::uint32_t>(total());
    const std::size_t current = target;
    const std::size_t other = 1 - current;
    // The old one is drained first: all that the kernel has put into it was passed on.
    if (switches > 0 && passed[other] < backend_->statistics(members_[other]).queued) {
      pass(other);
      continue;
    }
    pass(other);
    pass(current);
    if (total() - steered_at < 2000) continue;
    steered_at = total();
    target = static_cast<std::uint16_t>(1 - target);
    ASSERT_TRUE(backend_->steer(members_[0], {.first = target, .count = 1}).has_value());
    ++switches;
  }
  generator.join();
  for (const std::size_t member : {std::size_t{1} - target, std::size_t{target}}) pass(member);
  EXPECT_GE(switches, 2);
  EXPECT_EQ(backend_->statistics(members_[0]).kernel_drops, 0U);
  EXPECT_EQ(backend_->statistics(members_[1]).kernel_drops, 0U);
  ASSERT_EQ(order.size(), kFrames);
  for (std::uint32_t number = 0; number < kFrames; ++number) {
    ASSERT_EQ(order[number], static_cast<std::uint16_t>(number)) << "at " << number;
  }
  EXPECT_FALSE(taken[0].empty());
  EXPECT_FALSE(taken[1].empty());
}

TEST_F(Fanout, ASocketOutsideOfAnyGroupIsNotSteered) {
  const SocketIndex receiver = open_receiver();
  const auto steered = backend_->steer(receiver, {.first = 0, .count = 1});
  ASSERT_FALSE(steered.has_value());
  EXPECT_NE(steered.error().message.find("PACKET_FANOUT_DATA"), std::string::npos);
}

}  // namespace
}  // namespace reprise::tests
