#include "reprise/posix/region_memory.hpp"

#include <cerrno>
#include <string>

namespace reprise::posix {
namespace {

constexpr std::size_t kCacheLineBytes = 64;

std::size_t rounded_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

}  // namespace

engine::Expected<RegionMemory> RegionMemory::create(std::uint32_t count,
                                                    std::uint32_t region_bytes) {
  if (count == 0 || count > kRegionsMax || region_bytes == 0) {
    return engine::failure("packet memory: " + std::to_string(count) + " regions of " +
                               std::to_string(region_bytes) + " bytes; expected 1 to " +
                               std::to_string(kRegionsMax) + " regions of at least 1 byte",
                           EINVAL);
  }
  const std::size_t stride_bytes = rounded_up(region_bytes, kCacheLineBytes);
  auto mapping = Mapping::create(stride_bytes * count);
  if (!mapping) return std::unexpected(mapping.error());
  RegionMemory result;
  result.mapping_ = *std::move(mapping);
  result.base_ = result.mapping_.bytes();
  result.view_ = {.base = result.base_,
                  .stride_bytes = stride_bytes,
                  .visible_bytes = region_bytes,
                  .region_bytes = region_bytes,
                  .region_count = count};
  return result;
}

engine::Expected<RegionMemory> RegionMemory::borrow(const engine::PacketMemory& memory) {
  if (memory.base == nullptr || memory.visible_bytes < memory.region_bytes) {
    return engine::failure("packet memory: another backend's regions are not all visible", EINVAL);
  }
  RegionMemory result;
  result.view_ = memory;
  // The kernel only reads what is sent, and what is borrowed is not received into.
  result.base_ = const_cast<std::byte*>(memory.base);
  return result;
}

}  // namespace reprise::posix
