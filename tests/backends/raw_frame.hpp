// Ethernet frames for the backends' tests, right or wrong as the test wants them.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/engine/address.hpp"

namespace reprise::tests {

/// The multicast MAC address of an IPv4 or IPv6 group (RFC 1112, RFC 2464) comes from the
/// destination; checksums are left 0.
struct RawFrame {
  engine::Address source = engine::Address::ipv4(10, 9, 0, 9);
  engine::Address destination = engine::Address::ipv4(239, 1, 1, 1);
  std::uint16_t source_port = 4000;
  std::uint16_t destination_port = 5000;
  std::vector<std::uint16_t> tags{};  ///< the type of each VLAN tag, outermost first
  std::uint16_t vlan_tci = 5;         ///< of every tag
  std::uint8_t protocol = 17;         ///< IPv4 protocol, IPv6 first next header
  std::uint16_t fragment_field = 0;   ///< IPv4: flags and offset
  std::uint8_t option_words = 0;      ///< IPv4: words of options
  bool has_extension = false;         ///< IPv6: eight bytes of extension before UDP
  std::uint16_t type = 0;             ///< 0: by the destination's family
  std::size_t payload_bytes = 8;

  [[nodiscard]] std::vector<std::uint8_t> bytes() const {
    std::vector<std::uint8_t> out;
    const bool is_ipv4 = destination.family == engine::Family::ipv4;
    add_link_layer(out, is_ipv4);
    is_ipv4 ? add_ipv4(out) : add_ipv6(out);
    add16(out, source_port);
    add16(out, destination_port);
    add16(out, udp_bytes());
    add16(out, 0);
    for (std::size_t index = 0; index < payload_bytes; ++index) {
      out.push_back(static_cast<std::uint8_t>(index));
    }
    return out;
  }

 private:
  using Bytes = std::vector<std::uint8_t>;

  static void add16(Bytes& out, std::size_t value) {
    out.push_back(static_cast<std::uint8_t>(value >> 8U));
    out.push_back(static_cast<std::uint8_t>(value));
  }
  static void add_address(Bytes& out, const engine::Address& address) {
    out.insert(out.end(), address.bytes.begin(),
               address.bytes.begin() + static_cast<std::ptrdiff_t>(address.length_bytes()));
  }
  [[nodiscard]] std::size_t udp_bytes() const { return 8 + payload_bytes; }

  void add_link_layer(Bytes& out, bool is_ipv4) const {
    const auto& address = destination.bytes;
    if (is_ipv4) {
      out = {0x01,       0x00,      0x5e, static_cast<std::uint8_t>(address[1] & 0x7fU),
             address[2], address[3]};
    } else {
      out = {0x33, 0x33, address[12], address[13], address[14], address[15]};
    }
    out.insert(out.end(), {0x02, 0, 0, 0, 0, 1});
    for (const std::uint16_t tag : tags) {
      add16(out, tag);
      add16(out, vlan_tci);
    }
    add16(out, type != 0 ? type : is_ipv4 ? 0x0800 : 0x86dd);
  }

  void add_ipv4(Bytes& out) const {
    const std::size_t header_bytes = 20 + std::size_t{option_words} * 4;
    out.push_back(static_cast<std::uint8_t>(0x40 + header_bytes / 4));
    out.push_back(0);
    add16(out, header_bytes + udp_bytes());
    add16(out, 1);
    add16(out, fragment_field);
    out.insert(out.end(), {64, protocol, 0, 0});
    add_address(out, source);
    add_address(out, destination);
    out.insert(out.end(), std::size_t{option_words} * 4, 1);
  }

  void add_ipv6(Bytes& out) const {
    out.insert(out.end(), {0x60, 0, 0, 0});
    add16(out, udp_bytes() + (has_extension ? 8 : 0));
    out.insert(out.end(), {protocol, 64});
    add_address(out, source);
    add_address(out, destination);
    if (has_extension) out.insert(out.end(), {17, 0, 1, 4, 0, 0, 0, 0});
  }
};

}  // namespace reprise::tests
