// The regions, and which of them were provided for receiving. Those provided last are used next,
// so that they are still in the cache.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/posix/region_memory.hpp"

namespace reprise::asio {

class ProvidedRegions {
 public:
  ProvidedRegions() = default;
  explicit ProvidedRegions(posix::RegionMemory memory) : memory_(std::move(memory)) {
    if (memory_.is_owned()) provided_.reserve(memory_.view().buffers.region_count);
  }

  [[nodiscard]] const engine::PacketMemory& view() const { return memory_.view(); }
  [[nodiscard]] std::byte* bytes(engine::Slice slice) const { return memory_.bytes(slice); }

  /// Of a buffer.
  void provide(engine::RegionIndex region) {
    REPRISE_ASSERT(memory_.is_owned());
    REPRISE_ASSERT(static_cast<std::uint32_t>(region) < view().buffers.region_count);
    REPRISE_ASSERT(provided_.size() < view().buffers.region_count);  // else one was provided twice
    provided_.push_back(region);
  }

  [[nodiscard]] bool has_provided() const { return !provided_.empty(); }
  /// What the next datagram goes into; take() makes it the engine's.
  [[nodiscard]] engine::RegionIndex next() const { return provided_.back(); }
  void take() { provided_.pop_back(); }

 private:
  posix::RegionMemory memory_;
  std::vector<engine::RegionIndex> provided_;  ///< within what is reserved
};

}  // namespace reprise::asio
