// How far the kernel takes segmented sends (udp(7), UDP_SEGMENT, Linux 4.18).
#pragma once

#include <cstdint>

namespace reprise::posix {

struct SegmentationLimits {
  std::uint32_t segments_max = 1;  ///< datagrams in one send; 1: the kernel cannot segment
  std::uint32_t bytes_max = 0;     ///< payload of all of them
};

/// Asks the kernel with one send over the loopback interface to a socket of its own. Where that
/// interface is down, what every kernel with UDP_SEGMENT takes is assumed.
SegmentationLimits probe_segmentation();

}  // namespace reprise::posix
