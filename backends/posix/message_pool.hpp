// The msghdr of each sendmsg and recvmsg in flight, with what it points to.
//
// io_uring copies the header and its vector when it takes the submission, but reads and writes the
// control data and writes the name when the operation runs, so all of it stays in place until the
// last completion. Fixed capacity.
#pragma once

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "reprise/engine/assert.hpp"
#include "reprise/posix/received_frame.hpp"

namespace reprise::posix {

/// As many slices as one segmented send can have datagrams (UDP_MAX_SEGMENTS).
inline constexpr std::uint32_t kGatheredSlicesMax = 128;

struct Message {
  msghdr header{};
  std::array<iovec, kGatheredSlicesMax> vector{};
  alignas(cmsghdr) std::array<std::byte, kMetadataBytes> control{};
  alignas(8) std::array<std::byte, kNameBytes> name{};

  /// Begins a send that gathers what add() adds.
  void clear() {
    header = {};
    header.msg_iov = vector.data();
  }
  /// Bytes that lie behind the ones before, as parts of one merged frame do, go with them.
  void add(std::byte* bytes, std::size_t length_bytes) {
    if (header.msg_iovlen > 0) {
      iovec& last = vector[header.msg_iovlen - 1];
      if (static_cast<std::byte*>(last.iov_base) + last.iov_len == bytes) {
        last.iov_len += length_bytes;
        return;
      }
    }
    vector[header.msg_iovlen++] = {bytes, length_bytes};
  }
  /// Cuts what was added into datagrams of `segment_bytes` (udp(7), UDP_SEGMENT).
  void set_segments(std::uint16_t segment_bytes) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(sizeof(segment_bytes));
    cmsghdr* segment = CMSG_FIRSTHDR(&header);
    segment->cmsg_level = IPPROTO_UDP;
    segment->cmsg_type = UDP_SEGMENT;
    segment->cmsg_len = CMSG_LEN(sizeof(segment_bytes));
    std::memcpy(CMSG_DATA(segment), &segment_bytes, sizeof(segment_bytes));
  }

  /// For a receive of up to `length_bytes`, to `bytes`; null where the kernel picks the region.
  void set_receive(std::uint32_t length_bytes, std::byte* bytes = nullptr) {
    header = {};
    vector[0] = {bytes, length_bytes};
    header.msg_iov = vector.data();
    header.msg_iovlen = 1;
    header.msg_name = name.data();
    header.msg_namelen = kNameBytes;
    header.msg_control = control.data();
    header.msg_controllen = kMetadataBytes;
  }

  /// What recvmsg, which returned `length_bytes` with MSG_TRUNC, left in a region.
  [[nodiscard]] ReceivedMessage received(std::uint32_t length_bytes,
                                         std::uint32_t region_bytes) const {
    ReceivedMessage result;
    result.captured_bytes = std::min(length_bytes, region_bytes);
    result.original_bytes = length_bytes;
    result.name = std::span(name).first(std::min(header.msg_namelen, kNameBytes));
    result.metadata =
        std::span(control).first(std::min<std::size_t>(header.msg_controllen, kMetadataBytes));
    return result;
  }
};

class MessagePool {
 public:
  explicit MessagePool(std::uint32_t capacity) : messages_(capacity), free_(capacity) {
    for (std::uint32_t index = 0; index < capacity; ++index) free_[index] = capacity - 1 - index;
  }

  [[nodiscard]] std::uint32_t free_count() const {
    return static_cast<std::uint32_t>(free_.size());
  }

  [[nodiscard]] std::uint32_t take() {
    REPRISE_ASSERT(!free_.empty());
    const std::uint32_t index = free_.back();
    free_.pop_back();
    return index;
  }
  void give_back(std::uint32_t index) { free_.push_back(index); }

  [[nodiscard]] Message& at(std::uint32_t index) { return messages_[index]; }

 private:
  std::vector<Message> messages_;
  std::vector<std::uint32_t> free_;  ///< never beyond its first size, so it never allocates
};

}  // namespace reprise::posix
