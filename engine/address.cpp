#include "reprise/engine/address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "reprise/engine/quoted.hpp"

namespace reprise::engine {

bool Address::is_multicast() const {
  switch (family) {
    case Family::none: return false;
    case Family::ipv4: return (bytes[0] & 0xf0U) == 0xe0U;
    case Family::ipv6: return bytes[0] == 0xffU;
  }
  return false;
}

bool Address::is_unspecified() const {
  return is_set() && std::ranges::all_of(bytes, [](std::uint8_t byte) { return byte == 0; });
}

std::string to_string(const Address& address) {
  if (!address.is_set()) return "*";
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(address.family == Family::ipv4 ? AF_INET : AF_INET6, address.bytes.data(), text.data(),
            text.size());
  return text.data();
}

Expected<Address> parse_address(std::string_view text) {
  // inet_pton reads up to a NUL: a text that holds one would be cut short without a word.
  std::array<char, INET6_ADDRSTRLEN> terminated{};
  if (text.size() < terminated.size() && text.find('\0') == std::string_view::npos) {
    std::ranges::copy(text, terminated.begin());
    Address address;
    if (inet_pton(AF_INET, terminated.data(), address.bytes.data()) == 1) {
      address.family = Family::ipv4;
      return address;
    }
    if (inet_pton(AF_INET6, terminated.data(), address.bytes.data()) == 1) {
      address.family = Family::ipv6;
      return address;
    }
  }
  return failure("address " + quoted(text) +
                 ": expected a numeric IPv4 or IPv6 address; write it like 239.1.1.1 or ff3e::1");
}

}  // namespace reprise::engine
