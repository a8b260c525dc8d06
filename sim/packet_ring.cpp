#include "reprise/sim/packet_ring.hpp"

#include <algorithm>

namespace reprise::sim {

using engine::Instant;
using engine::RegionIndex;

namespace {

/// What a frame takes of its block (V3_ALIGNMENT).
constexpr std::uint32_t space_of(std::uint32_t captured_bytes) {
  return (kFrameGapBytes + captured_bytes + 7) & ~7U;
}

}  // namespace

void PacketRing::place(engine::FlatLayout& layout, const PacketRingConfig& config) {
  layout.place(blocks_, config.blocks);
  frames_max_ = config.block_bytes / space_of(kHeaderBytes) + 1;
  layout.place(frames_, config.blocks * frames_max_);
}

void PacketRing::start(const PacketRingConfig& config, const KernelProfile& profile) {
  block_bytes_ = config.block_bytes;
  timer_restarts_ = profile.block_timer_restarts ? 1 : 0;
  hands_over_empty_ = profile.hands_over_empty_blocks ? 1 : 0;
  in_order_ = profile.blocks_in_order ? 1 : 0;
  if (config.is_open && config.blocks > 0) {
    set_up(config.first_region, config.blocks, engine::Duration{config.timeout_ns}, Instant{});
  }
}

void PacketRing::set_up(std::uint32_t first_region, std::uint32_t block_count,
                        engine::Duration timeout, Instant at) {
  REPRISE_ASSERT(block_count <= blocks_.size());
  close();
  first_region_ = first_region;
  block_count_ = block_count;
  timeout_ns_ = timeout.ns;
  set_up_at_ = at;
  filling_ = oldest_ = 0;
  for (Block& block : blocks_.all()) block = Block{Owner::kernel};  // R5
  open(at);
}

bool PacketRing::open(Instant at) {
  if (is_open_ != 0) return true;
  if (in_order_ == 0) {
    for (std::uint32_t tried = 0; tried < block_count_; ++tried) {
      if (blocks_[filling_].owner == Owner::kernel) break;
      filling_ = behind(filling_);
    }
  }
  Block& block = blocks_[filling_];
  if (block.owner != Owner::kernel) return false;  // R2
  block.used_bytes = kBlockHeaderBytes;
  block.frame_count = 0;
  opened_ = at;
  is_open_ = 1;
  return true;
}

void PacketRing::hand_over(Instant at) {
  blocks_[filling_].owner = Owner::filled;
  if (filled_count_++ == 0) oldest_ = filling_;
  filling_ = behind(filling_);
  is_open_ = 0;
  open(at);
}

PacketRing::Placed PacketRing::take(const Packet& packet, Instant at) {
  if (!open(at)) return {};
  const std::uint32_t captured_bytes = std::min(kHeaderBytes + packet.payload_bytes,
                                                block_bytes_ - kBlockHeaderBytes - kFrameGapBytes);
  const std::uint32_t space = space_of(captured_bytes);
  // It has to end before the block does: a cut one fits nowhere and is put into a new block (R4).
  const bool is_empty = blocks_[filling_].frame_count == 0;
  if (blocks_[filling_].used_bytes + space >= block_bytes_ &&
      (!is_empty || hands_over_empty_ != 0)) {
    hand_over(at);
    if (is_open_ == 0) return {};
  }
  Block& block = blocks_[filling_];
  if (block.frame_count == 0) {
    const std::int64_t from_ns = timer_restarts_ != 0 ? opened_.ns : set_up_at_.ns;  // R3
    ticks_.ns = from_ns + ((at.ns - from_ns) / timeout_ns_ + 1) * timeout_ns_;
  }
  BlockFrame& frame = frames_[filling_ * frames_max_ + block.frame_count++];
  frame = {packet, block.used_bytes + kFrameGapBytes, captured_bytes};
  block.used_bytes += space;
  return {&frame, RegionIndex{first_region_ + filling_}};
}

Instant PacketRing::next_tick() const {
  const bool has_frames = is_open_ != 0 && blocks_[filling_].frame_count > 0;
  return has_frames ? ticks_ : engine::kNever;
}

void PacketRing::tick(Instant now) {
  if (next_tick() <= now) hand_over(now);
}

RegionIndex PacketRing::begin_reading() {
  REPRISE_ASSERT(is_readable());
  if (is_reading_ == 0) {
    reading_ = oldest_;
    read_ = 0;
    is_reading_ = 1;
    blocks_[reading_].owner = Owner::engine;
    oldest_ = behind(reading_);
    if (--filled_count_ > 0) {
      while (blocks_[oldest_].owner != Owner::filled) oldest_ = behind(oldest_);
    }
  }
  return RegionIndex{first_region_ + reading_};
}

std::span<const BlockFrame> PacketRing::unread() const {
  return frames_.all().subspan(std::size_t{reading_} * frames_max_ + read_,
                               blocks_[reading_].frame_count - read_);
}

bool PacketRing::read(std::uint32_t count) {
  read_ += count;
  REPRISE_ASSERT(is_reading_ != 0 && read_ <= blocks_[reading_].frame_count);
  is_reading_ = read_ < blocks_[reading_].frame_count ? 1 : 0;
  return is_reading_ == 0;
}

void PacketRing::give_back(RegionIndex region) {
  Block& block = blocks_[block_of(region)];
  REPRISE_ASSERT(is_reading_ == 0 || block_of(region) != reading_);  // the engine still has it
  block.was_given_back = 1;
  // A block that the ring waits for is opened by the next frame.
  if (block.owner == Owner::engine) block.owner = Owner::kernel;
}

std::uint32_t PacketRing::waiting_count() const {
  std::uint32_t frames = is_open_ != 0 ? blocks_[filling_].frame_count : 0;
  for (std::uint32_t block = 0; block < block_count_; ++block) {
    if (blocks_[block].owner == Owner::filled) frames += blocks_[block].frame_count;
  }
  return frames + (is_reading_ != 0 ? static_cast<std::uint32_t>(unread().size()) : 0);
}

}  // namespace reprise::sim
