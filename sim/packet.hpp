// What travels: a datagram in a socket buffer, a queueing discipline or on a cable, and how many
// bytes of a socket buffer it occupies there.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "reprise/engine/address.hpp"

namespace reprise::sim {

inline constexpr std::uint32_t kHeaderBytes = 42;   ///< Ethernet, IPv4, UDP
inline constexpr std::uint32_t kVisibleBytes = 64;  ///< of a region that holds one frame
inline constexpr std::uint32_t kTagBytes = 16;

/// A datagram, or one fragment of one.
struct Packet {
  std::uint64_t sequence = 0;
  std::uint32_t flow = 0;  ///< whose header it has where it arrives
  std::uint32_t payload_bytes = 0;
  std::uint32_t frame_bytes = 0;    ///< on a link: what of the payload is in this frame
  std::uint32_t socket = 0;         ///< on a link: whose send buffer it occupies
  std::uint16_t notice = 0;         ///< of a zero-copy send: its notice, from 1; 0: none
  std::uint16_t segment_bytes = 0;  ///< not 0: datagrams of this payload each, merged
  std::uint8_t damaged = 0;    ///< its tag was not what was sent: the payload is not the original
  std::uint8_t fragment = 0;   ///< on a link: which of `fragments`, from 0
  std::uint8_t fragments = 1;  ///< frames that the datagram leaves in; 0: it is incomplete
  std::uint8_t has_checksum = 0;  ///< a device filled it in; else it is partial
  std::uint16_t vlan_tci = 0;     ///< of a tag that was stripped; 0: there was none
  std::uint16_t reserved = 0;
  std::uint32_t reserved_too = 0;

  /// The frame with which the datagram is complete.
  [[nodiscard]] bool is_last() const { return fragment + 1 == fragments; }
  /// How many it is, or were merged into it.
  [[nodiscard]] std::uint32_t datagrams() const {
    return segment_bytes == 0 ? 1 : (payload_bytes + segment_bytes - 1) / segment_bytes;
  }
};

using HeaderBytes = std::array<std::byte, kHeaderBytes>;

/// Ethernet, IPv4 and UDP header of a flow's frames as they arrive at a node.
engine::Address group_of(std::uint32_t node, std::uint32_t group);
inline constexpr std::uint16_t kPort = 5000;
/// The source port of a flow that shares its group.
constexpr std::uint16_t source_of(std::uint32_t flow) {
  return static_cast<std::uint16_t>(40'000 + flow % 25'000);
}
HeaderBytes make_header(std::uint32_t node, std::uint32_t group, std::uint32_t payload_bytes,
                        std::uint16_t source_port = source_of(0));

/// What a datagram's payload starts with; the rest of the payload follows from it.
struct Tag {
  std::uint64_t sequence;
  std::uint32_t flow;
  std::uint32_t check;
};
static_assert(sizeof(Tag) == kTagBytes);
Tag make_tag(std::uint64_t sequence, std::uint32_t flow, std::uint32_t payload_bytes);

/// What a frame occupies in a socket buffer (its truesize), by payload: one of three sizes of the
/// kernel's allocator. Measured by SIOCOUTQ behind a stalled queue, Linux 6.18, veth, one payload
/// byte after the other. More than one frame holds: the sum over its fragments (the same way).
std::uint32_t buffer_bytes(std::uint32_t payload_bytes);
/// The same of a frame on a link. A zero-copy send's occupies the pages that its payload lies in,
/// here from the first byte of the first one (measured the same way, payload aligned to pages).
std::uint32_t occupied_bytes(const Packet& packet);

/// Payload of a datagram that leaves in one frame: the MTU less IPv4 and UDP header (28 bytes).
constexpr std::uint32_t payload_of_mtu(std::uint32_t mtu_bytes) { return mtu_bytes - 28; }
/// How many frames a datagram leaves in where fragments are allowed (RFC 791: multiples of 8).
std::uint32_t fragments_of(std::uint32_t payload_bytes, std::uint32_t mtu_bytes);
/// What one of these frames carries, as the payload of a datagram of the same length.
std::uint32_t fragment_bytes(std::uint32_t payload_bytes, std::uint32_t mtu_bytes,
                             std::uint32_t fragment);

}  // namespace reprise::sim
