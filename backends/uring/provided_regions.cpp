#include "reprise/uring/provided_regions.hpp"

#include <bit>
#include <cerrno>
#include <string>

namespace reprise::uring {
namespace {

io_uring_buf_ring* buffer_ring(const posix::Mapping& mapping) {
  return reinterpret_cast<io_uring_buf_ring*>(mapping.bytes());
}

}  // namespace

engine::Expected<ProvidedRegions> ProvidedRegions::create(io_uring* ring,
                                                          const engine::MemorySpec& spec) {
  auto regions = posix::RegionMemory::create(spec);
  if (!regions) return std::unexpected(regions.error());
  ProvidedRegions result;
  result.regions_ = *std::move(regions);

  result.ring_entries_ = std::bit_ceil(spec.buffers);
  auto ring_bytes = posix::Mapping::create(result.ring_entries_ * sizeof(io_uring_buf));
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
  return result;
}

engine::Expected<ProvidedRegions> ProvidedRegions::borrow(const engine::PacketMemory& memory) {
  auto regions = posix::RegionMemory::borrow(memory);
  if (!regions) return std::unexpected(regions.error());
  ProvidedRegions result;
  result.regions_ = *std::move(regions);
  return result;
}

void ProvidedRegions::provide(engine::RegionIndex region) {
  REPRISE_ASSERT(ring_entries_ > 0);  // else the regions are another's
  const std::uint32_t region_bytes = memory().buffers.region_bytes;
  ::io_uring_buf_ring_add(buffer_ring(ring_bytes_), bytes({region, 0, region_bytes}), region_bytes,
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
