// Virtual Ethernet cables between namespaces (veth(4)), by rtnetlink.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reprise/engine/address.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/traffic/namespaces.hpp"

namespace reprise::traffic {

struct InterfaceAddress {
  engine::Address address;
  std::uint8_t prefix_length = 24;
};

/// One end of a cable.
struct VethEnd {
  const Namespace* where = nullptr;  ///< not owned; needed during the call only
  std::string name;                  ///< of the interface, 1…15 bytes
  std::vector<InterfaceAddress> addresses;
};

struct VethOptions {
  std::uint32_t mtu_bytes = 1500;
  bool offloads = true;  ///< false: see switch_off_offloads()
};

/// Creates the pair, one end in each namespace (which may be the same), assigns the addresses and
/// brings both ends up. When it returns, both ends carry traffic and all given addresses can be
/// used: their duplicate address detection is off. Multicast needs no route: sockets name the
/// interface. The pair vanishes with either namespace.
engine::Expected<void> create_veth_pair(const VethEnd& first, const VethEnd& second,
                                        const VethOptions& options = {});

}  // namespace reprise::traffic
