#include "reprise/sim/packet.hpp"

#include <algorithm>

#include "reprise/engine/assert.hpp"
#include "reprise/engine/packet.hpp"
#include "reprise/sim/choices.hpp"

namespace reprise::sim {

engine::Address group_of(std::uint32_t node, std::uint32_t group) {
  return engine::Address::ipv4(239, static_cast<std::uint8_t>(node + 1),
                               static_cast<std::uint8_t>(group >> 8),
                               static_cast<std::uint8_t>(group));
}

HeaderBytes make_header(std::uint32_t node, std::uint32_t group, std::uint32_t payload_bytes,
                        std::uint16_t source_port) {
  engine::FrameHeader header;
  header.source = engine::Address::ipv4(10, static_cast<std::uint8_t>(node), 0, 1);
  header.destination = group_of(node, group);
  header.source_port = source_port;
  header.destination_port = kPort;
  HeaderBytes bytes{};
  REPRISE_ASSERT(engine::build_headers(header, payload_bytes, bytes) == kHeaderBytes);
  return bytes;
}

Tag make_tag(std::uint64_t sequence, std::uint32_t flow, std::uint32_t payload_bytes) {
  return {sequence, flow,
          static_cast<std::uint32_t>(
              mix(sequence ^ (std::uint64_t{flow} << 40) ^ (std::uint64_t{payload_bytes} << 20)))};
}

std::uint32_t buffer_bytes(std::uint32_t payload_bytes) {
  if (payload_bytes <= 197) return 832;
  if (payload_bytes <= 645) return 1280;
  if (payload_bytes <= payload_of_mtu(1500)) return 2304;
  // Jumbo frames and what was merged: page fragments, beside the structure that describes them.
  return payload_bytes + 832;
}

std::uint32_t occupied_bytes(const Packet& packet) {
  constexpr std::uint32_t kPageBytes = 4096;
  if (packet.notice == 0) return buffer_bytes(packet.frame_bytes);
  return buffer_bytes(0) + (packet.frame_bytes + kPageBytes - 1) / kPageBytes * kPageBytes;
}

namespace {

constexpr std::uint32_t kUdpHeaderBytes = 8;

/// Payload of IPv4 that one fragment carries, UDP header included.
constexpr std::uint32_t fragment_room(std::uint32_t mtu_bytes) { return (mtu_bytes - 20) & ~7U; }

}  // namespace

std::uint32_t fragments_of(std::uint32_t payload_bytes, std::uint32_t mtu_bytes) {
  if (payload_bytes <= payload_of_mtu(mtu_bytes)) return 1;
  const std::uint32_t room = fragment_room(mtu_bytes);
  return (payload_bytes + kUdpHeaderBytes + room - 1) / room;
}

std::uint32_t fragment_bytes(std::uint32_t payload_bytes, std::uint32_t mtu_bytes,
                             std::uint32_t fragment) {
  if (payload_bytes <= payload_of_mtu(mtu_bytes)) return payload_bytes;
  const std::uint32_t room = fragment_room(mtu_bytes);
  const std::uint32_t left = payload_bytes + kUdpHeaderBytes - fragment * room;
  return std::max(std::min(left, room), kUdpHeaderBytes) - kUdpHeaderBytes;
}

}  // namespace reprise::sim
