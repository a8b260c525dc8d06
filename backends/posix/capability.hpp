// Which capabilities (capabilities(7)) this process has, and what to say when one is missing.
#pragma once

#include <cstdint>
#include <string_view>

#include "reprise/engine/error.hpp"

namespace reprise::posix {

enum class Capability : std::uint8_t {
  net_raw,    ///< packet sockets
  net_admin,  ///< socket buffers above the host's limit
};

[[nodiscard]] bool has_capability(Capability capability);

/// The error names the capability, `purpose` ("a packet socket on eth0") and how to get it.
engine::Expected<void> require_capability(Capability capability, std::string_view purpose);

}  // namespace reprise::posix
