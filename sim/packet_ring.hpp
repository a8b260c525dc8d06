// A packet ring (TPACKET_V3: packet(7), net/packet/af_packet.c) as its kernel sees it: blocks that
// are filled one after the other. Measured on Linux 6.18.
//
//   R1  Frames fill the open block until the next one does not fit, or the ring's timer ticks.
//       Then the block is handed over, and the next one is open.
//   R2  Blocks are filled and handed over strictly in order. One that was not given back stalls the
//       ring: what arrives is dropped, whatever else was given back.
//   R3  The timer ticks with its period from the ring's set-up; an empty block stays open.
//   R4  A frame larger than a block is cut and gets a block of its own; the open block is handed
//       over before it, even if it is empty.
//   R5  A ring starts with all its blocks. One that is being read, or was, is the engine's until it
//       is given back; to give back another one changes nothing.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/memory.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/sim/kernel_profile.hpp"
#include "reprise/sim/packet.hpp"

namespace reprise::sim {

struct PacketRingConfig {
  std::uint32_t blocks = 0;  ///< that it may have; 0: the socket has no ring
  std::uint32_t block_bytes = 0;
  std::uint32_t first_region = 0;  ///< the blocks are this region and those behind it
  bool is_open = true;             ///< else it is set up later (PacketRing::set_up())
  std::int64_t timeout_ns = 1'000'000;
};

/// Before the first frame of a block, and before each frame (a tpacket3_hdr with what follows it).
inline constexpr std::uint32_t kBlockHeaderBytes = 48;
inline constexpr std::uint32_t kFrameGapBytes = 82;

struct BlockFrame {
  Packet packet;
  std::uint32_t offset_bytes = 0;    ///< in its block
  std::uint32_t captured_bytes = 0;  ///< less than the frame has: it was cut (R4)
};

class PacketRing {
 public:
  void place(engine::FlatLayout& layout, const PacketRingConfig& config);
  void start(const PacketRingConfig& config, const KernelProfile& profile);
  /// From `at` on it has so many blocks, at most as many as were placed.
  void set_up(std::uint32_t first_region, std::uint32_t block_count, engine::Duration timeout,
              engine::Instant at);
  /// It has no blocks any more.
  void close() { block_count_ = filled_count_ = is_open_ = is_reading_ = 0; }
  [[nodiscard]] bool is_used() const { return block_count_ > 0; }
  /// As many blocks as it may have.
  [[nodiscard]] std::uint32_t capacity() const { return blocks_.size(); }

  /// Which block a frame went to; null: there was none for it.
  struct Placed {
    const BlockFrame* frame = nullptr;
    engine::RegionIndex region = engine::kNoRegion;
  };
  Placed take(const Packet& packet, engine::Instant at);
  /// When the timer has something to do; kNever where no frame waits in the open block.
  [[nodiscard]] engine::Instant next_tick() const;
  void tick(engine::Instant now);

  [[nodiscard]] bool has_filled() const { return filled_count_ > 0; }
  /// Whether a filled block, or the rest of one, is to be read.
  [[nodiscard]] bool is_readable() const { return is_reading_ != 0 || filled_count_ > 0; }
  /// In the middle of a block: some of its frames were read.
  [[nodiscard]] bool is_reading() const { return is_reading_ != 0; }
  /// The block that is to be read; the oldest filled one is the engine's now. Needs is_readable().
  engine::RegionIndex begin_reading();
  /// What of that block was not read yet.
  [[nodiscard]] std::span<const BlockFrame> unread() const;
  /// So many of the unread frames were read; true: that was the rest of the block.
  bool read(std::uint32_t count);
  void give_back(engine::RegionIndex region);

  [[nodiscard]] bool contains(engine::RegionIndex region) const {
    const std::uint32_t index = static_cast<std::uint32_t>(region);
    return index >= first_region_ && index - first_region_ < block_count_;
  }
  /// The kernel fills it, will, or has, and nobody has begun to read it.
  [[nodiscard]] bool is_kernels(engine::RegionIndex region) const {
    return blocks_[block_of(region)].owner != Owner::engine;
  }
  [[nodiscard]] bool was_given_back(engine::RegionIndex region) const {
    return blocks_[block_of(region)].was_given_back != 0;
  }
  /// Frames that were not read.
  [[nodiscard]] std::uint32_t waiting_count() const;

 private:
  enum class Owner : std::uint32_t { engine, kernel, filled };
  struct Block {
    Owner owner = Owner::engine;
    std::uint32_t used_bytes = 0;
    std::uint32_t frame_count = 0;
    std::uint32_t was_given_back = 0;  ///< since the set-up
  };
  [[nodiscard]] std::uint32_t block_of(engine::RegionIndex region) const {
    return static_cast<std::uint32_t>(region) - first_region_;
  }
  [[nodiscard]] std::uint32_t behind(std::uint32_t block) const {
    return block + 1 == block_count_ ? 0 : block + 1;
  }
  bool open(engine::Instant at);
  void hand_over(engine::Instant at);

  engine::FlatArray<Block> blocks_;
  engine::FlatArray<BlockFrame> frames_;  ///< room for as many in each block
  engine::Instant set_up_at_;
  engine::Instant opened_;
  engine::Instant ticks_;  ///< of the open block, once there is a frame in it
  std::int64_t timeout_ns_ = 0;
  std::uint32_t frames_max_ = 0;  ///< in one block
  std::uint32_t first_region_ = 0;
  std::uint32_t block_bytes_ = 0;
  std::uint32_t filling_ = 0;  ///< the open block, or the one that comes next
  std::uint32_t oldest_ = 0;   ///< of the filled ones
  std::uint32_t filled_count_ = 0;
  std::uint32_t block_count_ = 0;
  std::uint32_t reading_ = 0;  ///< the block that is being read
  std::uint32_t read_ = 0;     ///< of its frames
  std::uint8_t is_open_ = 0;
  std::uint8_t timer_restarts_ = 0;
  std::uint8_t hands_over_empty_ = 1;
  std::uint8_t in_order_ = 1;
  std::uint8_t is_reading_ = 0;
  std::array<std::uint8_t, 3> reserved_{};
};

}  // namespace reprise::sim
