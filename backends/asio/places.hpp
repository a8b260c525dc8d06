// Which place of the reactor stands for what.
#pragma once

#include <cstdint>

#include "reprise/engine/io.hpp"

namespace reprise::asio {

inline constexpr std::uint32_t kWakePlace = 0;
inline constexpr std::uint32_t kRingsPlace = 1;

[[nodiscard]] inline std::uint32_t place_of(engine::SocketIndex socket) {
  return static_cast<std::uint32_t>(socket) + 2;
}
[[nodiscard]] inline engine::SocketIndex socket_at(std::uint32_t place) {
  return engine::SocketIndex{place - 2};
}

}  // namespace reprise::asio
