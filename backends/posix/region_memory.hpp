// The memory of a backend's regions: its own, or another backend's to send from.
//
// Blocks have addresses from the start, and memory while a packet ring is mapped over them. Buffers
// lie an odd number of cache lines apart, so that the fronts of many of them, where the headers
// are, do not compete for the same places in a cache.
#pragma once

#include <cstdint>

#include "reprise/engine/error.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/engine/memory.hpp"
#include "reprise/posix/mapping.hpp"

namespace reprise::posix {

class RegionMemory {
 public:
  static constexpr std::uint32_t kRegionsMax = 32'768;  ///< what one ring of buffers can hold

  /// Buffers start on cache lines. Their pages are there; of larger ones only those in front, since
  /// few frames are that large. Errors: too many regions, a block size that is no multiple of the
  /// page size, no memory.
  static engine::Expected<RegionMemory> create(const engine::MemorySpec& spec);

  /// Another's regions, which outlive this: to send from. Error: not all of them are visible.
  static engine::Expected<RegionMemory> borrow(const engine::PacketMemory& memory);

  RegionMemory() = default;

  [[nodiscard]] const engine::PacketMemory& view() const { return view_; }

  /// Whether it may be received into.
  [[nodiscard]] bool is_owned() const { return buffers_.bytes() != nullptr; }

  /// The first byte of a slice, which must lie inside its region.
  [[nodiscard]] std::byte* bytes(engine::Slice slice) const {
    std::uint32_t index = static_cast<std::uint32_t>(slice.region);
    REPRISE_ASSERT(index < view_.region_count());
    const bool is_block = index >= view_.buffers.region_count;
    if (is_block) index -= view_.buffers.region_count;
    const engine::RegionZone& zone = is_block ? view_.blocks : view_.buffers;
    REPRISE_ASSERT(std::uint64_t{slice.offset_bytes} + slice.length_bytes <= zone.region_bytes);
    return zone.base + index * zone.stride_bytes + slice.offset_bytes;
  }

 private:
  engine::PacketMemory view_;
  Mapping buffers_;
  Mapping blocks_;
};

}  // namespace reprise::posix
