// What is particular about packet rings and their memory in the real backends; what all backends
// promise is in tests/contract.
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <atomic>

#include "allocation_count.hpp"
#include "asio_harness.hpp"
#include "raw_frame.hpp"
#include "reprise/posix/packet_rings.hpp"
#include "reprise/posix/region_memory.hpp"
#include "uring_harness.hpp"

namespace reprise::tests {
namespace {

using engine::Operation;
using engine::RegionIndex;
using engine::SocketIndex;

constexpr std::uint32_t kBlocks = 4;
constexpr std::uint32_t kBlockBytes = 8192;
constexpr std::uint32_t kRingSlot = 1;

/// A ring at `right` with an armed receive, frames into `left`.
class PacketRingHarness : public BackendHarness {
 protected:
  void start_with_defaults() override {}

  void start_ring(std::unique_ptr<engine::Backend> backend) {
    backend_ = std::move(backend);
    const auto memory = backend_->register_memory({.buffers = kRegions,
                                                   .buffer_bytes = kRegionBytes,
                                                   .blocks = kBlocks,
                                                   .block_bytes = kBlockBytes});
    ASSERT_TRUE(memory.has_value()) << memory.error().message;
    memory_ = *memory;
    if (!backend_->limits().supports(Operation::packet_ring_receive)) GTEST_SKIP() << "no rings";
    engine::PacketSocketSpec spec;
    spec.interface = "right";
    spec.wanted = {
        {.source = {}, .destination = engine::Address::ipv4(239, 1, 1, 1), .port = 5000}};
    spec.ring_blocks = kBlocks;
    ring_ = index_of(backend_->open(spec));
    add(Operation::packet_ring_receive, kRingSlot, ring_).flags =
        engine::SubmissionFlags::kMultishot;
    prepare_and_submit();
    injector_ = posix::Descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  }

  void start_uring(const uring::UringBackend::Options& options = {}) {
    auto created = uring::UringBackend::create(options);
    if (!created) GTEST_SKIP() << created.error().message;
    start_ring(*std::move(created));
  }

  void inject() const {
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_ifindex = static_cast<int>(::if_nametoindex("left"));
    const auto bytes = RawFrame{}.bytes();
    ASSERT_EQ(::sendto(injector_.get(), bytes.data(), bytes.size(), 0,
                       reinterpret_cast<const sockaddr*>(&address), sizeof(address)),
              static_cast<ssize_t>(bytes.size()));
  }

  /// Reaps until a frame came through the ring. Returns its block.
  RegionIndex wait_for_frame() {
    engine::CompletionBatch batch(64, 64);
    const engine::Instant end = backend_->now() + kPatience;
    while (backend_->now() < end) {
      backend_->submit_and_wait(1, end);
      batch.accept_from_rings(64);
      backend_->reap(batch);
      for (const engine::Completion& completion : batch.completions()) {
        if (completion.token.slot != kRingSlot) continue;
        EXPECT_LT(backend_->now(), end) << "it was there, and did not end the wait";
        return completion.region;
      }
    }
    ADD_FAILURE() << "no frame came";
    return engine::kNoRegion;
  }

  /// Fills the completion queue and what the kernel keeps beyond, and lets the event of a frame
  /// come behind that: it ends the poll.
  void overflow_completions(std::uint32_t next_block) {
    const SocketIndex sender = open_sender();
    for (std::uint32_t round = 0; round < 4; ++round) {
      for (std::uint32_t slot = 10; slot < 18; ++slot) add_send(slot, sender);
      prepare_and_submit();
    }
    inject();
    constexpr std::size_t kStatusAt = 8;  // tpacket_block_desc
    std::uint32_t& status = *reinterpret_cast<std::uint32_t*>(
        memory_.blocks.base + next_block * memory_.blocks.stride_bytes + kStatusAt);
    const engine::Instant end = backend_->now() + kPatience;
    while (std::atomic_ref(status).load() == 0 && backend_->now() < end) {
      backend_->submit_and_wait(0, engine::kNever);
    }
    backend_->submit_and_wait(0, engine::kNever);
  }

  void give_back(RegionIndex region) {
    add(Operation::provide, 999).slice_count = 1;
    slices_.push_back({region, 0, 0});
    prepare_and_submit();
  }

  posix::Descriptor injector_;
  SocketIndex ring_ = engine::kNoSocket;
};

using PacketRing = PacketRingHarness;

std::int64_t processor_ns() {
  rusage usage{};
  ::getrusage(RUSAGE_THREAD, &usage);
  const auto ns = [](const timeval& time) {
    return std::int64_t{time.tv_sec} * 1'000'000'000 + std::int64_t{time.tv_usec} * 1000;
  };
  return ns(usage.ru_utime) + ns(usage.ru_stime);
}

TEST_F(PacketRing, GoesOnWhenItsPollEndedBecauseCompletionsOverflowed) {
  start_uring({.submission_entries = 8, .completion_entries = 8});
  if (IsSkipped()) return;
  inject();
  give_back(wait_for_frame());
  overflow_completions(1);
  give_back(wait_for_frame());
  for (int round = 0; round < 5; ++round) {
    while (!reap_once().empty()) {
    }
    inject();
    give_back(wait_for_frame());
  }
}

TEST_F(PacketRing, IsCancelledWhetherItsPollHasEndedOrNot) {
  start_uring({.submission_entries = 8, .completion_entries = 8});
  if (IsSkipped()) return;
  overflow_completions(0);
  add_cancel(50, kRingSlot);
  prepare_and_submit();
  bool has_ended = false;
  const engine::Instant end = backend_->now() + kPatience;
  while (!has_ended && backend_->now() < end) {
    backend_->submit_and_wait(1, end);
    for (const Seen& seen : reap_once()) {
      if (seen.completion.token.slot != kRingSlot) continue;
      EXPECT_EQ(seen.completion.outcome, engine::Outcome::cancelled);
      EXPECT_FALSE(seen.completion.more);
      has_ended = true;
    }
  }
  EXPECT_TRUE(has_ended);
  backend_->close(ring_);
}

TEST_F(PacketRing, AllocatesNothingFromBlockToBlock) {
  start_uring();
  if (IsSkipped()) return;
  engine::CompletionBatch batch(64, 64);
  std::uint32_t frames = 0;
  for (int round = 0; round < 10; ++round) {
    inject();
    const std::size_t before = allocation_count();
    const engine::Instant end = backend_->now() + kPatience;
    backend_->submit_and_wait(1, end);
    batch.accept_from_rings(64);
    backend_->reap(batch);
    EXPECT_EQ(allocation_count(), before);
    for (const engine::Completion& completion : batch.completions()) {
      frames += completion.frame_count;
      give_back(completion.region);
    }
  }
  EXPECT_EQ(frames, 10U);
}

/// A block that the engine holds keeps the socket readable.
TEST_F(PacketRing, LetsAWaitSleepWhileTheEngineHoldsItsLastBlock) {
  for (const bool is_uring : {true, false}) {
    if (is_uring) {
      start_uring();
    } else {
      auto created = asio::AsioBackend::create({});
      ASSERT_TRUE(created.has_value()) << created.error().message;
      start_ring(*std::move(created));
    }
    if (IsSkipped()) return;
    inject();
    const RegionIndex held = wait_for_frame();
    EXPECT_NE(held, engine::kNoRegion);
    const std::int64_t before_ns = processor_ns();
    const engine::Instant end = backend_->now() + engine::milliseconds(100);
    while (backend_->now() < end) backend_->submit_and_wait(1, end);
    EXPECT_LT(processor_ns() - before_ns, engine::milliseconds(20).ns) << "uring " << is_uring;
  }
}

TEST(PacketRingPlaces, AreTheFirstFreeOnesSideBySide) {
  posix::PacketRings rings;
  const auto memory = posix::RegionMemory::create(
      {.buffers = 8, .buffer_bytes = 64, .blocks = 4, .block_bytes = 4096});
  ASSERT_TRUE(memory.has_value());
  rings.use(memory->view());
  const auto place = rings.find_place(4);
  ASSERT_TRUE(place.has_value());
  EXPECT_EQ(place->first_region, 8U);
  EXPECT_EQ(place->bytes, memory->view().blocks.base);
  const auto too_many = rings.find_place(5);
  ASSERT_FALSE(too_many.has_value());
  EXPECT_NE(too_many.error().message.find("of the 4 reserved ones"), std::string::npos);
}

TEST(RegionMemory, BuffersDoNotBeginAtTheSamePlaceOfAPage) {
  for (const std::uint32_t bytes : {2048U, 4096U, 16'384U, 67'584U}) {
    const auto memory = posix::RegionMemory::create({.buffers = 4, .buffer_bytes = bytes});
    ASSERT_TRUE(memory.has_value()) << memory.error().message;
    const std::size_t stride_bytes = memory->view().buffers.stride_bytes;
    EXPECT_GE(stride_bytes, bytes);
    EXPECT_EQ(stride_bytes % 128, 64U);
  }
}

TEST(RegionMemory, OfLargeBuffersOnlyTheFrontIsPresent) {
  constexpr std::uint32_t kBuffers = 64;
  constexpr std::uint32_t kBufferBytes = 66 << 10;
  const auto memory =
      posix::RegionMemory::create({.buffers = kBuffers, .buffer_bytes = kBufferBytes});
  ASSERT_TRUE(memory.has_value()) << memory.error().message;
  const engine::RegionZone& zone = memory->view().buffers;
  const std::size_t pages = (zone.stride_bytes * kBuffers + 4095) / 4096;
  std::vector<unsigned char> present(pages);
  ASSERT_EQ(::mincore(zone.base, zone.stride_bytes * kBuffers, present.data()), 0);
  std::size_t count = 0;
  for (const unsigned char page : present) count += page & 1U;
  EXPECT_LE(count, 2U * kBuffers + 1);
  for (std::size_t index = 0; index < kBuffers; ++index) {
    EXPECT_EQ(present[index * zone.stride_bytes / 4096] & 1U, 1U);
  }
}

TEST(RegionMemory, BlocksAreWholePagesBehindTheBuffers) {
  const auto odd = posix::RegionMemory::create(
      {.buffers = 1, .buffer_bytes = 64, .blocks = 2, .block_bytes = 5000});
  ASSERT_FALSE(odd.has_value());
  EXPECT_NE(odd.error().message.find("2 blocks of 5000 bytes"), std::string::npos);
  const auto memory = posix::RegionMemory::create(
      {.buffers = 3, .buffer_bytes = 64, .blocks = 2, .block_bytes = 8192});
  ASSERT_TRUE(memory.has_value()) << memory.error().message;
  EXPECT_EQ(memory->bytes({RegionIndex{4}, 10, 20}), memory->view().blocks.base + 8192 + 10);
  EXPECT_TRUE(memory->view().is_block(RegionIndex{3}));
  EXPECT_FALSE(memory->view().is_block(RegionIndex{2}));
}

}  // namespace
}  // namespace reprise::tests
