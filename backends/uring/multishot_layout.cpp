#include "reprise/uring/multishot_layout.hpp"

#include <algorithm>
#include <cstring>

namespace reprise::uring {

posix::ReceivedMessage read_multishot_layout(std::span<const std::byte> bytes) {
  io_uring_recvmsg_out header{};
  REPRISE_ASSERT(bytes.size() >= kMultishotFrameOffset);
  std::memcpy(&header, bytes.data(), sizeof(header));
  posix::ReceivedMessage message;
  message.frame_offset_bytes = kMultishotFrameOffset;
  message.captured_bytes = static_cast<std::uint32_t>(bytes.size()) - kMultishotFrameOffset;
  message.original_bytes = header.payloadlen;
  message.name = bytes.subspan(sizeof(header), std::min(header.namelen, posix::kNameBytes));
  message.metadata = bytes.subspan(sizeof(header) + posix::kNameBytes,
                                   std::min(header.controllen, posix::kMetadataBytes));
  return message;
}

}  // namespace reprise::uring
