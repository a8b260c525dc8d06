// The memory of a backend's regions: its own, or another backend's to send from.
#pragma once

#include <cstdint>

#include "reprise/engine/error.hpp"
#include "reprise/engine/memory.hpp"
#include "reprise/posix/mapping.hpp"

namespace reprise::posix {

class RegionMemory {
 public:
  static constexpr std::uint32_t kRegionsMax = 32'768;  ///< what one ring of buffers can hold

  /// Regions start on cache lines, and all pages are there. Errors: too many regions, no memory.
  static engine::Expected<RegionMemory> create(std::uint32_t count, std::uint32_t region_bytes);

  /// Another's regions, which outlive this: to send from. Error: not all of them are visible.
  static engine::Expected<RegionMemory> borrow(const engine::PacketMemory& memory);

  RegionMemory() = default;

  [[nodiscard]] const engine::PacketMemory& view() const { return view_; }

  /// Whether it may be received into.
  [[nodiscard]] bool is_owned() const { return mapping_.bytes() != nullptr; }

  /// The first byte of a slice, which must lie inside its region.
  [[nodiscard]] std::byte* bytes(engine::Slice slice) const {
    const auto index = static_cast<std::uint32_t>(slice.region);
    REPRISE_ASSERT(index < view_.region_count);
    REPRISE_ASSERT(std::uint64_t{slice.offset_bytes} + slice.length_bytes <= view_.region_bytes);
    return base_ + index * view_.stride_bytes + slice.offset_bytes;
  }

 private:
  engine::PacketMemory view_;
  std::byte* base_ = nullptr;
  Mapping mapping_;
};

}  // namespace reprise::posix
