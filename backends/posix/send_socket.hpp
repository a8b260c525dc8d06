// A UDP socket connected to one destination, for sends only.
//
// What it sends is not looped back to receivers on this host (IP_MULTICAST_LOOP off): a relay would
// otherwise hear its own output where input and output share a group. A receiver on the same host
// needs another namespace.
// Datagrams larger than the interface's MTU are refused with EMSGSIZE instead of being fragmented,
// and path MTU messages from the network are ignored, as they could be forged
// (IP_PMTUDISC_INTERFACE, ip(7), Linux 3.14). Routers further on may fragment.
// What arrives on the socket is dropped by a filter.
#pragma once

#include "reprise/engine/io.hpp"
#include "reprise/posix/descriptor.hpp"

namespace reprise::posix {

/// Errors: no such interface, no route to the destination, a source address that this host does not
/// have.
engine::Expected<Descriptor> open_send_socket(const engine::SendSocketSpec& spec);

}  // namespace reprise::posix
