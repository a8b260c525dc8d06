#include "reprise/posix/packet_socket.hpp"

#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>
#include <sys/utsname.h>

#include <cerrno>
#include <charconv>
#include <string_view>
#include <utility>

#include "reprise/posix/capability.hpp"
#include "reprise/posix/errno_text.hpp"
#include "reprise/posix/network_interface.hpp"
#include "reprise/posix/socket_option.hpp"

namespace reprise::posix {
namespace {

engine::Expected<void> bind_to_interface(int descriptor, const NetworkInterface& interface,
                                         const std::string& what) {
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = interface.index;
  if (::bind(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0) {
    return {};
  }
  const int errno_value = errno;
  return engine::failure(
      what + ": cannot bind: " + errno_text(errno_value) + "; see: ip link show " + interface.name,
      errno_value);
}

}  // namespace

engine::Expected<PacketSocket> open_packet_socket(const engine::PacketSocketSpec& spec) {
  const auto interface = find_network_interface(spec.interface);
  if (!interface) return std::unexpected(interface.error());
  const std::string what = "a packet socket on " + interface->name;

  PacketSocket result;
  result.descriptor = Descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  const int descriptor = result.descriptor.get();
  if (!result.descriptor.is_open()) {
    const int errno_value = errno;
    if (errno_value == EPERM) {
      if (auto held = require_capability(Capability::net_raw, what); !held) {
        return std::unexpected(held.error());
      }
    }
    return engine::failure(what + ": " + errno_text(errno_value) + "; see packet(7)", errno_value);
  }
  const auto level = attach_socket_filter(descriptor, spec.wanted, what);
  if (!level) return std::unexpected(level.error());
  result.filter_level = *level;

  const int on = 1;
  if (auto set = set_option(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, on, what,
                            "PACKET_IGNORE_OUTGOING (Linux 4.20)");
      !set) {
    return std::unexpected(set.error());
  }
  if (auto set = want_frame_metadata(descriptor); !set) return std::unexpected(set.error());
  result.has_segment_header = want_segment_sizes(descriptor);
  set_buffer_bytes(descriptor, BufferSide::receive, spec.receive_buffer_bytes);
  if (auto bound = bind_to_interface(descriptor, *interface, what); !bound) {
    return std::unexpected(bound.error());
  }
  return result;
}

engine::Expected<void> want_frame_metadata(int descriptor) {
  const int on = 1;
  return set_option(descriptor, SOL_PACKET, PACKET_AUXDATA, on, "a packet socket",
                    "PACKET_AUXDATA");
}

bool want_segment_sizes(int descriptor) {
  utsname host{};
  int major = 0;
  int minor = 0;
  ::uname(&host);
  const std::string_view release(host.release);
  const auto [end, error] = std::from_chars(release.begin(), release.end(), major);
  if (error != std::errc{} || end == release.end()) return false;
  std::from_chars(end + 1, release.end(), minor);
  if (std::pair(major, minor) < std::pair(6, 2)) return false;
  const int on = 1;
  return ::setsockopt(descriptor, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0;
}

std::uint64_t take_packet_drops(int descriptor) {
  tpacket_stats statistics{};
  socklen_t length_bytes = sizeof(statistics);
  if (::getsockopt(descriptor, SOL_PACKET, PACKET_STATISTICS, &statistics, &length_bytes) != 0) {
    return 0;
  }
  return statistics.tp_drops;
}

}  // namespace reprise::posix
