#include "reprise/posix/received_frame.hpp"

#include <algorithm>
#include <cstring>

#include "reprise/posix/socket_address.hpp"

namespace reprise::posix {
namespace {

using engine::Frame;
using engine::FrameFormat;

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
  frame.checksum = checksum_state(data.tp_status);
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
  if (message.captured_bytes < kSegmentHeaderBytes) return;
  message.segment_bytes = segment_bytes_of(region + message.frame_offset_bytes);
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
