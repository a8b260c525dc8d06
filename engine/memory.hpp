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

/// A view of all regions. On a real backend every byte is visible. A simulation may show only the
/// first bytes of each region (headers and a tag): then `visible_bytes` is below `region_bytes`.
struct PacketMemory {
  const std::byte* base = nullptr;
  std::size_t stride_bytes = 0;  ///< from one region to the next
  std::uint32_t visible_bytes = 0;
  std::uint32_t region_bytes = 0;
  std::uint32_t region_count = 0;

  /// The visible part of a slice; shorter than the slice where less is visible.
  [[nodiscard]] std::span<const std::byte> bytes(Slice slice) const {
    const auto index = static_cast<std::uint32_t>(slice.region);
    REPRISE_ASSERT(index < region_count);
    REPRISE_ASSERT(std::uint64_t{slice.offset_bytes} + slice.length_bytes <= region_bytes);
    if (slice.offset_bytes >= visible_bytes) return {};
    return {base + index * stride_bytes + slice.offset_bytes,
            std::min(slice.length_bytes, visible_bytes - slice.offset_bytes)};
  }
};

}  // namespace reprise::engine
