// An IP address of either family in 16 bytes, with its family and scope, as a flat value.
//
// IPv4 is held in the first four bytes, the rest zero (no mapped form: the family says which it
// is).
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "reprise/engine/error.hpp"

namespace reprise::engine {

enum class Family : std::uint32_t { none = 0, ipv4 = 4, ipv6 = 6 };

struct Address {
  std::array<std::uint8_t, 16> bytes{};  ///< network byte order
  Family family = Family::none;
  std::uint32_t scope = 0;  ///< interface index of a link-local IPv6 address, else 0

  static Address ipv4(std::uint8_t a, std::uint8_t b, std::uint8_t c, std::uint8_t d) {
    Address address;
    address.bytes = {a, b, c, d};
    address.family = Family::ipv4;
    return address;
  }

  [[nodiscard]] bool is_set() const { return family != Family::none; }
  [[nodiscard]] bool is_multicast() const;    ///< 224.0.0.0/4, ff00::/8
  [[nodiscard]] bool is_unspecified() const;  ///< 0.0.0.0, ::
  [[nodiscard]] std::size_t length_bytes() const { return family == Family::ipv4 ? 4 : 16; }

  friend auto operator<=>(const Address&, const Address&) = default;
  /// As words: it is compared for every datagram.
  friend bool operator==(const Address& a, const Address& b) {
    const auto left = std::bit_cast<std::array<std::uint64_t, 3>>(a);
    const auto right = std::bit_cast<std::array<std::uint64_t, 3>>(b);
    return ((left[0] ^ right[0]) | (left[1] ^ right[1]) | (left[2] ^ right[2])) == 0;
  }
};

/// "239.1.1.1", "ff3e::1" (RFC 5952). An unset address prints as "*".
std::string to_string(const Address& address);

/// Reads a numeric address of either family, without brackets, scope or port. Names are not
/// resolved.
Expected<Address> parse_address(std::string_view text);

}  // namespace reprise::engine
