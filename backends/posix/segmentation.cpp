#include "reprise/posix/segmentation.hpp"

#include <netinet/in.h>
#include <netinet/udp.h>
#include <sys/socket.h>

#include <array>

#include "reprise/posix/descriptor.hpp"

namespace reprise::posix {
namespace {

constexpr std::uint32_t kSegmentsMaxEverywhere = 64;
/// Linux 6.9 doubled UDP_MAX_SEGMENTS.
constexpr std::uint32_t kSegmentsMaxNewer = 128;
/// The largest IPv4 datagram less its IP and UDP headers.
constexpr std::uint32_t kBytesMax = 65'535 - 20 - 8;

/// Whether the kernel takes a send of this many segments of one byte each.
bool takes(int sender, std::uint32_t segments) {
  const std::array<char, kSegmentsMaxNewer> payload{};
  return ::send(sender, payload.data(), segments, MSG_DONTWAIT | MSG_NOSIGNAL) ==
         static_cast<ssize_t>(segments);
}

}  // namespace

SegmentationLimits probe_segmentation() {
  const Descriptor receiver(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const Descriptor sender(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int segment_bytes = 1;
  if (::setsockopt(sender.get(), IPPROTO_UDP, UDP_SEGMENT, &segment_bytes, sizeof(segment_bytes)) !=
      0) {
    return {};
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length_bytes = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  const bool connected = ::bind(receiver.get(), generic, length_bytes) == 0 &&
                         ::getsockname(receiver.get(), generic, &length_bytes) == 0 &&
                         ::connect(sender.get(), generic, length_bytes) == 0;
  const bool newer = connected && takes(sender.get(), kSegmentsMaxNewer);
  return {newer ? kSegmentsMaxNewer : kSegmentsMaxEverywhere, kBytesMax};
}

}  // namespace reprise::posix
