// An operating error with the system's own words for its errno.
#pragma once

#include <cerrno>
#include <string>
#include <string_view>
#include <system_error>

#include "reprise/engine/error.hpp"

namespace reprise::traffic {

/// "<what>: <text of errno_value>". Without a value it takes errno, so call it right after the call
/// that failed, with arguments that make no system calls.
[[nodiscard]] inline std::unexpected<engine::Error> system_failure(std::string_view what,
                                                                   int errno_value = errno) {
  return engine::failure(std::string(what) + ": " + std::generic_category().message(errno_value),
                         errno_value);
}

}  // namespace reprise::traffic
