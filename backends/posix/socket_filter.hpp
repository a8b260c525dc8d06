// Classic BPF (Linux, Documentation/networking/filter.rst) that lets the wanted traffic into a
// packet socket and keeps the rest in the kernel.
//
// What passes at the exact level: IPv4 and IPv6 UDP datagrams, under up to two VLAN tags in the
// frame (a stripped tag is not in it), whose destination, port and, where one is wanted, source
// match. IPv4 options are stepped over. Fragments pass by destination alone, the first and the
// later ones, because only the first has the port: the engine counts them. So do IPv6 datagrams
// with extension headers, which classic BPF cannot follow. A frame that ends before what the
// program reads does not pass.
// The program finds a destination by binary search, so its time grows with the logarithm of the
// number of groups. The kernel takes 4096 instructions; beyond them the next coarser level is used
// and the engine sorts out the rest.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/io.hpp"

namespace reprise::posix {

/// Ordered from close to coarse.
enum class FilterLevel : std::uint8_t {
  exact,        ///< destination, port and source
  destination,  ///< destination alone
  all_udp,      ///< every IPv4 and IPv6 UDP datagram
};

inline constexpr std::size_t kFilterInstructionsMax = BPF_MAXINSNS;

/// "exact", "destination", "all_udp".
const char* name(FilterLevel level);

/// The program for one level; it may be longer than the kernel takes. Nothing wanted: nothing
/// passes.
std::vector<sock_filter> make_socket_filter(std::span<const engine::WantedTraffic> wanted,
                                            FilterLevel level);

/// Attaches the closest program that the kernel takes, in place of an attached one, and says which
/// level it was. `what` names the socket in the error.
engine::Expected<FilterLevel> attach_socket_filter(int descriptor,
                                                   std::span<const engine::WantedTraffic> wanted,
                                                   std::string_view what);

}  // namespace reprise::posix
