// The regions of a node, and what frames look like in them.
//
// Only the first visible bytes of a buffer are real (headers and the datagram's tag), the rest is
// symbolic: it follows from the tag. A block of a packet ring holds many frames, each where a real
// kernel puts it (R1): all of it is visible, and of each frame headers and tags are written.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/memory.hpp"
#include "reprise/sim/packet.hpp"

namespace reprise::sim {

struct KernelConfig;

class Regions {
 public:
  void place(engine::FlatLayout& layout, const KernelConfig& config);
  void start(const KernelConfig& config);

  [[nodiscard]] engine::PacketMemory memory() {
    return {{bytes_.all().data(), visible_bytes_, visible_bytes_, region_bytes_, count_},
            {block_bytes_.all().data(), block_size_bytes_, block_size_bytes_, block_size_bytes_,
             block_count_}};
  }
  /// Buffers and blocks.
  [[nodiscard]] std::uint32_t size() const { return count_ + block_count_; }
  [[nodiscard]] bool is_block(engine::RegionIndex region) const {
    return static_cast<std::uint32_t>(region) >= count_;
  }
  /// Of a buffer.
  [[nodiscard]] std::uint32_t region_bytes() const { return region_bytes_; }
  /// What of a region is visible.
  [[nodiscard]] std::span<std::byte> bytes(engine::RegionIndex region) {
    return memory().writable({region, 0, is_block(region) ? block_size_bytes_ : visible_bytes_});
  }
  void set_header(std::uint32_t flow, const HeaderBytes& header) { headers_[flow] = header; }

  /// Puts a frame's headers and tags where they are visible; a merged frame has a tag for each of
  /// its datagrams.
  void write_frame(engine::RegionIndex region, std::uint32_t offset_bytes,
                   std::uint32_t captured_bytes, const Packet& packet);
  /// The datagram of `payload_bytes` whose payload begins with the slice.
  [[nodiscard]] Packet read_tag(engine::Slice slice, std::uint32_t payload_bytes);

 private:
  engine::FlatArray<std::byte> bytes_;        ///< of the buffers
  engine::FlatArray<std::byte> block_bytes_;  ///< of the blocks
  engine::FlatArray<HeaderBytes> headers_;    ///< by flow
  std::uint32_t count_ = 0;
  std::uint32_t region_bytes_ = 0;
  std::uint32_t visible_bytes_ = 0;
  std::uint32_t block_count_ = 0;
  std::uint32_t block_size_bytes_ = 0;
  std::uint32_t reserved_ = 0;
};

}  // namespace reprise::sim
