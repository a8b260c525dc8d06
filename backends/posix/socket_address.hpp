// Between engine addresses and the kernel's sockaddr.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <optional>

#include "reprise/engine/address.hpp"

namespace reprise::posix {

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length_bytes = 0;

  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

/// AF_INET or AF_INET6. The address must be set.
int socket_family(const engine::Address& address);

/// `port` in host byte order. The address must be set.
SocketAddress socket_address(const engine::Address& address, std::uint16_t port);

struct AddressAndPort {
  engine::Address address;
  std::uint16_t port = 0;  ///< host byte order
};

/// The other way; nothing where the bytes are not a whole sockaddr_in or sockaddr_in6.
std::optional<AddressAndPort> address_and_port(const void* bytes, std::size_t length_bytes);

}  // namespace reprise::posix
