// Setting socket options with an error that names the socket and the option.
#pragma once

#include <sys/socket.h>

#include <cerrno>
#include <cstdint>
#include <string>
#include <string_view>

#include "reprise/engine/error.hpp"
#include "reprise/posix/errno_text.hpp"

namespace reprise::posix {

/// `what` names the socket in the error ("packet socket on eth0"), `option_name` the option.
template <class Value>
engine::Expected<void> set_option(int descriptor, int level, int option, const Value& value,
                                  std::string_view what, std::string_view option_name) {
  if (::setsockopt(descriptor, level, option, &value, sizeof(value)) == 0) return {};
  const int errno_value = errno;
  return engine::failure(std::string(what) + ": the kernel refuses " + std::string(option_name) +
                             ": " + errno_text(errno_value) + "; see socket(7)",
                         errno_value);
}

enum class BufferSide : std::uint8_t { receive, send };

/// Sets SO_RCVBUF or SO_SNDBUF, past the host's limit where the privilege is there. 0 leaves the
/// host's default. The kernel reserves twice the value for its own bookkeeping (socket(7)).
void set_buffer_bytes(int descriptor, BufferSide side, std::uint32_t bytes);

/// Makes the socket receive nothing: a filter drops all, and the buffer is the smallest there is.
engine::Expected<void> discard_received(int descriptor, std::string_view what);

}  // namespace reprise::posix
