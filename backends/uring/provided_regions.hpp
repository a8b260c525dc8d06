// The regions, and the ring of provided buffers through which the kernel takes them for receiving
// (io_uring_register_buf_ring(3), Linux 5.19).
//
// A region's index is its buffer id. The ring has room for all regions at once, so providing cannot
// fail. A region belongs to the kernel from provide() to the completion that carries it, and to the
// engine at all other times, also before it is provided first.
#pragma once

#include <liburing.h>

#include <cstdint>

#include "reprise/engine/error.hpp"
#include "reprise/engine/memory.hpp"
#include "reprise/posix/mapping.hpp"
#include "reprise/posix/region_memory.hpp"

namespace reprise::uring {

class ProvidedRegions {
 public:
  static constexpr std::uint16_t kBufferGroup = 0;

  /// `ring` must outlive the provided regions' use. Errors: too many regions, no memory.
  static engine::Expected<ProvidedRegions> create(io_uring* ring, const engine::MemorySpec& spec);

  /// Another's regions, which outlive this: to send from, not to provide.
  static engine::Expected<ProvidedRegions> borrow(const engine::PacketMemory& memory);

  ProvidedRegions() = default;

  [[nodiscard]] const engine::PacketMemory& memory() const { return regions_.view(); }

  /// The first byte of a slice, which must lie inside its region.
  [[nodiscard]] std::byte* bytes(engine::Slice slice) const { return regions_.bytes(slice); }

  /// Adds a buffer; the kernel sees it with the next publish().
  void provide(engine::RegionIndex region);
  void publish();

 private:
  posix::RegionMemory regions_;
  posix::Mapping ring_bytes_;
  std::uint32_t ring_entries_ = 0;
  int unpublished_ = 0;
};

}  // namespace reprise::uring
