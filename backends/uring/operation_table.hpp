// What the backend remembers of each operation from prepare to its last completion.
//
// The kernel hands back 64 bits with a completion. They name a record here and carry the record's
// generation, so that a cancel that comes too late never meets the record's next user. Fixed
// capacity; the records used last are used next, so that the hot ones stay in the cache.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "reprise/engine/io.hpp"

namespace reprise::uring {

inline constexpr std::uint32_t kNoMessage = 0xffff'ffff;

struct OperationRecord {
  engine::Token token;
  std::int64_t value = 0;              ///< deadline: goes into its completion
  std::uint32_t message = kNoMessage;  ///< of the message pool, given back with the record
  std::uint32_t generation = 0;
  std::uint32_t next_free = 0;
  engine::Operation operation = engine::Operation::send;
  engine::FrameFormat format = engine::FrameFormat::ethernet;  ///< receives
  engine::SocketIndex socket = engine::kNoSocket;              ///< packet_ring_receive
  bool is_cancelling = false;                                  ///< packet_ring_receive
  bool is_multishot = false;                                   ///< receives
  bool has_segment_header = false;                             ///< receives
  bool is_in_use = false;
};

class OperationTable {
 public:
  explicit OperationTable(std::uint32_t capacity) : records_(capacity) {
    for (std::uint32_t index = 0; index < capacity; ++index) records_[index].next_free = index + 1;
  }

  [[nodiscard]] std::uint32_t free_count() const {
    return static_cast<std::uint32_t>(records_.size()) - used_;
  }

  /// Takes a free record, of which there must be one, and returns its user data.
  std::uint64_t take(const engine::Submission& submission) {
    REPRISE_ASSERT(free_count() > 0);
    const std::uint32_t index = first_free_;
    OperationRecord& record = records_[index];
    first_free_ = record.next_free;
    ++used_;
    if (index >= touched_) touched_ = index + 1;
    record.token = submission.token;
    record.operation = submission.operation;
    record.value = submission.value;
    record.message = kNoMessage;
    record.is_cancelling = false;
    record.is_multishot = false;
    record.is_in_use = true;
    return std::uint64_t{record.generation} << 32U | index;
  }

  [[nodiscard]] OperationRecord& at(std::uint64_t user_data) {
    const auto index = static_cast<std::uint32_t>(user_data);
    REPRISE_ASSERT(index < records_.size());
    OperationRecord& record = records_[index];
    REPRISE_ASSERT(record.is_in_use && record.generation == user_data >> 32U);
    return record;
  }

  void give_back(std::uint64_t user_data) {
    OperationRecord& record = at(user_data);
    record.is_in_use = false;
    ++record.generation;
    record.next_free = first_free_;
    first_free_ = static_cast<std::uint32_t>(user_data);
    --used_;
  }

  /// The user data of the operation with this token. Looks at every record: cancelling is rare.
  [[nodiscard]] std::optional<std::uint64_t> find(engine::Token token) const {
    for (std::uint32_t index = 0; index < touched_; ++index) {
      const OperationRecord& record = records_[index];
      if (record.is_in_use && record.token == token) {
        return std::uint64_t{record.generation} << 32U | index;
      }
    }
    return std::nullopt;
  }

 private:
  std::vector<OperationRecord> records_;
  std::uint32_t first_free_ = 0;
  std::uint32_t used_ = 0;
  std::uint32_t touched_ = 0;  ///< records below were in use at some time
};

}  // namespace reprise::uring
