// What waits for one socket, and the queue of sockets that may have something to read.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/asio/operation_table.hpp"

namespace reprise::asio {

struct SocketQueues {
  OperationList sends;           ///< found no room; they leave in this order
  OperationList receives;        ///< the first takes what comes
  OperationList ring_receives;   ///< packet_ring_receive: the first takes what comes
  OperationList readable_waits;  ///< wait_readable
  OperationList writable_waits;  ///< wait_writable
  bool is_unread = false;        ///< in the queue of unread sockets
  std::uint32_t next_unread = 0;

  [[nodiscard]] bool is_idle() const {
    return sends.is_empty() && receives.is_empty() && ring_receives.is_empty() &&
           readable_waits.is_empty() && writable_waits.is_empty();
  }
};

/// By socket index. Grows with the sockets, on the cold path only.
class SocketQueueTable {
 public:
  void add(engine::SocketIndex socket) {
    const auto place = static_cast<std::size_t>(socket);
    if (place >= queues_.size()) queues_.resize(place + 1);
  }

  [[nodiscard]] SocketQueues& at(engine::SocketIndex socket) {
    const auto place = static_cast<std::size_t>(socket);
    REPRISE_ASSERT(place < queues_.size());
    return queues_[place];
  }

  [[nodiscard]] std::uint32_t unread_count() const { return unread_count_; }

  /// Puts a socket at the end of the queue, where it is not in it.
  void push_unread(engine::SocketIndex socket) {
    SocketQueues& queues = at(socket);
    if (queues.is_unread) return;
    queues.is_unread = true;
    const auto place = static_cast<std::uint32_t>(socket);
    (unread_count_ == 0 ? first_unread_ : queues_[last_unread_].next_unread) = place;
    last_unread_ = place;
    ++unread_count_;
  }

  engine::SocketIndex pop_unread() {
    REPRISE_ASSERT(unread_count_ > 0);
    const std::uint32_t place = first_unread_;
    first_unread_ = queues_[place].next_unread;
    queues_[place].is_unread = false;
    --unread_count_;
    return engine::SocketIndex{place};
  }

 private:
  std::vector<SocketQueues> queues_;
  std::uint32_t first_unread_ = 0;
  std::uint32_t last_unread_ = 0;
  std::uint32_t unread_count_ = 0;
};

}  // namespace reprise::asio
