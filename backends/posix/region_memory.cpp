#include "reprise/posix/region_memory.hpp"

#include <unistd.h>

#include <cerrno>
#include <string>

namespace reprise::posix {
namespace {

using engine::Expected;
using engine::RegionZone;

/// Buffers up to this size have all their pages from the start, larger ones those in front.
constexpr std::size_t kPresentBytesMax = 16 << 10;
constexpr std::size_t kPresentInFrontBytes = 4 << 10;

std::size_t stride_of(std::uint32_t region_bytes) {
  const std::size_t lines = (region_bytes + kCacheLineBytes - 1) / kCacheLineBytes;
  return (lines | 1U) * kCacheLineBytes;
}

std::size_t page_bytes() {
  static const auto bytes = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
  return bytes;
}

void touch_fronts(const RegionZone& zone) {
  for (std::size_t index = 0; index < zone.region_count; ++index) {
    volatile std::byte* const region = zone.base + index * zone.stride_bytes;
    for (std::size_t at = 0; at <= kPresentInFrontBytes; at += kPresentInFrontBytes) {
      region[at] = std::byte{0};
    }
  }
}

Expected<void> check(const engine::MemorySpec& spec) {
  if (spec.buffers == 0 || spec.buffers > RegionMemory::kRegionsMax || spec.buffer_bytes == 0) {
    return engine::failure("packet memory: " + std::to_string(spec.buffers) + " regions of " +
                               std::to_string(spec.buffer_bytes) + " bytes; expected 1 to " +
                               std::to_string(RegionMemory::kRegionsMax) +
                               " regions of at least 1 byte",
                           EINVAL);
  }
  if (spec.blocks > RegionMemory::kRegionsMax ||
      (spec.blocks > 0 && (spec.block_bytes == 0 || spec.block_bytes % page_bytes() != 0))) {
    return engine::failure("packet memory: " + std::to_string(spec.blocks) + " blocks of " +
                               std::to_string(spec.block_bytes) + " bytes; expected up to " +
                               std::to_string(RegionMemory::kRegionsMax) +
                               " blocks of a multiple of " + std::to_string(page_bytes()) +
                               " bytes",
                           EINVAL);
  }
  return {};
}

bool is_hidden(const RegionZone& zone) {
  return zone.region_count > 0 && (zone.base == nullptr || zone.visible_bytes < zone.region_bytes);
}

}  // namespace

Expected<RegionMemory> RegionMemory::create(const engine::MemorySpec& spec) {
  if (auto checked = check(spec); !checked) return std::unexpected(checked.error());
  const std::size_t stride_bytes = stride_of(spec.buffer_bytes);
  const std::size_t size_bytes = stride_bytes * spec.buffers;
  const bool is_large = stride_bytes > kPresentBytesMax;
  auto buffers = is_large ? Mapping::create_on_demand(size_bytes) : Mapping::create(size_bytes);
  if (!buffers) return std::unexpected(buffers.error());
  RegionMemory result;
  result.buffers_ = *std::move(buffers);
  result.view_.buffers = {.base = result.buffers_.bytes(),
                          .stride_bytes = stride_bytes,
                          .visible_bytes = spec.buffer_bytes,
                          .region_bytes = spec.buffer_bytes,
                          .region_count = spec.buffers};
  if (is_large) touch_fronts(result.view_.buffers);
  if (spec.blocks == 0) return result;
  auto blocks = Mapping::reserve(std::size_t{spec.block_bytes} * spec.blocks);
  if (!blocks) return std::unexpected(blocks.error());
  result.blocks_ = *std::move(blocks);
  result.view_.blocks = {.base = result.blocks_.bytes(),
                         .stride_bytes = spec.block_bytes,
                         .visible_bytes = spec.block_bytes,
                         .region_bytes = spec.block_bytes,
                         .region_count = spec.blocks};
  return result;
}

Expected<RegionMemory> RegionMemory::borrow(const engine::PacketMemory& memory) {
  if (memory.region_count() == 0 || is_hidden(memory.buffers) || is_hidden(memory.blocks)) {
    return engine::failure("packet memory: another backend's regions are not all visible", EINVAL);
  }
  RegionMemory result;
  result.view_ = memory;
  return result;
}

}  // namespace reprise::posix
