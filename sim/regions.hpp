// The regions of a node, and what frames look like in them.
//
// Only the first visible bytes of a region are real (headers and the datagram's tag), the rest is
// symbolic: it follows from the tag. Where a region holds many frames all of it is visible.
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

  [[nodiscard]] engine::PacketMemory memory() const {
    return {bytes_.all().data(), visible_bytes_, visible_bytes_, region_bytes_, count_};
  }
  [[nodiscard]] std::uint32_t size() const { return count_; }
  [[nodiscard]] std::uint32_t region_bytes() const { return region_bytes_; }
  /// What of a region is visible.
  [[nodiscard]] std::span<std::byte> bytes(engine::RegionIndex region) {
    return bytes_.all().subspan(static_cast<std::size_t>(region) * visible_bytes_, visible_bytes_);
  }
  void set_header(std::uint32_t flow, const HeaderBytes& header) { headers_[flow] = header; }

  /// Puts a frame's headers and tags where they are visible; a merged frame has a tag for each of
  /// its datagrams.
  void write_frame(engine::RegionIndex region, std::uint32_t offset_bytes,
                   std::uint32_t captured_bytes, const Packet& packet);
  /// The datagram of `payload_bytes` whose payload begins with the slice.
  [[nodiscard]] Packet read_tag(engine::Slice slice, std::uint32_t payload_bytes) const;

 private:
  engine::FlatArray<std::byte> bytes_;
  engine::FlatArray<HeaderBytes> headers_;  ///< by flow
  std::uint32_t count_ = 0;
  std::uint32_t region_bytes_ = 0;
  std::uint32_t visible_bytes_ = 0;
  std::uint32_t reserved_ = 0;
};

}  // namespace reprise::sim
