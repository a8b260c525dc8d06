// Holds the UDP port of a unicast input, so that the host does not answer its datagrams with ICMP
// port unreachable, which would make the sender stop.
//
// The packet socket receives the datagrams; this socket drops them before they are queued.
#pragma once

#include <cstdint>
#include <string>

#include "reprise/engine/address.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/posix/descriptor.hpp"

namespace reprise::posix {

enum class PortHold : std::uint8_t {
  held,       ///< by us
  by_other,   ///< another program has the port, so the host does not answer either
  not_local,  ///< the address is not this host's, so the host has nothing to answer
};

struct PortHolder {
  Descriptor socket;
  PortHold hold = PortHold::held;
};

/// Takes the port on `interface`; the port stays taken until the holder goes.
engine::Expected<PortHolder> hold_port(const engine::Address& address, std::uint16_t port,
                                       const std::string& interface);

}  // namespace reprise::posix
