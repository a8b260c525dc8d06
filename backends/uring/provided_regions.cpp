#include "reprise/uring/provided_regions.hpp"

#include <bit>
#include <cerrno>
#include <string>

namespace reprise::uring {
namespace {

constexpr std::size_t kCacheLineBytes = 64;

std::size_t rounded_up(std::size_t value, std::size_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

io_uring_buf_ring* buffer_ring(const Mapping& mapping) {
  return reinterpret_cast<io_uring_buf_ring*>(mapping.bytes());
}

}  // namespace

engine::Expected<ProvidedRegions> ProvidedRegions::create(io_uring* ring, std::uint32_t count,
                                                          std::uint32_t region_bytes) {
  if (count == 0 || count > kRegionsMax || region_bytes == 0) {
    return engine::failure("packet memory: " + std::to_string(count) + " regions of " +
                               std::to_string(region_bytes) + " bytes; expected 1 to " +
                               std::to_string(kRegionsMax) + " regions of at least 1 byte",
                           EINVAL);
  }
  ProvidedRegions result;
  const std::size_t stride_bytes = rounded_up(region_bytes, kCacheLineBytes);
  auto regions = Mapping::create(stride_bytes * count);
  if (!regions) return std::unexpected(regions.error());
  result.region_bytes_ = *std::move(regions);
  result.base_ = result.region_bytes_.bytes();

  result.ring_entries_ = std::bit_ceil(count);
  auto ring_bytes = Mapping::create(result.ring_entries_ * sizeof(io_uring_buf));
  if (!ring_bytes) return std::unexpected(ring_bytes.error());
  result.ring_bytes_ = *std::move(ring_bytes);

  io_uring_buf_reg request{};
  request.ring_addr = reinterpret_cast<std::uintptr_t>(result.ring_bytes_.bytes());
  request.ring_entries = result.ring_entries_;
  request.bgid = kBufferGroup;
  if (const int error = ::io_uring_register_buf_ring(ring, &request, 0); error != 0) {
    return engine::failure("packet memory: cannot register a ring of " +
                               std::to_string(result.ring_entries_) +
                               " buffers: " + posix::errno_text(-error) + "; raise ulimit -l",
                           -error);
  }
  ::io_uring_buf_ring_init(buffer_ring(result.ring_bytes_));
  result.memory_ = {.base = result.base_,
                    .stride_bytes = stride_bytes,
                    .visible_bytes = region_bytes,
                    .region_bytes = region_bytes,
                    .region_count = count};
  return result;
}

ProvidedRegions ProvidedRegions::borrow(const engine::PacketMemory& memory) {
  ProvidedRegions result;
  result.memory_ = memory;
  // The kernel only reads what is sent, and provide() refuses what is borrowed.
  result.base_ = const_cast<std::byte*>(memory.base);
  return result;
}

std::byte* ProvidedRegions::bytes(engine::Slice slice) const {
  const auto index = static_cast<std::uint32_t>(slice.region);
  REPRISE_ASSERT(index < memory_.region_count);
  REPRISE_ASSERT(std::uint64_t{slice.offset_bytes} + slice.length_bytes <= memory_.region_bytes);
  return base_ + index * memory_.stride_bytes + slice.offset_bytes;
}

void ProvidedRegions::provide(engine::RegionIndex region) {
  REPRISE_ASSERT(ring_entries_ > 0);  // else the regions are another's
  ::io_uring_buf_ring_add(buffer_ring(ring_bytes_), bytes({region, 0, memory_.region_bytes}),
                          memory_.region_bytes,
                          static_cast<std::uint16_t>(static_cast<std::uint32_t>(region)),
                          ::io_uring_buf_ring_mask(ring_entries_), unpublished_);
  ++unpublished_;
}

void ProvidedRegions::publish() {
  if (unpublished_ == 0) return;
  ::io_uring_buf_ring_advance(buffer_ring(ring_bytes_), unpublished_);
  unpublished_ = 0;
}

}  // namespace reprise::uring
