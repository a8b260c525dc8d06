// Which place of the reactor stands for what.
#pragma once

#include <cstdint>

#include "reprise/engine/io.hpp"

namespace reprise::asio {

inline constexpr std::uint32_t kWakePlace = 0;

[[nodiscard]] inline std::uint32_t place_of(engine::SocketIndex socket) {
  return static_cast<std::uint32_t>(socket) + 1;
}
[[nodiscard]] inline engine::SocketIndex socket_at(std::uint32_t place) {
  return engine::SocketIndex{place - 1};
}

}  // namespace reprise::asio
