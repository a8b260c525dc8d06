// The deadlines that are open, earliest first; equal ones in the order they came. Fixed capacity.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "reprise/asio/operation_table.hpp"
#include "reprise/engine/time.hpp"

namespace reprise::asio {

class DeadlineHeap {
 public:
  explicit DeadlineHeap(std::uint32_t capacity) { entries_.reserve(capacity); }

  /// kNever where there is none.
  [[nodiscard]] engine::Instant earliest() const {
    return entries_.empty() ? engine::kNever : entries_.front().deadline;
  }
  [[nodiscard]] bool is_empty() const { return entries_.empty(); }

  void push(engine::Instant deadline, OperationIndex operation) {
    REPRISE_ASSERT(entries_.size() < entries_.capacity());
    entries_.push_back({deadline, pushed_++, operation});
    std::ranges::push_heap(entries_, is_later);
  }

  /// Takes the earliest off.
  OperationIndex pop() {
    REPRISE_ASSERT(!entries_.empty());
    std::ranges::pop_heap(entries_, is_later);
    const OperationIndex operation = entries_.back().operation;
    entries_.pop_back();
    return operation;
  }

  /// Looks at all of them: cancelling is rare.
  void remove(OperationIndex operation) {
    std::erase_if(entries_, [&](const Entry& entry) { return entry.operation == operation; });
    std::ranges::make_heap(entries_, is_later);
  }

 private:
  struct Entry {
    engine::Instant deadline;
    std::uint64_t order = 0;
    OperationIndex operation = kNoOperation;
  };
  static bool is_later(const Entry& a, const Entry& b) {
    return a.deadline != b.deadline ? a.deadline > b.deadline : a.order > b.order;
  }

  std::vector<Entry> entries_;
  std::uint64_t pushed_ = 0;
};

}  // namespace reprise::asio
