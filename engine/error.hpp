// Operating errors: what the kernel, the network, a file or an operator can cause, as values.
//
// Used on cold paths (set-up, parsing of what people wrote). Hot paths carry an Outcome (io.hpp)
// instead.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace reprise::engine {

/// One line for people: the thing, the value, what was expected and the next step.
struct Error {
  std::string message;
  int errno_value = 0;  ///< the raw errno behind it, 0 where there was none
};

template <class T>
using Expected = std::expected<T, Error>;

[[nodiscard]] inline std::unexpected<Error> failure(std::string message, int errno_value = 0) {
  return std::unexpected(Error{std::move(message), errno_value});
}

}  // namespace reprise::engine
