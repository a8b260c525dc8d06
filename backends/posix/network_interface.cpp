#include "reprise/posix/network_interface.hpp"

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "reprise/engine/quoted.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/errno_text.hpp"

namespace reprise::posix {
namespace {

std::string existing_interfaces() {
  const std::unique_ptr<struct if_nameindex, decltype(&::if_freenameindex)> list(
      ::if_nameindex(), &::if_freenameindex);
  std::string names;
  for (const struct if_nameindex* entry = list.get(); entry != nullptr && entry->if_index != 0;
       ++entry) {
    if (!names.empty()) names += ", ";
    names += entry->if_name;
  }
  return names.empty() ? "none" : names;
}

engine::Error no_such_interface(const std::string& name) {
  return {engine::quoted(name) + ": no such interface; this host has: " + existing_interfaces(),
          ENODEV};
}

}  // namespace

engine::Expected<NetworkInterface> find_network_interface(const std::string& name) {
  ifreq request{};
  if (name.empty() || name.size() >= sizeof(request.ifr_name)) {
    return std::unexpected(no_such_interface(name));
  }
  const Descriptor control(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!control.is_open()) {
    const int errno_value = errno;
    return engine::failure(name + ": cannot look the interface up: " + errno_text(errno_value) +
                               "; check the limit of open files (ulimit -n)",
                           errno_value);
  }
  std::memcpy(request.ifr_name, name.data(), name.size());

  NetworkInterface found;
  found.name = name;
  if (::ioctl(control.get(), SIOCGIFINDEX, &request) != 0) {
    return std::unexpected(no_such_interface(name));
  }
  found.index = request.ifr_ifindex;
  if (::ioctl(control.get(), SIOCGIFMTU, &request) != 0) {
    return std::unexpected(no_such_interface(name));
  }
  found.mtu_bytes = static_cast<std::uint32_t>(request.ifr_mtu);
  if (::ioctl(control.get(), SIOCGIFFLAGS, &request) != 0) {
    return std::unexpected(no_such_interface(name));
  }
  found.is_up = (static_cast<unsigned>(request.ifr_flags) & IFF_UP) != 0;
  return found;
}

}  // namespace reprise::posix
