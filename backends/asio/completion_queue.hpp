// Completions that wait to be reaped, oldest first.
//
// Fixed capacity: one for each operation in flight and one for each region, so that nothing that
// ends can find it full (I8). Entries used last are used next, so that the hot ones stay in the
// cache.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/asio/operation_table.hpp"
#include "reprise/engine/io.hpp"

namespace reprise::asio {

struct EndedOperation {
  engine::Completion completion;
  engine::Frame frame;
  bool has_frame = false;
  OperationIndex operation = kNoOperation;
  std::uint32_t next = 0;  ///< in the queue, or of the free entries
};

class CompletionQueue {
 public:
  /// Cold path; what waits stays.
  void reserve(std::uint32_t capacity) { entries_.reserve(capacity); }

  [[nodiscard]] std::uint32_t size() const { return size_; }

  /// Appends an entry with an empty completion.
  EndedOperation& push(OperationIndex operation) {
    std::uint32_t place = first_free_;
    if (place == kNone) {
      REPRISE_ASSERT(entries_.size() < entries_.capacity());
      place = static_cast<std::uint32_t>(entries_.size());
      entries_.emplace_back();
    } else {
      first_free_ = entries_[place].next;
    }
    (size_ == 0 ? first_ : entries_[last_].next) = place;
    last_ = place;
    ++size_;
    EndedOperation& entry = entries_[place];
    entry.completion = {};
    entry.has_frame = false;
    entry.operation = operation;
    return entry;
  }

  /// The oldest; there must be one.
  [[nodiscard]] const EndedOperation& front() const {
    REPRISE_ASSERT(size_ > 0);
    return entries_[first_];
  }

  void pop() {
    REPRISE_ASSERT(size_ > 0);
    const std::uint32_t place = first_;
    first_ = entries_[place].next;
    entries_[place].next = first_free_;
    first_free_ = place;
    --size_;
  }

 private:
  static constexpr std::uint32_t kNone = 0xffff'ffff;

  std::vector<EndedOperation> entries_;
  std::uint32_t first_free_ = kNone;
  std::uint32_t first_ = 0;
  std::uint32_t last_ = 0;
  std::uint32_t size_ = 0;
};

}  // namespace reprise::asio
