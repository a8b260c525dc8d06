// From what recvmsg(2) leaves behind to a Frame: sizes, VLAN tag, checksum state, packet type.
#pragma once

#include <linux/if_packet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "reprise/engine/io.hpp"

namespace reprise::posix {

/// Room for a sockaddr_ll or a sockaddr_in6, kept a multiple of 8 so that the metadata is aligned.
inline constexpr std::uint32_t kNameBytes = 32;
inline constexpr std::uint32_t kMetadataBytes = CMSG_SPACE(sizeof(tpacket_auxdata));
/// What PACKET_VNET_HDR puts in front of a frame (linux/virtio_net.h).
inline constexpr std::uint32_t kSegmentHeaderBytes = 10;

static_assert(sizeof(sockaddr_ll) <= kNameBytes && sizeof(sockaddr_in6) <= kNameBytes);
static_assert(kNameBytes % alignof(cmsghdr) == 0);

/// From sockaddr_ll's packet type.
inline engine::PacketType packet_type(unsigned char kernel_type) {
  switch (kernel_type) {
    case PACKET_HOST: return engine::PacketType::host;
    case PACKET_BROADCAST: return engine::PacketType::broadcast;
    case PACKET_MULTICAST: return engine::PacketType::multicast;
    case PACKET_OTHERHOST: return engine::PacketType::other_host;
    default: return engine::PacketType::outgoing;  // sent by this host, PACKET_LOOPBACK included
  }
}

/// From the status bits of packet(7).
inline engine::ChecksumState checksum_state(std::uint32_t status) {
  if ((status & TP_STATUS_CSUMNOTREADY) != 0) return engine::ChecksumState::partial;
  return (status & TP_STATUS_CSUM_VALID) != 0 ? engine::ChecksumState::valid
                                              : engine::ChecksumState::unverified;
}

/// engine::Frame::segment_bytes, from a header of kSegmentHeaderBytes.
inline std::uint16_t segment_bytes_of(const std::byte* header) {
  constexpr std::uint8_t kUdpSegments = 5;  // VIRTIO_NET_HDR_GSO_UDP_L4, Linux 6.2
  constexpr std::size_t kTypeAt = 1;
  constexpr std::size_t kSizeAt = 4;
  if (std::to_integer<std::uint8_t>(header[kTypeAt]) != kUdpSegments) return 0;
  std::uint16_t segment_bytes = 0;
  std::memcpy(&segment_bytes, header + kSizeAt, sizeof(segment_bytes));
  return segment_bytes;
}

/// The sizes of a received frame, and where its name and metadata lie.
struct ReceivedMessage {
  engine::FrameFormat format = engine::FrameFormat::ethernet;
  std::uint32_t frame_offset_bytes = 0;
  std::uint32_t captured_bytes = 0;
  std::uint32_t original_bytes = 0;
  std::uint16_t segment_bytes = 0;  ///< see engine::Frame
  std::span<const std::byte> name;
  std::span<const std::byte> metadata;
};

/// Takes the header that want_segment_sizes() asked for off the front of the frame.
void split_off_segment_header(const std::byte* region, ReceivedMessage& message);

/// Fills a frame. What the kernel did not tell keeps its default.
void fill_frame(const ReceivedMessage& message, engine::Frame& frame);

}  // namespace reprise::posix
