#include "reprise/posix/port_holder.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>

#include "reprise/posix/errno_text.hpp"
#include "reprise/posix/network_interface.hpp"
#include "reprise/posix/socket_address.hpp"
#include "reprise/posix/socket_option.hpp"

namespace reprise::posix {

engine::Expected<PortHolder> hold_port(const engine::Address& address, std::uint16_t port,
                                       const std::string& interface) {
  const std::string what =
      "UDP port " + std::to_string(port) + " of " + to_string(address) + " on " + interface;
  const auto found = find_network_interface(interface);
  if (!found) return std::unexpected(found.error());

  PortHolder holder;
  holder.socket = Descriptor(::socket(socket_family(address), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!holder.socket.is_open()) {
    const int errno_value = errno;
    return engine::failure("cannot hold " + what + ": " + errno_text(errno_value) +
                               "; check the limit of open files (ulimit -n)",
                           errno_value);
  }
  const int descriptor = holder.socket.get();
  if (auto set = discard_received(descriptor, what); !set) return std::unexpected(set.error());

  engine::Address local = address;
  if (local.family == engine::Family::ipv6 && local.scope == 0) {
    local.scope = static_cast<std::uint32_t>(found->index);
  }
  const SocketAddress bound = socket_address(local, port);
  if (::bind(descriptor, bound.get(), bound.length_bytes) == 0) return holder;
  const int errno_value = errno;
  if (errno_value != EADDRINUSE && errno_value != EADDRNOTAVAIL) {
    return engine::failure("cannot hold " + what + ": " + errno_text(errno_value) +
                               "; ports below net.ipv4.ip_unprivileged_port_start need "
                               "cap_net_bind_service",
                           errno_value);
  }
  holder.socket.reset();
  holder.hold = errno_value == EADDRINUSE ? PortHold::by_other : PortHold::not_local;
  return holder;
}

}  // namespace reprise::posix
