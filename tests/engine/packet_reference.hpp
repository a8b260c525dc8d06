// A second reader of frames, to hold parse() against: slow, and written so that it is easy to see
// that it is right. Each layer gets a span that ends where the layer ends, and hands a smaller one
// on. It knows wholly captured frames only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "reprise/engine/packet.hpp"

namespace reprise::engine::reference {

using Bytes = std::span<const std::byte>;
using Result = std::expected<Datagram, ParseError>;

inline unsigned byte_at(Bytes bytes, std::size_t index) {
  return std::to_integer<unsigned>(bytes[index]);
}

inline unsigned number_at(Bytes bytes, std::size_t index) {
  return byte_at(bytes, index) * 256 + byte_at(bytes, index + 1);
}

/// The ones' complement sum of RFC 1071, one 16-bit word after the other.
inline unsigned internet_sum(Bytes bytes, unsigned sum = 0) {
  for (std::size_t index = 0; index < bytes.size(); ++index) {
    sum += index % 2 == 0 ? byte_at(bytes, index) * 256 : byte_at(bytes, index);
    if (sum > 0xffff) sum -= 0xffff;
  }
  return sum;
}

inline Address address_at(Bytes bytes, std::size_t index, Family family) {
  Address address;
  address.family = family;
  for (std::size_t i = 0; i < address.length_bytes(); ++i) {
    address.bytes[i] = static_cast<std::uint8_t>(byte_at(bytes, index + i));
  }
  return address;
}

inline Result read_udp(Bytes ip_payload, Datagram datagram) {
  if (ip_payload.size() < 8) return std::unexpected(ParseError::malformed);
  const unsigned length = number_at(ip_payload, 4);
  if (length < 8 || length > ip_payload.size()) return std::unexpected(ParseError::malformed);
  datagram.source_port = static_cast<std::uint16_t>(number_at(ip_payload, 0));
  datagram.destination_port = static_cast<std::uint16_t>(number_at(ip_payload, 2));
  datagram.udp_checksum = static_cast<std::uint16_t>(number_at(ip_payload, 6));
  datagram.payload_length_bytes = length - 8;
  return datagram;
}

inline Result read_ipv4(Bytes packet, Datagram datagram) {
  if (packet.size() < 20) return std::unexpected(ParseError::malformed);
  const unsigned header_length = byte_at(packet, 0) % 16 * 4;
  const unsigned total_length = number_at(packet, 2);
  if (byte_at(packet, 0) / 16 != 4 || header_length < 20 || total_length < header_length ||
      total_length > packet.size() || internet_sum(packet.first(header_length)) != 0xffff) {
    return std::unexpected(ParseError::malformed);
  }
  const bool more_fragments = (number_at(packet, 6) & 0x2000U) != 0;
  const unsigned fragment_offset = number_at(packet, 6) % 0x2000;
  if (byte_at(packet, 9) != 17) return std::unexpected(ParseError::not_udp);
  if (more_fragments || fragment_offset != 0) return std::unexpected(ParseError::fragment);
  datagram.hops = static_cast<std::uint8_t>(byte_at(packet, 8));
  datagram.source = address_at(packet, 12, Family::ipv4);
  datagram.destination = address_at(packet, 16, Family::ipv4);
  datagram.payload_offset_bytes += header_length + 8;
  return read_udp(packet.first(total_length).subspan(header_length), datagram);
}

inline bool is_extension(unsigned header) {
  return header == 0 || header == 43 || header == 44 || header == 60;
}

inline Result read_after_ipv6(unsigned header, bool is_first, Bytes rest, Datagram datagram) {
  if (header == 17) {
    datagram.payload_offset_bytes += 8;
    return read_udp(rest, datagram);
  }
  if (!is_extension(header)) return std::unexpected(ParseError::not_udp);
  if (rest.size() < 8) return std::unexpected(ParseError::malformed);
  const unsigned next = byte_at(rest, 0);
  std::size_t length = 8;
  if (header == 44) {
    const bool is_atomic = number_at(rest, 2) / 8 == 0 && byte_at(rest, 3) % 2 == 0;
    if (!is_atomic && (next == 17 || is_extension(next))) {
      return std::unexpected(ParseError::fragment);
    }
    if (!is_atomic) return std::unexpected(ParseError::not_udp);
  } else {
    length = 8 + std::size_t{8} * byte_at(rest, 1);
  }
  if (header == 0 && !is_first) return std::unexpected(ParseError::malformed);
  if (header == 43 && byte_at(rest, 3) != 0) return std::unexpected(ParseError::malformed);
  if (length > rest.size()) return std::unexpected(ParseError::malformed);
  datagram.payload_offset_bytes += static_cast<std::uint32_t>(length);
  return read_after_ipv6(next, false, rest.subspan(length), datagram);
}

inline Result read_ipv6(Bytes packet, Datagram datagram) {
  if (packet.size() < 40 || byte_at(packet, 0) / 16 != 6 ||
      number_at(packet, 4) > packet.size() - 40) {
    return std::unexpected(ParseError::malformed);
  }
  datagram.hops = static_cast<std::uint8_t>(byte_at(packet, 7));
  datagram.source = address_at(packet, 8, Family::ipv6);
  datagram.destination = address_at(packet, 24, Family::ipv6);
  datagram.payload_offset_bytes += 40;
  return read_after_ipv6(byte_at(packet, 6), true, packet.subspan(40, number_at(packet, 4)),
                         datagram);
}

/// `rest` starts at an EtherType, `datagram.vlan_count` tags have been read.
inline Result read_from_ether_type(Bytes rest, Datagram datagram) {
  if (rest.size() < 2) return std::unexpected(ParseError::malformed);
  const unsigned type = number_at(rest, 0);
  datagram.payload_offset_bytes += 2;
  if (type == 0x0800) return read_ipv4(rest.subspan(2), datagram);
  if (type == 0x86dd) return read_ipv6(rest.subspan(2), datagram);
  const bool is_tag = type == 0x8100 || type == 0x88a8 || type == 0x9100;
  if (!is_tag || datagram.vlan_count == 2) return std::unexpected(ParseError::not_ip);
  if (rest.size() < 6) return std::unexpected(ParseError::malformed);
  datagram.vlan_tci[datagram.vlan_count++] = static_cast<std::uint16_t>(number_at(rest, 2));
  datagram.payload_offset_bytes += 2;
  return read_from_ether_type(rest.subspan(4), datagram);
}

/// What parse() must say about a wholly captured frame.
inline Result parse(Bytes frame) {
  Datagram datagram;
  if (frame.size() < 14) return std::unexpected(ParseError::malformed);
  datagram.payload_offset_bytes = 12;
  return read_from_ether_type(frame.subspan(12), datagram);
}

/// The UDP checksum that belongs into a datagram, computed over its pseudo header byte by byte.
/// `udp` is UDP header and payload; the checksum in it is counted as zero.
inline std::uint16_t udp_checksum(const Address& source, const Address& destination, Bytes udp) {
  unsigned sum = internet_sum(udp.first(6));
  sum = internet_sum(udp.subspan(8), sum);
  for (const Address* address : {&source, &destination}) {
    sum =
        internet_sum(std::as_bytes(std::span(address->bytes)).first(address->length_bytes()), sum);
  }
  sum += static_cast<unsigned>(udp.size()) + 17;
  while (sum > 0xffff) sum -= 0xffff;
  return static_cast<std::uint16_t>(sum == 0xffff ? 0xffff : 0xffff - sum);
}

}  // namespace reprise::engine::reference
