// What the host says about a network interface (netdevice(7)).
#pragma once

#include <cstdint>
#include <string>

#include "reprise/engine/error.hpp"

namespace reprise::posix {

struct NetworkInterface {
  std::string name;
  int index = 0;
  std::uint32_t mtu_bytes = 0;
  bool is_up = false;
};

/// Looks an interface up by name. The error names the interfaces that there are.
engine::Expected<NetworkInterface> find_network_interface(const std::string& name);

}  // namespace reprise::posix
