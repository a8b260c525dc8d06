// Several packet sockets on one interface that share its traffic (packet(7), PACKET_FANOUT), and
// the program that says which of them gets a frame.
//
// The program (PACKET_FANOUT_CBPF, Linux 4.3) counts IPv4 and IPv6 flows by addresses and ports;
// fragments and IPv6 datagrams with extension headers by addresses alone, since classic BPF cannot
// follow them to the ports. Frames that are neither go to the steering's first member, those that
// end within what the program reads to member 0. VLAN tags in the frame, beyond the one that the
// kernel strips, are stepped over up to one. What this host sends is left out: in a group the
// sockets' own PACKET_IGNORE_OUTGOING is ignored.
#pragma once

#include <linux/filter.h>

#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/io.hpp"

namespace reprise::posix {

/// Returns the number of a member. Offsets count from the network header, because in front of a
/// group the frame's own start depends on where it came from.
std::vector<sock_filter> make_fanout_program(engine::Steering steering);

/// Makes a bound packet socket the group's next member. Until the group has a program member 0 gets
/// everything. Error: another kind of group has the number; before Linux 6.14: the interface is
/// down.
engine::Expected<void> join_fanout(int descriptor, const engine::FanoutSpec& fanout,
                                   std::string_view what);

/// The number of the socket's group; 0: it is in none.
std::uint16_t fanout_group_of(int descriptor);

/// Gives a member's group a new program. Waits until no frame is under way by the old one (an RCU
/// grace period, some 10 ms). Any thread.
engine::Expected<void> steer_fanout(int descriptor, engine::Steering steering,
                                    std::string_view what);

}  // namespace reprise::posix
