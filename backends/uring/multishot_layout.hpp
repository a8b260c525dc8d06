// Where a multishot recvmsg puts what it received: a fixed header, room for the sender's name and
// room for metadata in front of the frame, all in the region (io_uring_prep_recvmsg_multishot(3)).
// A one-shot recvmsg puts the frame at the start of the region and the rest where its msghdr says.
#pragma once

#include <liburing.h>

#include <cstddef>
#include <cstdint>
#include <span>

#include "reprise/posix/received_frame.hpp"

namespace reprise::uring {

/// How far into the region a multishot receive puts the frame.
inline constexpr std::uint32_t kMultishotFrameOffset =
    sizeof(io_uring_recvmsg_out) + posix::kNameBytes + posix::kMetadataBytes;
/// How much longer than a frame a region must be.
inline constexpr std::uint32_t kRegionOverheadBytes =
    kMultishotFrameOffset + posix::kSegmentHeaderBytes;

/// `bytes` is the part of the region that was written.
posix::ReceivedMessage read_multishot_layout(std::span<const std::byte> bytes);

}  // namespace reprise::uring
