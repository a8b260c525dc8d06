#include "reprise/posix/send_socket.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <string>

#include "reprise/posix/errno_text.hpp"
#include "reprise/posix/network_interface.hpp"
#include "reprise/posix/socket_address.hpp"
#include "reprise/posix/socket_option.hpp"

namespace reprise::posix {
namespace {

using engine::Expected;
using engine::SendSocketSpec;

struct NamedOption {
  int level;
  int option;
  int value;
  const char* name;
};

Expected<void> set_all(int descriptor, std::span<const NamedOption> options,
                       const std::string& what) {
  for (const NamedOption& option : options) {
    if (auto set =
            set_option(descriptor, option.level, option.option, option.value, what, option.name);
        !set) {
      return set;
    }
  }
  return {};
}

Expected<void> set_header_fields(int descriptor, const SendSocketSpec& spec,
                                 const std::string& what) {
  const int traffic_class = spec.dscp << 2;
  if (spec.destination.family == engine::Family::ipv4) {
    const NamedOption options[] = {
        {IPPROTO_IP, IP_TTL, spec.hops, "IP_TTL"},
        {IPPROTO_IP, IP_MULTICAST_TTL, spec.hops, "IP_MULTICAST_TTL"},
        {IPPROTO_IP, IP_TOS, traffic_class, "IP_TOS"},
        {IPPROTO_IP, IP_MULTICAST_LOOP, 0, "IP_MULTICAST_LOOP"},
        {IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_INTERFACE, "IP_MTU_DISCOVER"},
    };
    return set_all(descriptor, options, what);
  }
  const NamedOption options[] = {
      {IPPROTO_IPV6, IPV6_UNICAST_HOPS, spec.hops, "IPV6_UNICAST_HOPS"},
      {IPPROTO_IPV6, IPV6_MULTICAST_HOPS, spec.hops, "IPV6_MULTICAST_HOPS"},
      {IPPROTO_IPV6, IPV6_TCLASS, traffic_class, "IPV6_TCLASS"},
      {IPPROTO_IPV6, IPV6_MULTICAST_LOOP, 0, "IPV6_MULTICAST_LOOP"},
      {IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_INTERFACE, "IPV6_MTU_DISCOVER"},
  };
  return set_all(descriptor, options, what);
}

/// Fixes the outgoing interface. Multicast is told it by its own option, so that it also leaves
/// where no route covers the group; unicast is bound to the device.
Expected<void> set_interface(int descriptor, const SendSocketSpec& spec,
                             const NetworkInterface& interface, const std::string& what) {
  if (!spec.destination.is_multicast()) {
    if (::setsockopt(descriptor, SOL_SOCKET, SO_BINDTODEVICE, interface.name.c_str(),
                     static_cast<socklen_t>(interface.name.size())) == 0) {
      return {};
    }
    const int errno_value = errno;
    return engine::failure(what + ": the kernel refuses SO_BINDTODEVICE to " + interface.name +
                               ": " + errno_text(errno_value) + "; see socket(7)",
                           errno_value);
  }
  if (spec.destination.family == engine::Family::ipv4) {
    ip_mreqn request{};
    request.imr_ifindex = interface.index;
    return set_option(descriptor, IPPROTO_IP, IP_MULTICAST_IF, request, what, "IP_MULTICAST_IF");
  }
  return set_option(descriptor, IPPROTO_IPV6, IPV6_MULTICAST_IF, interface.index, what,
                    "IPV6_MULTICAST_IF");
}

Expected<void> bind_source(int descriptor, const SendSocketSpec& spec, int interface_index,
                           const std::string& what) {
  if (!spec.source.is_set()) return {};
  engine::Address source = spec.source;
  if (source.family == engine::Family::ipv6 && source.scope == 0) {
    source.scope = static_cast<std::uint32_t>(interface_index);
  }
  const SocketAddress address = socket_address(source, 0);
  if (::bind(descriptor, address.get(), address.length_bytes) == 0) return {};
  const int errno_value = errno;
  return engine::failure(what + ": cannot send from " + to_string(spec.source) + ": " +
                             errno_text(errno_value) + "; see: ip address",
                         errno_value);
}

Expected<void> connect_to(int descriptor, const SendSocketSpec& spec, int interface_index,
                          const std::string& what) {
  engine::Address destination = spec.destination;
  if (destination.family == engine::Family::ipv6 && destination.scope == 0) {
    destination.scope = static_cast<std::uint32_t>(interface_index);
  }
  const SocketAddress address = socket_address(destination, spec.port);
  if (::connect(descriptor, address.get(), address.length_bytes) == 0) return {};
  const int errno_value = errno;
  return engine::failure(what + ": cannot connect: " + errno_text(errno_value) +
                             "; see: ip route get " + to_string(spec.destination) +
                             (spec.interface.empty() ? "" : " oif " + spec.interface),
                         errno_value);
}

std::string describe(const SendSocketSpec& spec) {
  return "a send socket to " + to_string(spec.destination) + " port " + std::to_string(spec.port) +
         (spec.interface.empty() ? "" : " on " + spec.interface);
}

}  // namespace

Expected<Descriptor> open_send_socket(const SendSocketSpec& spec) {
  const std::string what = describe(spec);
  if (!spec.destination.is_set() || spec.port == 0) {
    return engine::failure(what + ": expected a destination address and a port from 1 to 65535",
                           EINVAL);
  }
  if (spec.source.is_set() && spec.source.family != spec.destination.family) {
    return engine::failure(what + ": the source " + to_string(spec.source) +
                               " is of the other address family; expected the destination's",
                           EINVAL);
  }
  NetworkInterface interface;
  if (!spec.interface.empty()) {
    auto found = find_network_interface(spec.interface);
    if (!found) return std::unexpected(found.error());
    interface = *std::move(found);
  }

  Descriptor socket(::socket(socket_family(spec.destination), SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) {
    const int errno_value = errno;
    return engine::failure(what + ": " + errno_text(errno_value) + "; see socket(2)", errno_value);
  }
  const int descriptor = socket.get();
  if (auto set = set_header_fields(descriptor, spec, what); !set) {
    return std::unexpected(set.error());
  }
  if (interface.index != 0) {
    if (auto set = set_interface(descriptor, spec, interface, what); !set) {
      return std::unexpected(set.error());
    }
  }
  set_buffer_bytes(descriptor, BufferSide::send, spec.send_buffer_bytes);
  if (auto set = discard_received(descriptor, what); !set) return std::unexpected(set.error());
  if (auto bound = bind_source(descriptor, spec, interface.index, what); !bound) {
    return std::unexpected(bound.error());
  }
  if (auto connected = connect_to(descriptor, spec, interface.index, what); !connected) {
    return std::unexpected(connected.error());
  }
  return socket;
}

}  // namespace reprise::posix
