// The backlog: accepted datagrams that wait for a batch, first in, first out.
//
// The seam of the erase-front hazard. As an array it moves, for each item taken, all that are
// behind it, in memory of `item_bytes` an item, as the historic queue did; moved_bytes() counts
// that, so that a simulation can charge for it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/hazard.hpp"
#include "reprise/engine/work_item.hpp"

namespace reprise::engine {

class Backlog {
 public:
  void place(FlatLayout& layout, const Hazards& hazards, std::uint32_t capacity) {
    if (hazards.backlog == BacklogKind::ring) {
      layout.place(ring_, capacity);
    } else {
      layout.place(array_, capacity * hazards.item_bytes);
    }
  }
  void start(const Hazards& hazards, std::uint32_t capacity) {
    capacity_ = capacity;
    item_bytes_ = hazards.backlog == BacklogKind::ring ? 0 : hazards.item_bytes;
  }

  [[nodiscard]] std::uint32_t size() const { return item_bytes_ == 0 ? ring_.size() : size_; }
  [[nodiscard]] std::uint32_t capacity() const { return capacity_; }
  [[nodiscard]] bool empty() const { return size() == 0; }
  /// Bytes moved by taking from the front since start.
  [[nodiscard]] std::uint64_t moved_bytes() const { return moved_bytes_; }

  void push(const WorkItem& item) {
    REPRISE_ASSERT(size() < capacity_);
    if (item_bytes_ == 0) return ring_.push(item);
    std::memcpy(&array_[size_ * item_bytes_], &item, sizeof item);
    ++size_;
  }
  void push(std::span<const WorkItem> items) {
    if (item_bytes_ == 0) return ring_.push(items);
    for (const WorkItem& item : items) push(item);
  }
  [[nodiscard]] WorkItem front() const {
    if (item_bytes_ == 0) return ring_[0];
    REPRISE_ASSERT(size_ > 0);
    WorkItem item;
    std::memcpy(&item, &array_[0], sizeof item);
    return item;
  }
  WorkItem pop() {
    if (item_bytes_ == 0) return ring_.pop();
    const WorkItem item = front();
    --size_;
    const std::size_t behind_bytes = std::size_t{size_} * item_bytes_;
    std::memmove(&array_[0], &array_[0] + item_bytes_, behind_bytes);
    moved_bytes_ += behind_bytes;
    return item;
  }

 private:
  FlatQueue<WorkItem> ring_;
  FlatArray<std::byte> array_;
  std::uint64_t moved_bytes_ = 0;
  std::uint32_t capacity_ = 0;
  std::uint32_t item_bytes_ = 0;  ///< 0: a ring
  std::uint32_t size_ = 0;
  std::uint32_t reserved_ = 0;
};

}  // namespace reprise::engine
