#include "reprise/posix/capability.hpp"

#include <cap-ng.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <string>

namespace reprise::posix {
namespace {

unsigned number_of(Capability capability) {
  switch (capability) {
    case Capability::net_raw: return CAP_NET_RAW;
    case Capability::net_admin: return CAP_NET_ADMIN;
  }
  return CAP_NET_RAW;
}

const char* name_of(Capability capability) {
  switch (capability) {
    case Capability::net_raw: return "cap_net_raw";
    case Capability::net_admin: return "cap_net_admin";
  }
  return "?";
}

std::string this_program() {
  std::array<char, 4096> path{};
  const ssize_t length = ::readlink("/proc/self/exe", path.data(), path.size());
  return length > 0 ? std::string(path.data(), static_cast<std::size_t>(length)) : "PROGRAM";
}

}  // namespace

bool has_capability(Capability capability) {
  return ::capng_get_caps_process() == 0 &&
         ::capng_have_capability(CAPNG_EFFECTIVE, number_of(capability)) == 1;
}

engine::Expected<void> require_capability(Capability capability, std::string_view purpose) {
  if (has_capability(capability)) return {};
  const std::string name = name_of(capability);
  return engine::failure(std::string(purpose) + " needs the capability " + name +
                             "; run as root, or once: setcap " + name + "+ep " + this_program(),
                         EPERM);
}

}  // namespace reprise::posix
