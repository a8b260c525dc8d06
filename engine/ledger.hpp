// The ledger: who owns each region, and how many references are held on it.
//
// A datagram is a slice of a region and holds one reference on it while it waits; each output's
// send holds one more.
//
// Two stages of a pipeline have a ledger each. In the ingress stage's a region is held until all
// its datagrams have come back. In the egress stage's all regions are away at first; one is held
// there from the first of its datagrams that arrives to its last reference, then free until it is
// given back.
//
//   L1  Every region has exactly one owner: free + kernel + held + away == size().
//   L2  Only held regions have references, and at least one.
//   L3  A region becomes free at the release of its last reference, and only then.
//   L4  Free regions are reused, or given back, first in, first out.
#pragma once

#include <cstdint>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/memory.hpp"
#include "reprise/engine/work_item.hpp"

namespace reprise::engine {

enum class Owner : std::uint32_t {
  free,
  kernel,  ///< provided for receiving
  held,    ///< outstanding: from allocation to release
  away,    ///< egress stage: with the ingress stage, or on the way
};

class Ledger {
 public:
  void place(FlatLayout& layout, std::uint32_t buffer_count, std::uint32_t block_count = 0);
  /// All regions free; or all away, for an egress stage.
  void start(Owner first = Owner::free);

  [[nodiscard]] std::uint32_t size() const { return states_.size(); }
  [[nodiscard]] std::uint32_t buffer_count() const { return size() - free_blocks_.capacity(); }
  [[nodiscard]] bool is_block(RegionIndex region) const {
    return static_cast<std::uint32_t>(region) >= buffer_count();
  }
  /// Buffers.
  [[nodiscard]] std::uint32_t free_count() const { return free_.size(); }
  [[nodiscard]] std::uint32_t kernel_count() const { return kernel_count_; }
  [[nodiscard]] std::uint32_t held_buffer_count() const {
    return buffer_count() - free_.size() - kernel_count_ - away_count_;
  }
  [[nodiscard]] std::uint32_t free_block_count() const { return free_blocks_.size(); }
  /// Regions outstanding, blocks among them.
  [[nodiscard]] std::uint32_t held_count() const {
    return held_buffer_count() + free_blocks_.capacity() - free_blocks_.size() - kernel_blocks_;
  }
  [[nodiscard]] Owner owner(RegionIndex region) const { return at(region).owner; }
  [[nodiscard]] std::uint32_t references(RegionIndex region) const { return at(region).references; }
  /// Egress stage: datagrams of this region that came and whose references are still here.
  [[nodiscard]] std::uint32_t adopted(RegionIndex region) const { return at(region).adopted; }
  /// Releases of buffers since start: the last (released() - n) of them are the last n free ones.
  [[nodiscard]] std::uint64_t released() const { return released_; }
  [[nodiscard]] RegionIndex free_from_back(std::uint32_t index) const;

  /// The oldest free buffer, now the kernel's. There must be one.
  RegionIndex provide();
  /// The same of a block.
  RegionIndex provide_block();
  /// The oldest free buffer, held with one reference, to copy something to. There must be one.
  RegionIndex allocate();
  /// The kernel filled it: held, with one reference.
  void receive(RegionIndex region);
  void retain(RegionIndex region);
  void release(RegionIndex region, std::uint32_t references = 1);

  // Egress stage.

  /// A datagram in this region has arrived: held, with a reference for it.
  void adopt(RegionIndex region);
  /// The oldest free region, now away, with the number of times it was adopted. There must be one.
  ReturnItem give_back();

  /// L1 and L2, by looking at every region.
  [[nodiscard]] bool is_consistent() const;

 private:
  struct State {
    Owner owner;
    std::uint32_t references;
    std::uint32_t adopted;  ///< since it was away
  };
  [[nodiscard]] State& at(RegionIndex region) {
    return states_[static_cast<std::uint32_t>(region)];
  }
  [[nodiscard]] const State& at(RegionIndex region) const {
    return states_[static_cast<std::uint32_t>(region)];
  }

  FlatArray<State> states_;
  FlatQueue<RegionIndex> free_;
  FlatQueue<RegionIndex> free_blocks_;
  std::uint64_t released_ = 0;
  std::uint32_t kernel_count_ = 0;
  std::uint32_t away_count_ = 0;
  std::uint32_t kernel_blocks_ = 0;
  std::uint32_t reserved_ = 0;
};

}  // namespace reprise::engine
