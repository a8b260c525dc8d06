// What a byte costs that is moved inside memory, as an array does that items are erased from.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace reprise::trial {

/// Moves a block to the front by 96 bytes, each move 96 bytes shorter than the one before, as
/// taking a batch of items from the front of an array does. Before each batch other work pushes the
/// block out of the near caches, as payloads may in a relay: the first move brings it back, the
/// others find it there. So a batch is timed as a whole.
class Mover {
 public:
  static constexpr std::size_t kBlockBytesMax = std::size_t{4} << 20U;
  static constexpr std::uint32_t kBatch = 32;

  /// Picoseconds for a byte of a block of 8 KiB to kBlockBytesMax bytes: the median of some batches
  /// of `moves`, up to kBatch. Takes some tens of milliseconds.
  [[nodiscard]] double byte_ps(std::size_t block_bytes, std::uint32_t moves = kBatch);

 private:
  std::vector<std::byte> block_ = std::vector<std::byte>(kBlockBytesMax);
  std::vector<std::byte> other_ = std::vector<std::byte>(std::size_t{4} << 20U);
};

}  // namespace reprise::trial
