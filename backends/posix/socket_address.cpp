#include "reprise/posix/socket_address.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

#include "reprise/engine/assert.hpp"

namespace reprise::posix {

using engine::Address;
using engine::Family;

int socket_family(const Address& address) {
  REPRISE_ASSERT(address.is_set());
  return address.family == Family::ipv4 ? AF_INET : AF_INET6;
}

SocketAddress socket_address(const Address& address, std::uint16_t port) {
  SocketAddress result;
  if (socket_family(address) == AF_INET) {
    sockaddr_in ipv4{};
    ipv4.sin_family = AF_INET;
    ipv4.sin_port = htons(port);
    std::memcpy(&ipv4.sin_addr, address.bytes.data(), sizeof(ipv4.sin_addr));
    std::memcpy(&result.storage, &ipv4, sizeof(ipv4));
    result.length_bytes = sizeof(ipv4);
  } else {
    sockaddr_in6 ipv6{};
    ipv6.sin6_family = AF_INET6;
    ipv6.sin6_port = htons(port);
    ipv6.sin6_scope_id = address.scope;
    std::memcpy(&ipv6.sin6_addr, address.bytes.data(), sizeof(ipv6.sin6_addr));
    std::memcpy(&result.storage, &ipv6, sizeof(ipv6));
    result.length_bytes = sizeof(ipv6);
  }
  return result;
}

std::optional<AddressAndPort> address_and_port(const void* bytes, std::size_t length_bytes) {
  sa_family_t family = AF_UNSPEC;
  if (length_bytes < sizeof(family)) return std::nullopt;
  std::memcpy(&family, bytes, sizeof(family));
  AddressAndPort result;
  if (family == AF_INET && length_bytes >= sizeof(sockaddr_in)) {
    sockaddr_in ipv4{};
    std::memcpy(&ipv4, bytes, sizeof(ipv4));
    result.address.family = Family::ipv4;
    result.port = ntohs(ipv4.sin_port);
    std::memcpy(result.address.bytes.data(), &ipv4.sin_addr, sizeof(ipv4.sin_addr));
    return result;
  }
  if (family == AF_INET6 && length_bytes >= sizeof(sockaddr_in6)) {
    sockaddr_in6 ipv6{};
    std::memcpy(&ipv6, bytes, sizeof(ipv6));
    result.address.family = Family::ipv6;
    result.address.scope = ipv6.sin6_scope_id;
    result.port = ntohs(ipv6.sin6_port);
    std::memcpy(result.address.bytes.data(), &ipv6.sin6_addr, sizeof(ipv6.sin6_addr));
    return result;
  }
  return std::nullopt;
}

}  // namespace reprise::posix
