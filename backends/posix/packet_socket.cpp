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
#include "reprise/posix/fanout.hpp"
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

engine::Expected<Descriptor> open_descriptor(const std::string& what) {
  Descriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  if (socket.is_open()) return socket;
  const int errno_value = errno;
  if (errno_value == EPERM) {
    if (auto held = require_capability(Capability::net_raw, what); !held) {
      return std::unexpected(held.error());
    }
  }
  return engine::failure(what + ": " + errno_text(errno_value) + "; see packet(7)", errno_value);
}

/// All that has to be there before the first frame.
engine::Expected<void> set_up(PacketSocket& socket, const engine::PacketSocketSpec& spec,
                              const RingPlace& ring_place, const std::string& what) {
  const int descriptor = socket.descriptor.get();
  const int on = 1;
  if (auto set = set_option(descriptor, SOL_PACKET, PACKET_IGNORE_OUTGOING, on, what,
                            "PACKET_IGNORE_OUTGOING (Linux 4.20)");
      !set) {
    return set;
  }
  if (auto set = want_frame_metadata(descriptor); !set) return set;
  socket.has_segment_header = want_segment_sizes(descriptor);
  set_buffer_bytes(descriptor, BufferSide::receive, spec.receive_buffer_bytes);
  if (spec.ring_blocks == 0) return {};
  auto ring = PacketRing::create(descriptor, ring_place, spec.ring_timeout,
                                 socket.has_segment_header, what);
  if (!ring) return std::unexpected(ring.error());
  socket.ring = *std::move(ring);
  return {};
}

/// Nothing gets to a member unfiltered either: its filter lets nothing pass until it is in.
engine::Expected<void> bind_and_join(int descriptor, const NetworkInterface& interface,
                                     const engine::FanoutSpec& fanout, const std::string& what) {
  if (auto bound = bind_to_interface(descriptor, interface, what); !bound) return bound;
  if (fanout.group == 0 && !fanout.is_new) return {};
  if (auto joined = join_fanout(descriptor, fanout, what); !joined) return joined;
  return steer_fanout(descriptor, fanout.steering, what);
}

}  // namespace

engine::Expected<PacketSocket> open_packet_socket(const engine::PacketSocketSpec& spec,
                                                  const RingPlace& ring_place) {
  const auto interface = find_network_interface(spec.interface);
  if (!interface) return std::unexpected(interface.error());
  const std::string what = "a packet socket on " + interface->name;
  auto opened = open_descriptor(what);
  if (!opened) return std::unexpected(opened.error());
  PacketSocket result;
  result.descriptor = *std::move(opened);
  const int descriptor = result.descriptor.get();

  const bool joins = spec.fanout.group != 0 || spec.fanout.is_new;
  const std::span<const engine::WantedTraffic> nothing;
  auto level = attach_socket_filter(descriptor, joins ? nothing : spec.wanted, what);
  if (!level) return std::unexpected(level.error());
  if (auto done = set_up(result, spec, ring_place, what); !done) {
    return std::unexpected(done.error());
  }
  if (auto done = bind_and_join(descriptor, *interface, spec.fanout, what); !done) {
    return std::unexpected(done.error());
  }
  if (joins) level = attach_socket_filter(descriptor, spec.wanted, what);
  if (!level) return std::unexpected(level.error());
  result.filter_level = *level;
  return result;
}

engine::Expected<void> want_frame_metadata(int descriptor) {
  const int on = 1;
  return set_option(descriptor, SOL_PACKET, PACKET_AUXDATA, on, "a packet socket",
                    "PACKET_AUXDATA");
}

bool host_tells_segment_sizes() {
  utsname host{};
  int major = 0;
  int minor = 0;
  ::uname(&host);
  const std::string_view release(host.release);
  const auto [end, error] = std::from_chars(release.begin(), release.end(), major);
  if (error != std::errc{} || end == release.end()) return false;
  std::from_chars(end + 1, release.end(), minor);
  return std::pair(major, minor) >= std::pair(6, 2);
}

bool want_segment_sizes(int descriptor) {
  if (!host_tells_segment_sizes()) return false;
  const int on = 1;
  return ::setsockopt(descriptor, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof(on)) == 0;
}

PacketCounts take_packet_counts(int descriptor) {
  tpacket_stats statistics{};  // that of a ring begins alike
  socklen_t length_bytes = sizeof(statistics);
  if (::getsockopt(descriptor, SOL_PACKET, PACKET_STATISTICS, &statistics, &length_bytes) != 0) {
    return {};
  }
  return {.queued = statistics.tp_packets - statistics.tp_drops, .drops = statistics.tp_drops};
}

}  // namespace reprise::posix
