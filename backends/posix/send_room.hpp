// How many sends a socket takes for certain, so that none of them can be refused for want of room.
//
// A send finds room as long as what waits in the socket occupies less than its buffer (socket(7),
// SO_SNDBUF; sock_alloc_send_pskb() in net/core/sock.c). What waits can only become less while
// nobody else sends on the socket.
#pragma once

#include <cstdint>

namespace reprise::posix {

class SendRoom {
 public:
  /// No room at all.
  SendRoom() = default;
  /// Asks the kernel (SIOCOUTQ). `send_buffer_bytes`: as SO_SNDBUF reads back.
  static SendRoom of(int descriptor, std::uint32_t send_buffer_bytes);

  /// Whether a send finds room behind those that were asked about before it.
  bool takes(std::uint32_t payload_bytes) {
    if (left_bytes_ <= 0) return false;
    left_bytes_ -= occupied_bytes_max(payload_bytes);
    return true;
  }

  /// What a datagram occupies at most (its truesize): payload and some 450 bytes of headers and
  /// bookkeeping, rounded up to a power of two by the kernel's allocator, and the buffer's head.
  [[nodiscard]] static constexpr std::int64_t occupied_bytes_max(std::uint32_t payload_bytes) {
    return 2 * std::int64_t{payload_bytes} + 2048;
  }

 private:
  std::int64_t left_bytes_ = 0;
};

}  // namespace reprise::posix
