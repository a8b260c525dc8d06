#include "reprise/engine/packet.hpp"

#include <algorithm>
#include <cstring>

#include "reprise/engine/assert.hpp"
#include "reprise/engine/internet_checksum.hpp"

namespace reprise::engine {
namespace {

constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
constexpr std::uint16_t kEtherTypeCustomerTag = 0x8100;
constexpr std::uint16_t kEtherTypeServiceTag = 0x88a8;
constexpr std::uint16_t kEtherTypeOldServiceTag = 0x9100;

constexpr std::uint32_t kMacPairBytes = 12;
constexpr std::uint32_t kEtherTypeBytes = 2;
constexpr std::uint32_t kVlanTagBytes = 4;
constexpr std::uint32_t kVlanTagsMax = 2;
constexpr std::uint32_t kIpv4HeaderBytes = 20;
constexpr std::uint32_t kIpv6HeaderBytes = 40;
constexpr std::uint32_t kExtensionHeaderBytesMin = 8;
constexpr std::uint32_t kUdpHeaderBytes = 8;
constexpr std::uint32_t kLengthFieldMax = 0xffff;

constexpr std::uint8_t kNextHopByHop = 0;
constexpr std::uint8_t kNextUdp = 17;
constexpr std::uint8_t kNextRouting = 43;
constexpr std::uint8_t kNextFragment = 44;
constexpr std::uint8_t kNextDestinationOptions = 60;

constexpr std::uint16_t kIpv4FragmentMask = 0x3fff;  // more fragments, offset
constexpr std::uint16_t kIpv4DoNotFragment = 0x4000;
constexpr std::uint16_t kIpv6FragmentMask = 0xfff9;  // offset, more fragments

std::uint8_t read8(const std::byte* at) { return std::to_integer<std::uint8_t>(*at); }

std::uint16_t read16(const std::byte* at) {
  return static_cast<std::uint16_t>((read8(at) << 8U) | read8(at + 1));
}

void write8(std::byte* at, std::uint32_t value) { *at = static_cast<std::byte>(value); }

void write16(std::byte* at, std::uint32_t value) {
  write8(at, value >> 8U);
  write8(at + 1, value);
}

// ---- The UDP checksum ----

/// A 16-bit number as a word of the sum, as if it had been loaded from a packet.
std::uint64_t checksum_word(std::uint32_t value) {
  std::array<std::byte, 2> bytes{};
  write16(bytes.data(), value);
  return load<std::uint16_t>(bytes.data());
}

/// The pseudo header of RFC 768 and RFC 8200, 8.1, then the UDP header and payload at `udp`.
std::uint64_t udp_checksum_sum(const Address& source, const Address& destination,
                               const std::byte* udp, std::uint32_t udp_length_bytes) {
  // An IPv4 address is followed by zeros, so that all 16 bytes may be added for either family.
  std::uint64_t sum = checksum_word(kNextUdp) + checksum_word(udp_length_bytes);
  for (const Address* address : {&source, &destination}) {
    const auto* bytes = std::as_bytes(std::span(address->bytes)).data();
    sum = add_with_carry(sum, load<std::uint64_t>(bytes));
    sum = add_with_carry(sum, load<std::uint64_t>(bytes + 8));
  }
  return checksum_add(sum, udp, udp_length_bytes);
}

// ---- Parsing ----

bool is_vlan_tag(std::uint16_t ether_type) {
  return ether_type == kEtherTypeCustomerTag || ether_type == kEtherTypeServiceTag ||
         ether_type == kEtherTypeOldServiceTag;
}

bool is_extension_header(std::uint8_t next_header) {
  return next_header == kNextHopByHop || next_header == kNextRouting ||
         next_header == kNextFragment || next_header == kNextDestinationOptions;
}

void read_address(Address& address, Family family, const std::byte* at) {
  address.family = family;
  std::memcpy(address.bytes.data(), at, address.length_bytes());
}

/// Reads one frame, layer after layer, into a datagram. Each step returns false where it ends the
/// reading, and has then set error().
///
/// P1  readable_ <= captured_ <= original_: lengths that disagree are cut down first.
/// P2  No byte at or after readable_ is read: need(end) comes before every read.
/// P3  begin_ <= end_ <= original_ once the IP header is read. Offsets stay far below 2^32, because
///     every length that leads to one has 16 bits.
///
/// Results are members and not returned values: GCC 12 passes a std::expected of two numbers
/// through the stack in a way that made parse() four times slower.
class FrameReader {
 public:
  FrameReader(const FrameBytes& frame, Datagram& datagram)
      : bytes_(frame.visible.data()),
        original_(frame.original_bytes),
        captured_(std::min(frame.captured_bytes, original_)),
        readable_(
            static_cast<std::uint32_t>(std::min<std::size_t>(frame.visible.size(), captured_))),
        datagram_(datagram) {}

  bool read(bool starts_at_ip) {
    if (starts_at_ip ? !read_version() : !read_ethernet()) return false;
    if (ether_type_ == kEtherTypeIpv4) return read_ipv4() && read_udp();
    if (ether_type_ == kEtherTypeIpv6) return read_ipv6() && read_udp();
    return fail(ParseError::not_ip);
  }

  [[nodiscard]] ParseError error() const { return error_; }

 private:
  bool fail(ParseError error) {
    error_ = error;
    return false;
  }

  /// Whether all bytes before `end` can be read.
  bool need(std::uint32_t end) {
    if (end <= readable_) return true;
    return fail(end <= original_ ? ParseError::truncated : ParseError::malformed);
  }

  bool read_ethernet() {
    begin_ = kMacPairBytes + kEtherTypeBytes;
    if (!need(begin_)) return false;
    ether_type_ = read16(bytes_ + kMacPairBytes);
    while (is_vlan_tag(ether_type_) && datagram_.vlan_count < kVlanTagsMax) {
      if (!need(begin_ + kVlanTagBytes)) return false;
      datagram_.vlan_tci[datagram_.vlan_count++] = read16(bytes_ + begin_);
      ether_type_ = read16(bytes_ + begin_ + 2);
      begin_ += kVlanTagBytes;
    }
    return true;
  }

  /// Without a link layer, the version field says which protocol it is.
  bool read_version() {
    if (!need(1)) return false;
    const unsigned version = read8(bytes_) >> 4U;
    if (version == 4) ether_type_ = kEtherTypeIpv4;
    if (version == 6) ether_type_ = kEtherTypeIpv6;
    return true;
  }

  bool read_ipv4() {
    if (!need(begin_ + kIpv4HeaderBytes)) return false;
    const std::byte* const header = bytes_ + begin_;
    const std::uint8_t version_and_length = read8(header);
    const std::uint32_t header_bytes = (version_and_length & 0xfU) * 4U;
    if (version_and_length >> 4U != 4 || header_bytes < kIpv4HeaderBytes) {
      return fail(ParseError::malformed);
    }
    if (!need(begin_ + header_bytes)) return false;
    const std::uint32_t total_bytes = read16(header + 2);
    if (total_bytes < header_bytes || total_bytes > original_ - begin_ ||
        !ipv4_header_checksum_is_valid(header, header_bytes)) {
      return fail(ParseError::malformed);
    }
    if (read8(header + 9) != kNextUdp) return fail(ParseError::not_udp);
    if ((read16(header + 6) & kIpv4FragmentMask) != 0) return fail(ParseError::fragment);
    datagram_.hops = read8(header + 8);
    read_address(datagram_.source, Family::ipv4, header + 12);
    read_address(datagram_.destination, Family::ipv4, header + 16);
    end_ = begin_ + total_bytes;
    begin_ += header_bytes;
    return true;
  }

  bool read_ipv6() {
    if (!need(begin_ + kIpv6HeaderBytes)) return false;
    const std::byte* const header = bytes_ + begin_;
    begin_ += kIpv6HeaderBytes;
    // A jumbogram (RFC 2675) has length 0, too short for its hop-by-hop header.
    const std::uint32_t payload_bytes = read16(header + 4);
    if (read8(header) >> 4U != 6 || payload_bytes > original_ - begin_) {
      return fail(ParseError::malformed);
    }
    datagram_.hops = read8(header + 7);
    read_address(datagram_.source, Family::ipv6, header + 8);
    read_address(datagram_.destination, Family::ipv6, header + 24);
    end_ = begin_ + payload_bytes;
    const std::uint8_t next_header = read8(header + 6);
    return next_header == kNextUdp || skip_extension_headers(next_header);
  }

  /// Moves begin_ over extension headers to UDP. Any order and number is taken (RFC 8200, 4.1),
  /// except that hop-by-hop options come first; what the options say is not looked at. Every header
  /// is at least eight bytes long, so the walk ends.
  bool skip_extension_headers(std::uint8_t next_header) {
    const std::uint32_t first = begin_;
    while (next_header != kNextUdp) {
      if (!is_extension_header(next_header)) return fail(ParseError::not_udp);
      if (end_ - begin_ < kExtensionHeaderBytesMin) return fail(ParseError::malformed);
      if (next_header == kNextHopByHop && begin_ != first) return fail(ParseError::malformed);
      if (!need(begin_ + kExtensionHeaderBytesMin)) return false;
      const std::byte* const header = bytes_ + begin_;
      std::uint32_t header_bytes = kExtensionHeaderBytesMin;
      if (next_header != kNextFragment) {
        header_bytes += read8(header + 1) * 8U;
      } else if ((read16(header + 2) & kIpv6FragmentMask) != 0) {
        const bool may_hold_udp = read8(header) == kNextUdp || is_extension_header(read8(header));
        return fail(may_hold_udp ? ParseError::fragment : ParseError::not_udp);
      }
      // With segments left, the destination in the IPv6 header is not the last one.
      const bool has_segments_left = next_header == kNextRouting && read8(header + 3) != 0;
      if (has_segments_left || header_bytes > end_ - begin_) return fail(ParseError::malformed);
      next_header = read8(header);
      begin_ += header_bytes;
    }
    return true;
  }

  bool read_udp() {
    if (end_ - begin_ < kUdpHeaderBytes) return fail(ParseError::malformed);
    if (!need(begin_ + kUdpHeaderBytes)) return false;
    const std::byte* const header = bytes_ + begin_;
    const std::uint32_t udp_bytes = read16(header + 4);
    if (udp_bytes < kUdpHeaderBytes || udp_bytes > end_ - begin_) {
      return fail(ParseError::malformed);
    }
    if (udp_bytes > captured_ - begin_) return fail(ParseError::truncated);
    datagram_.source_port = read16(header);
    datagram_.destination_port = read16(header + 2);
    datagram_.udp_checksum = read16(header + 6);
    datagram_.payload_offset_bytes = begin_ + kUdpHeaderBytes;
    datagram_.payload_length_bytes = udp_bytes - kUdpHeaderBytes;
    return true;
  }

  const std::byte* bytes_;
  std::uint32_t original_;
  std::uint32_t captured_;
  std::uint32_t readable_;
  Datagram& datagram_;
  std::uint32_t begin_ = 0;  ///< of the layer that is read next
  std::uint32_t end_ = 0;    ///< of the IP packet
  std::uint16_t ether_type_ = 0;
  ParseError error_ = ParseError::not_ip;
};

// ---- Building ----

std::uint32_t ip_header_bytes(Family family) {
  return family == Family::ipv4 ? kIpv4HeaderBytes : kIpv6HeaderBytes;
}

/// Writes MAC addresses, tags and EtherType. Two tags are a service tag around a customer tag
/// (IEEE 802.1Q); one is a customer tag.
std::byte* build_ethernet(const FrameHeader& header, std::byte* at) {
  std::memcpy(at, header.destination_mac.data(), header.destination_mac.size());
  std::memcpy(at + header.destination_mac.size(), header.source_mac.data(),
              header.source_mac.size());
  at += kMacPairBytes;
  for (std::uint32_t tag = 0; tag < header.vlan_count; ++tag) {
    const bool is_outer_of_two = tag + 1 < header.vlan_count;
    write16(at, is_outer_of_two ? kEtherTypeServiceTag : kEtherTypeCustomerTag);
    write16(at + 2, header.vlan_tci[tag]);
    at += kVlanTagBytes;
  }
  write16(at, header.source.family == Family::ipv4 ? kEtherTypeIpv4 : kEtherTypeIpv6);
  return at + kEtherTypeBytes;
}

/// An atomic datagram (RFC 6864): never fragmented, so its identification is 0.
std::byte* build_ipv4(const FrameHeader& header, std::uint32_t udp_bytes, std::byte* at) {
  std::memset(at, 0, kIpv4HeaderBytes);
  write8(at, 0x45);
  write8(at + 1, header.dscp * 4U);
  write16(at + 2, kIpv4HeaderBytes + udp_bytes);
  write16(at + 6, kIpv4DoNotFragment);
  write8(at + 8, header.hops);
  write8(at + 9, kNextUdp);
  std::memcpy(at + 12, header.source.bytes.data(), 4);
  std::memcpy(at + 16, header.destination.bytes.data(), 4);
  const auto checksum =
      static_cast<std::uint16_t>(~checksum_fold(checksum_add(0, at, kIpv4HeaderBytes)));
  std::memcpy(at + 10, &checksum, sizeof checksum);
  return at + kIpv4HeaderBytes;
}

std::byte* build_ipv6(const FrameHeader& header, std::uint32_t udp_bytes, std::byte* at) {
  std::memset(at, 0, kIpv6HeaderBytes);
  write16(at, 0x6000U | (header.dscp * 0x40U));
  write16(at + 4, udp_bytes);
  write8(at + 6, kNextUdp);
  write8(at + 7, header.hops);
  std::memcpy(at + 8, header.source.bytes.data(), 16);
  std::memcpy(at + 24, header.destination.bytes.data(), 16);
  return at + kIpv6HeaderBytes;
}

}  // namespace

std::expected<Datagram, ParseError> parse(const FrameBytes& frame) {
  // One variable for either result, so that it is made where the caller wants it and not copied.
  std::expected<Datagram, ParseError> result;
  FrameReader reader(frame, *result);
  if (!reader.read(frame.starts_at_ip)) result = std::unexpected(reader.error());
  return result;
}

bool udp_checksum_is_valid(const FrameBytes& frame, const Datagram& datagram) {
  if (datagram.udp_checksum == 0) return datagram.source.family == Family::ipv4;
  REPRISE_ASSERT(datagram.payload_offset_bytes >= kUdpHeaderBytes);
  REPRISE_ASSERT(std::uint64_t{datagram.payload_offset_bytes} + datagram.payload_length_bytes <=
                 frame.visible.size());
  const std::byte* const udp =
      frame.visible.data() + datagram.payload_offset_bytes - kUdpHeaderBytes;
  const std::uint32_t udp_bytes = kUdpHeaderBytes + datagram.payload_length_bytes;
  return checksum_fold(udp_checksum_sum(datagram.source, datagram.destination, udp, udp_bytes)) ==
         kChecksumRight;
}

std::size_t headers_length_bytes(const FrameHeader& header) {
  return kMacPairBytes + header.vlan_count * kVlanTagBytes + kEtherTypeBytes +
         ip_header_bytes(header.source.family) + kUdpHeaderBytes;
}

std::size_t build_headers(const FrameHeader& header, std::uint32_t payload_length_bytes,
                          std::span<std::byte> out) {
  const std::size_t length_bytes = headers_length_bytes(header);
  const Family family = header.source.family;
  const std::uint32_t ip_length_extra_bytes = family == Family::ipv4 ? kIpv4HeaderBytes : 0;
  REPRISE_ASSERT(header.source.is_set() && header.destination.family == family);
  REPRISE_ASSERT(header.vlan_count <= kVlanTagsMax && header.dscp < 64);
  REPRISE_ASSERT(payload_length_bytes <= kLengthFieldMax - kUdpHeaderBytes - ip_length_extra_bytes);
  REPRISE_ASSERT(out.size() >= length_bytes);

  const std::uint32_t udp_bytes = kUdpHeaderBytes + payload_length_bytes;
  std::byte* at = build_ethernet(header, out.data());
  at = family == Family::ipv4 ? build_ipv4(header, udp_bytes, at)
                              : build_ipv6(header, udp_bytes, at);
  write16(at, header.source_port);
  write16(at + 2, header.destination_port);
  write16(at + 4, udp_bytes);
  write16(at + 6, 0);
  return length_bytes;
}

std::size_t build_frame(const FrameHeader& header, std::span<const std::byte> payload,
                        std::span<std::byte> out) {
  const std::size_t headers_bytes = headers_length_bytes(header);
  REPRISE_ASSERT(payload.size() <= kLengthFieldMax && out.size() >= headers_bytes + payload.size());
  const auto payload_bytes = static_cast<std::uint32_t>(payload.size());
  build_headers(header, payload_bytes, out);
  std::ranges::copy(payload, out.begin() + static_cast<std::ptrdiff_t>(headers_bytes));

  std::byte* const udp = out.data() + headers_bytes - kUdpHeaderBytes;
  const std::uint16_t sum = checksum_fold(
      udp_checksum_sum(header.source, header.destination, udp, kUdpHeaderBytes + payload_bytes));
  // A checksum that comes out as 0 is sent as its other form (RFC 768): 0 means none was sent.
  const auto checksum = static_cast<std::uint16_t>(sum == kChecksumRight ? sum : ~sum);
  std::memcpy(udp + 6, &checksum, sizeof checksum);
  return headers_bytes + payload.size();
}

}  // namespace reprise::engine
