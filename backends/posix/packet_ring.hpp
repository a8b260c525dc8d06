// A packet socket's ring of blocks (TPACKET_V3; packet(7); Linux,
// Documentation/networking/packet_mmap.rst), mapped over reserved addresses, and the cursor that
// reads its frames.
//
//   P1  Blocks are read in the order in which the kernel fills them, frames in the order within.
//   P2  A block that was opened is the engine's until give_back(). The kernel fills blocks in order
//       too: it stalls at one that it does not have, whatever else was given back.
//   P3  The kernel finishes writing a block before it sets the block's status, and the cursor reads
//       the status before the block.
// One thread.
#pragma once

#include <linux/if_packet.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/io.hpp"

namespace reprise::posix {

/// Where a ring's blocks lie: reserved addresses, one block after the other.
struct RingPlace {
  std::byte* bytes = nullptr;
  std::uint32_t first_region = 0;  ///< the region of its first block
  std::uint32_t block_count = 0;
  std::uint32_t block_bytes = 0;
  [[nodiscard]] bool holds(engine::RegionIndex region) const {
    return static_cast<std::uint32_t>(region) - first_region < block_count;
  }
};

class PacketRing {
 public:
  /// The socket must not be bound yet, and its segment header switched on or off before. `timeout`
  /// is rounded up to milliseconds. `what` names the socket in the error.
  static engine::Expected<std::unique_ptr<PacketRing>> create(int descriptor,
                                                              const RingPlace& place,
                                                              engine::Duration timeout,
                                                              bool has_segment_header,
                                                              std::string_view what);

  PacketRing(const PacketRing&) = delete;
  PacketRing& operator=(const PacketRing&) = delete;
  /// The blocks are addresses without memory again.
  ~PacketRing();

  /// Whether take() finds something: frames, or a block that the kernel handed over empty.
  [[nodiscard]] bool has_ready() const { return frames_left_ > 0 || is_filled(next_block_); }

  /// Appends one completion with frames of one block (I9), if there is a frame. The batch must have
  /// room for a completion and a frame, and accept one.
  void take(engine::CompletionBatch& batch, engine::Token token);

  /// Gives up the rest of a block that was begun; kNoRegion where there is none.
  engine::RegionIndex give_up();

  /// Without effect for a block that the engine does not have. One of this ring's.
  void give_back(engine::RegionIndex region);

  [[nodiscard]] const RingPlace& place() const { return place_; }

 private:
  PacketRing(const RingPlace& place, bool has_segment_header)
      : place_(place), is_held_(place.block_count), has_segment_header_(has_segment_header) {}

  [[nodiscard]] tpacket_block_desc* block(std::uint32_t index) const {
    return reinterpret_cast<tpacket_block_desc*>(place_.bytes +
                                                 std::size_t{index} * place_.block_bytes);
  }
  [[nodiscard]] std::atomic_ref<std::uint32_t> status(std::uint32_t index) const {
    return std::atomic_ref<std::uint32_t>(block(index)->hdr.bh1.block_status);
  }
  /// What the engine holds has the same status as what was just filled.
  [[nodiscard]] bool is_filled(std::uint32_t index) const {
    return is_held_[index] == 0 &&
           (status(index).load(std::memory_order_acquire) & TP_STATUS_USER) != 0;
  }
  bool open_next_block();

  RingPlace place_;
  std::vector<std::uint8_t> is_held_;      ///< by block: the engine's
  const std::byte* next_frame_ = nullptr;  ///< in the open block
  std::uint32_t frames_left_ = 0;          ///< in the open block
  std::uint32_t open_block_ = 0;
  std::uint32_t next_block_ = 0;
  bool has_segment_header_ = false;
};

/// Whether this process can have packet rings: the kernel knows them, and it may open a packet
/// socket.
bool can_have_packet_rings();

}  // namespace reprise::posix
