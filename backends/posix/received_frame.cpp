#include "reprise/posix/received_frame.hpp"

#include <algorithm>
#include <cstring>

#include "reprise/posix/socket_address.hpp"

namespace reprise::posix {
namespace {

using engine::ChecksumState;
using engine::Frame;
using engine::FrameFormat;
using engine::PacketType;

PacketType packet_type(unsigned char kernel_type) {
  switch (kernel_type) {
    case PACKET_HOST: return PacketType::host;
    case PACKET_BROADCAST: return PacketType::broadcast;
    case PACKET_MULTICAST: return PacketType::multicast;
    case PACKET_OTHERHOST: return PacketType::other_host;
    default: return PacketType::outgoing;  // sent by this host, PACKET_LOOPBACK included
  }
}

void read_name(std::span<const std::byte> name, FrameFormat format, Frame& frame) {
  if (format == FrameFormat::udp_payload) {
    if (const auto sender = address_and_port(name.data(), name.size())) {
      frame.source = sender->address;
      frame.source_port = sender->port;
    }
    return;
  }
  sockaddr_ll link{};
  std::memcpy(&link, name.data(), std::min(name.size(), sizeof(link)));
  frame.type = packet_type(link.sll_pkttype);
}

void read_auxiliary_data(const tpacket_auxdata& data, Frame& frame) {
  if ((data.tp_status & TP_STATUS_VLAN_VALID) != 0) {
    frame.has_vlan = true;
    frame.vlan_tci = data.tp_vlan_tci;
  }
  if ((data.tp_status & TP_STATUS_CSUMNOTREADY) != 0) {
    frame.checksum = ChecksumState::partial;
  } else if ((data.tp_status & TP_STATUS_CSUM_VALID) != 0) {
    frame.checksum = ChecksumState::valid;
  }
}

/// The packet socket's metadata is the only control message that these sockets ask for.
void read_metadata(std::span<const std::byte> metadata, Frame& frame) {
  cmsghdr header{};
  if (metadata.size() < CMSG_LEN(sizeof(tpacket_auxdata))) return;
  std::memcpy(&header, metadata.data(), sizeof(header));
  if (header.cmsg_level != SOL_PACKET || header.cmsg_type != PACKET_AUXDATA) return;
  tpacket_auxdata data{};
  std::memcpy(&data, metadata.data() + CMSG_LEN(0), sizeof(data));
  read_auxiliary_data(data, frame);
}

}  // namespace

void split_off_segment_header(const std::byte* region, ReceivedMessage& message) {
  constexpr std::uint8_t kUdpSegments = 5;  // VIRTIO_NET_HDR_GSO_UDP_L4, Linux 6.2
  constexpr std::size_t kTypeAt = 1;
  constexpr std::size_t kSizeAt = 4;
  if (message.captured_bytes < kSegmentHeaderBytes) return;
  const std::byte* header = region + message.frame_offset_bytes;
  if (std::to_integer<std::uint8_t>(header[kTypeAt]) == kUdpSegments) {
    std::memcpy(&message.segment_bytes, header + kSizeAt, sizeof(message.segment_bytes));
  }
  message.frame_offset_bytes += kSegmentHeaderBytes;
  message.captured_bytes -= kSegmentHeaderBytes;
  message.original_bytes -= kSegmentHeaderBytes;
}

void fill_frame(const ReceivedMessage& message, Frame& frame) {
  frame.offset_bytes = message.frame_offset_bytes;
  frame.captured_bytes = message.captured_bytes;
  frame.original_bytes = message.original_bytes;
  frame.segment_bytes = message.segment_bytes;
  frame.format = message.format;
  read_name(message.name, message.format, frame);
  read_metadata(message.metadata, frame);
}

}  // namespace reprise::posix
