// Regions and how their bytes are seen.
//
// A region is the ledger's unit of memory: one provided buffer, or one block of a packet ring. The
// backend owns the bytes; the engine sees them through a PacketMemory that is handed to each step,
// and keeps none of it.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "reprise/engine/assert.hpp"

namespace reprise::engine {

enum class RegionIndex : std::uint32_t {};
inline constexpr RegionIndex kNoRegion{0xffff'ffff};

/// A part of a region. What a datagram is to the engine.
struct Slice {
  RegionIndex region = kNoRegion;
  std::uint32_t offset_bytes = 0;
  std::uint32_t length_bytes = 0;
  friend bool operator==(const Slice&, const Slice&) = default;
};

/// Regions of one size, one after the other. On a real backend every byte is visible. A simulation
/// may show only the first bytes of each region (headers and a tag): then `visible_bytes` is below
/// `region_bytes`.
struct RegionZone {
  std::byte* base = nullptr;
  std::size_t stride_bytes = 0;  ///< from one region to the next
  std::uint32_t visible_bytes = 0;
  std::uint32_t region_bytes = 0;
  std::uint32_t region_count = 0;

  [[nodiscard]] std::span<std::byte> bytes(std::uint32_t index, std::uint32_t offset_bytes,
                                           std::uint32_t length_bytes) const {
    REPRISE_ASSERT(std::uint64_t{offset_bytes} + length_bytes <= region_bytes);
    if (offset_bytes >= visible_bytes) return {};
    return {base + index * stride_bytes + offset_bytes,
            std::min(length_bytes, visible_bytes - offset_bytes)};
  }
};

/// A view of all regions: first the buffers, then the blocks.
struct PacketMemory {
  RegionZone buffers;  ///< hold one frame each
  RegionZone blocks;   ///< of packet rings; hold many

  [[nodiscard]] std::uint32_t region_count() const {
    return buffers.region_count + blocks.region_count;
  }
  [[nodiscard]] bool is_block(RegionIndex region) const {
    return static_cast<std::uint32_t>(region) >= buffers.region_count;
  }
  /// The visible part of a slice; shorter than the slice where less is visible.
  [[nodiscard]] std::span<const std::byte> bytes(Slice slice) const { return visible(slice); }
  /// The same, for whoever holds the region.
  [[nodiscard]] std::span<std::byte> writable(Slice slice) const { return visible(slice); }

 private:
  [[nodiscard]] std::span<std::byte> visible(Slice slice) const {
    const auto index = static_cast<std::uint32_t>(slice.region);
    REPRISE_ASSERT(index < region_count());
    if (index < buffers.region_count)
      return buffers.bytes(index, slice.offset_bytes, slice.length_bytes);
    return blocks.bytes(index - buffers.region_count, slice.offset_bytes, slice.length_bytes);
  }
};

}  // namespace reprise::engine
