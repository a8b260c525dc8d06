// Frames to datagrams and back: Ethernet II, one or two VLAN tags, IPv4 with options, IPv6 with
// extension headers, UDP.
//
// Parsing reads headers only, so a simulation may show just the first bytes of a frame. It trusts
// nothing: any bytes give either a datagram that lies wholly inside the captured part, or the
// reason why not. All functions are pure and allocate nothing; any thread may call them.
// Sources: IEEE 802.1Q, RFC 791, RFC 8200, RFC 768, RFC 6946 (atomic fragments).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "reprise/engine/address.hpp"

namespace reprise::engine {

/// Why a frame holds no datagram that can be relayed.
enum class ParseError : std::uint8_t {
  not_ip,     ///< another EtherType (ARP, LLDP, a length, a third VLAN tag, …)
  not_udp,    ///< IP, but another protocol, or no next header
  fragment,   ///< a part of a fragmented datagram: relaying it needs reassembly
  malformed,  ///< a header contradicts itself or its frame, or an IPv4 header checksum is wrong
  truncated,  ///< the datagram, or a header on the way to it, was not wholly captured
};

/// The visible bytes of a frame and its true lengths.
struct FrameBytes {
  std::span<const std::byte> visible;  ///< at least the headers; may end before captured_bytes
  std::uint32_t captured_bytes = 0;    ///< how much of the frame lies in the region
  std::uint32_t original_bytes = 0;    ///< length on the wire, as the kernel reports it
  bool starts_at_ip = false;  ///< no Ethernet header (tun, packet sockets of type SOCK_DGRAM)
};

/// Addresses have no scope: only the caller knows the interface.
struct Datagram {
  Address source;
  Address destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint32_t payload_offset_bytes = 0;   ///< from the start of the frame
  std::uint32_t payload_length_bytes = 0;   ///< 0…65,527
  std::uint8_t hops = 0;                    ///< TTL or hop limit as received
  std::uint8_t vlan_count = 0;              ///< tags found in the frame itself, 0…2
  std::array<std::uint16_t, 2> vlan_tci{};  ///< outermost first
  std::uint16_t udp_checksum = 0;           ///< as received; 0: none was sent (IPv4 only)
  friend bool operator==(const Datagram&, const Datagram&) = default;
};

/// Reads the headers of a frame. What follows the datagram (Ethernet padding, bytes after the UDP
/// length) is ignored, and may be missing from the capture. IPv6 jumbograms and routing headers
/// with segments left are malformed.
std::expected<Datagram, ParseError> parse(const FrameBytes& frame);

/// Whether the UDP checksum of a datagram that parse() accepted is right. Reads the whole payload,
/// so `frame.visible` must cover it. A zero checksum is right for IPv4 (RFC 768) and wrong for IPv6
/// (RFC 8200, 8.1).
bool udp_checksum_is_valid(const FrameBytes& frame, const Datagram& datagram);

/// What build_headers() and build_frame() write in front of a payload.
struct FrameHeader {
  std::array<std::uint8_t, 6> destination_mac{};
  std::array<std::uint8_t, 6> source_mac{};
  std::uint8_t vlan_count = 0;
  std::array<std::uint16_t, 2> vlan_tci{};
  Address source;
  Address destination;  ///< the same family as source
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t hops = 64;
  std::uint8_t dscp = 0;  ///< 0…63
};

/// Bytes of Ethernet, VLAN, IP and UDP header that build_headers() writes for this header: 42…70.
std::size_t headers_length_bytes(const FrameHeader& header);

/// Writes the headers for a payload of `payload_length_bytes` (at most 65,507 with IPv4, 65,527
/// with IPv6) to the start of `out`, which must hold headers_length_bytes(header). The IPv4 header
/// checksum is right; the UDP checksum is left 0 (partial). Two tags get the EtherTypes 0x88a8 and
/// 0x8100, one tag 0x8100. Returns the bytes written.
std::size_t build_headers(const FrameHeader& header, std::uint32_t payload_length_bytes,
                          std::span<std::byte> out);

/// A whole frame with a right UDP checksum: headers, then payload. `out` must hold both. Returns
/// the bytes written.
std::size_t build_frame(const FrameHeader& header, std::span<const std::byte> payload,
                        std::span<std::byte> out);

}  // namespace reprise::engine
