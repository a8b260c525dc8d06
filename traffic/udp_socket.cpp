#include "reprise/traffic/udp_socket.hpp"

#include <fmt/format.h>
#include <linux/sock_diag.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <array>
#include <cstring>

#include "reprise/traffic/system_error.hpp"

// Not in glibc 2.36's <netinet/in.h>; linux/in6.h, which has it, cannot be included beside it.
#ifndef IPV6_MULTICAST_ALL
#define IPV6_MULTICAST_ALL 29
#endif

namespace reprise::traffic {
namespace {

using engine::Endpoint;
using engine::Expected;
using engine::Family;

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

bool is_ipv4(const engine::Address& address) { return address.family == Family::ipv4; }

SocketAddress socket_address(const engine::Address& address, std::uint16_t port,
                             unsigned interface_index) {
  SocketAddress result;
  if (is_ipv4(address)) {
    sockaddr_in plain{};
    plain.sin_family = AF_INET;
    plain.sin_port = htons(port);
    std::memcpy(&plain.sin_addr, address.bytes.data(), sizeof plain.sin_addr);
    std::memcpy(&result.storage, &plain, sizeof plain);
    result.length = sizeof plain;
  } else {
    sockaddr_in6 plain{};
    plain.sin6_family = AF_INET6;
    plain.sin6_port = htons(port);
    std::memcpy(&plain.sin6_addr, address.bytes.data(), sizeof plain.sin6_addr);
    // Only an address of link scope may carry an interface (RFC 4007).
    const bool link_local = address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0U) == 0x80;
    const bool link_group = address.bytes[0] == 0xff && (address.bytes[1] & 0x0fU) <= 2;
    if (link_local || link_group) {
      plain.sin6_scope_id = address.scope != 0 ? address.scope : interface_index;
    }
    std::memcpy(&result.storage, &plain, sizeof plain);
    result.length = sizeof plain;
  }
  return result;
}

/// Sets up one socket for one endpoint and remembers the first call that failed.
class SocketSetup {
 public:
  explicit SocketSetup(const Endpoint& endpoint) : endpoint_(endpoint) {}

  bool open() {
    if (!endpoint_.interface.empty()) {
      interface_index_ = if_nametoindex(endpoint_.interface.c_str());
      if (interface_index_ == 0) {
        return fail(fmt::format("no interface {} here (see: ip link)", endpoint_.interface));
      }
    }
    const int family = is_ipv4(endpoint_.group) ? AF_INET : AF_INET6;
    descriptor_ = posix::Descriptor(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, IPPROTO_UDP));
    return descriptor_.is_open() || fail("cannot open a UDP socket");
  }

  template <class Value>
  bool set(int level, int option, const Value& value, const char* what) {
    return setsockopt(descriptor_.get(), level, option, &value, sizeof value) == 0 || fail(what);
  }

  bool set_timeout(int option, engine::Duration timeout) {
    const timeval value{timeout.ns / 1'000'000'000, timeout.ns % 1'000'000'000 / 1000};
    return set(SOL_SOCKET, option, value, "cannot set a time-out");
  }

  /// Above the host's limit only CAP_NET_ADMIN helps; without it the kernel grants what it may.
  bool set_buffer(int forced_option, int option, std::uint32_t bytes) {
    if (bytes == 0) return true;
    const auto value = static_cast<int>(bytes);
    if (setsockopt(descriptor_.get(), SOL_SOCKET, forced_option, &value, sizeof value) == 0) {
      return true;
    }
    return set(SOL_SOCKET, option, value, "cannot size the socket buffer");
  }

  bool bind_to_interface() {
    const std::string& name = endpoint_.interface;
    if (name.empty()) return true;
    return setsockopt(descriptor_.get(), SOL_SOCKET, SO_BINDTODEVICE, name.c_str(),
                      static_cast<socklen_t>(name.size())) == 0 ||
           fail("cannot bind to the interface");
  }

  bool bind(const engine::Address& address, std::uint16_t port) {
    const SocketAddress own = socket_address(address, port, interface_index_);
    return ::bind(descriptor_.get(), own.get(), own.length) == 0 ||
           fail("cannot bind (the address must be this host's, the port free)");
  }

  bool connect() {
    const SocketAddress peer = socket_address(endpoint_.group, endpoint_.port, interface_index_);
    return ::connect(descriptor_.get(), peer.get(), peer.length) == 0 ||
           fail("cannot reach the destination (name its interface with %INTERFACE)");
  }

  bool send_multicast_through_interface(std::uint8_t hops) {
    const auto index = static_cast<int>(interface_index_);
    if (is_ipv4(endpoint_.group)) {
      ip_mreqn request{};
      request.imr_ifindex = index;
      return set(IPPROTO_IP, IP_MULTICAST_IF, request, "cannot send through the interface") &&
             set(IPPROTO_IP, IP_MULTICAST_TTL, int{hops}, "cannot set the TTL");
    }
    return set(IPPROTO_IPV6, IPV6_MULTICAST_IF, index, "cannot send through the interface") &&
           set(IPPROTO_IPV6, IPV6_MULTICAST_HOPS, int{hops}, "cannot set the hop limit");
  }

  bool set_unicast_hops(std::uint8_t hops) {
    return is_ipv4(endpoint_.group)
               ? set(IPPROTO_IP, IP_TTL, int{hops}, "cannot set the TTL")
               : set(IPPROTO_IPV6, IPV6_UNICAST_HOPS, int{hops}, "cannot set the hop limit");
  }

  bool set_fragmentation(bool fragment) {
    if (is_ipv4(endpoint_.group)) {
      const int mode = fragment ? IP_PMTUDISC_DONT : IP_PMTUDISC_DO;
      return set(IPPROTO_IP, IP_MTU_DISCOVER, mode, "cannot set path MTU discovery");
    }
    const int mode = fragment ? IPV6_PMTUDISC_DONT : IPV6_PMTUDISC_DO;
    return set(IPPROTO_IPV6, IPV6_MTU_DISCOVER, mode, "cannot set path MTU discovery");
  }

  bool join() {
    const bool ipv4 = is_ipv4(endpoint_.group);
    const int level = ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
    // Otherwise the socket also gets the group from interfaces that some other program joined on.
    if (!set(level, ipv4 ? IP_MULTICAST_ALL : IPV6_MULTICAST_ALL, 0,
             "cannot restrict the socket to its own memberships")) {
      return false;
    }
    const SocketAddress group = socket_address(endpoint_.group, 0, interface_index_);
    const char* const failed = "cannot join the group (see: sysctl net.ipv4.igmp_max_memberships)";
    if (endpoint_.source.is_set()) {
      const SocketAddress source = socket_address(endpoint_.source, 0, interface_index_);
      const group_source_req request{interface_index_, group.storage, source.storage};
      return set(level, MCAST_JOIN_SOURCE_GROUP, request, failed);
    }
    const group_req request{interface_index_, group.storage};
    return set(level, MCAST_JOIN_GROUP, request, failed);
  }

  bool fail(std::string_view what) {
    error_ = system_failure(fmt::format("{}: {}", to_string(endpoint_), what)).error();
    return false;
  }

  Expected<posix::Descriptor> finish(bool succeeded) {
    if (!succeeded) return std::unexpected(std::move(error_));
    return std::move(descriptor_);
  }

 private:
  const Endpoint& endpoint_;
  posix::Descriptor descriptor_;
  unsigned interface_index_ = 0;
  engine::Error error_;
};

}  // namespace

Expected<posix::Descriptor> open_udp_sender(const UdpSenderSpec& spec) {
  const Endpoint& destination = spec.destination;
  const bool multicast = destination.group.is_multicast();
  SocketSetup setup(destination);
  return setup.finish(
      setup.open() && setup.set_buffer(SO_SNDBUFFORCE, SO_SNDBUF, spec.send_buffer_bytes) &&
      setup.set_timeout(SO_SNDTIMEO, spec.send_timeout) && setup.set_fragmentation(spec.fragment) &&
      (multicast ? setup.send_multicast_through_interface(spec.hops)
                 : setup.bind_to_interface() && setup.set_unicast_hops(spec.hops)) &&
      (!destination.source.is_set() || setup.bind(destination.source, 0)) && setup.connect());
}

Expected<posix::Descriptor> open_udp_sink(const UdpSinkSpec& spec) {
  const Endpoint& input = spec.input;
  const bool multicast = input.group.is_multicast();
  if (multicast && input.interface.empty()) {
    return engine::failure(
        fmt::format("{}: a multicast input needs its interface: write {}%INTERFACE",
                    to_string(input), to_string(input)));
  }
  SocketSetup setup(input);
  return setup.finish(setup.open() &&
                      setup.set(SOL_SOCKET, SO_REUSEADDR, 1, "cannot share the port") &&
                      setup.set_buffer(SO_RCVBUFFORCE, SO_RCVBUF, spec.receive_buffer_bytes) &&
                      setup.set_timeout(SO_RCVTIMEO, spec.receive_timeout) &&
                      (multicast || setup.bind_to_interface()) &&
                      setup.bind(input.group, input.port) && (!multicast || setup.join()));
}

std::uint32_t granted_receive_buffer_bytes(int descriptor) {
  int value = 0;
  socklen_t length = sizeof value;
  if (getsockopt(descriptor, SOL_SOCKET, SO_RCVBUF, &value, &length) != 0) return 0;
  return static_cast<std::uint32_t>(value);
}

std::uint64_t kernel_drops(int descriptor) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t length = sizeof memory;
  if (getsockopt(descriptor, SOL_SOCKET, SO_MEMINFO, memory.data(), &length) != 0) return 0;
  return memory[SK_MEMINFO_DROPS];
}

}  // namespace reprise::traffic
