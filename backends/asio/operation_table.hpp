// What the backend remembers of each operation from prepare to its reaped last completion, and the
// lists that operations wait in.
//
// Fixed capacity, taken into use as it is needed; the records used last are used next, so that the
// hot ones stay in the cache. A record is in at most one list.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reprise/engine/io.hpp"

namespace reprise::asio {

using OperationIndex = std::uint32_t;
inline constexpr OperationIndex kNoOperation = 0xffff'ffff;
inline constexpr std::uint32_t kNoMessage = 0xffff'ffff;

enum class OperationState : std::uint8_t {
  prepared,   ///< in the submission queue
  submitted,  ///< waits for its turn in its chain
  running,    ///< is being carried out right now
  open,       ///< waits in a list, or for its deadline
  ended,      ///< its last completion waits to be reaped
  free,
};

struct OperationRecord {
  engine::Token token;
  engine::Token target;                ///< cancel
  engine::Instant deadline;            ///< deadline
  std::int64_t value = 0;              ///< deadline: goes into its completion
  std::byte* bytes = nullptr;          ///< send
  std::uint32_t length_bytes = 0;      ///< send
  std::uint32_t message = kNoMessage;  ///< segmented send; given back with the record
  OperationIndex next_in_chain = kNoOperation;
  OperationIndex previous = kNoOperation;  ///< in its list
  OperationIndex next = kNoOperation;      ///< in its list, or of the free ones
  engine::SocketIndex socket = engine::kNoSocket;
  engine::Operation operation = engine::Operation::send;
  std::uint8_t flags = 0;  ///< SubmissionFlags
  OperationState state = OperationState::free;
  bool is_cancelled = false;  ///< before its turn came
};

struct OperationList {
  OperationIndex first = kNoOperation;
  OperationIndex last = kNoOperation;
  [[nodiscard]] bool is_empty() const { return first == kNoOperation; }
};

class OperationTable {
 public:
  explicit OperationTable(std::uint32_t capacity) : capacity_(capacity) {
    records_.reserve(capacity);
  }

  [[nodiscard]] std::uint32_t free_count() const { return capacity_ - used_; }

  /// Takes a free record, of which there must be one.
  OperationIndex take() {
    REPRISE_ASSERT(free_count() > 0);
    ++used_;
    OperationIndex index = first_free_;
    if (index == kNoOperation) {
      index = static_cast<OperationIndex>(records_.size());
      records_.emplace_back();  // within what is reserved
    } else {
      first_free_ = records_[index].next;
      records_[index] = {};
    }
    return index;
  }

  void give_back(OperationIndex index) {
    OperationRecord& record = at(index);
    REPRISE_ASSERT(record.state == OperationState::ended);
    record.state = OperationState::free;
    record.next = first_free_;
    first_free_ = index;
    --used_;
  }

  [[nodiscard]] OperationRecord& at(OperationIndex index) {
    REPRISE_ASSERT(index < records_.size());
    return records_[index];
  }

  /// The submitted operation with this token that has not ended and is not the running one. Looks
  /// at every record: cancelling is rare.
  [[nodiscard]] OperationIndex find(engine::Token token) const {
    for (OperationIndex index = 0; index < records_.size(); ++index) {
      const OperationRecord& record = records_[index];
      const bool is_there =
          record.state == OperationState::open || record.state == OperationState::submitted;
      if (is_there && record.token == token) return index;
    }
    return kNoOperation;
  }

  void push_back(OperationList& list, OperationIndex index) {
    OperationRecord& record = at(index);
    record.previous = list.last;
    record.next = kNoOperation;
    (list.is_empty() ? list.first : at(list.last).next) = index;
    list.last = index;
  }

  void push_front(OperationList& list, OperationIndex index) {
    OperationRecord& record = at(index);
    record.previous = kNoOperation;
    record.next = list.first;
    (list.is_empty() ? list.last : at(list.first).previous) = index;
    list.first = index;
  }

  void remove(OperationList& list, OperationIndex index) {
    const OperationRecord& record = at(index);
    (record.previous == kNoOperation ? list.first : at(record.previous).next) = record.next;
    (record.next == kNoOperation ? list.last : at(record.next).previous) = record.previous;
  }

 private:
  std::vector<OperationRecord> records_;
  std::uint32_t capacity_;
  OperationIndex first_free_ = kNoOperation;
  std::uint32_t used_ = 0;
};

}  // namespace reprise::asio
