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
  first_region_ = config.first_region;
  block_bytes_ = config.block_bytes;
  timeout_ns_ = config.timeout_ns;
  timer_restarts_ = profile.block_timer_restarts ? 1 : 0;
  hands_over_empty_ = profile.hands_over_empty_blocks ? 1 : 0;
  in_order_ = profile.blocks_in_order ? 1 : 0;
}

bool PacketRing::open(Instant at) {
  if (is_open_ != 0) return true;
  if (in_order_ == 0) {
    for (std::uint32_t tried = 0; tried < blocks_.size(); ++tried) {
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

void PacketRing::close(Instant at) {
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
    close(at);
    if (is_open_ == 0) return {};
  }
  Block& block = blocks_[filling_];
  if (block.frame_count == 0) {
    const std::int64_t from_ns = timer_restarts_ != 0 ? opened_.ns : 0;  // R3
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
  if (next_tick() <= now) close(now);
}

RegionIndex PacketRing::hand_over() {
  REPRISE_ASSERT(filled_count_ > 0);
  const std::uint32_t block = oldest_;
  blocks_[block].owner = Owner::engine;
  oldest_ = behind(block);
  if (--filled_count_ > 0) {
    while (blocks_[oldest_].owner != Owner::filled) oldest_ = behind(oldest_);
  }
  return RegionIndex{first_region_ + block};
}

void PacketRing::give_back(RegionIndex region) {
  Block& block = blocks_[block_of(region)];
  REPRISE_ASSERT(block.owner == Owner::engine);
  block.owner = Owner::kernel;
  // A block that the ring waits for is opened by the next frame; the first one by the set-up.
  if (is_set_up_ == 0 && open(Instant{})) is_set_up_ = 1;
}

std::span<const BlockFrame> PacketRing::frames(RegionIndex region) const {
  const std::uint32_t block = block_of(region);
  return frames_.all().subspan(std::size_t{block} * frames_max_, blocks_[block].frame_count);
}

std::uint32_t PacketRing::waiting_count() const {
  std::uint32_t frames = is_open_ != 0 ? blocks_[filling_].frame_count : 0;
  for (const Block& block : blocks_.all()) {
    if (block.owner == Owner::filled) frames += block.frame_count;
  }
  return frames;
}

}  // namespace reprise::sim
