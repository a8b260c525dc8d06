// A connected UDP socket as its kernel sees it.
#pragma once

#include <cstdint>

#include "reprise/sim/kernel_config.hpp"

namespace reprise::sim {

struct SendSocket {
  std::uint32_t used_bytes = 0;
  std::uint32_t limit_bytes = 0;
  std::uint32_t link = 0;
  std::uint32_t flow = 0;
  std::uint8_t tells_drops = 0;
  std::uint8_t forbids_fragments = 0;
  std::uint8_t port_is_closed = 0;
  std::uint8_t is_refused = 0;  ///< an ICMP refusal came: the next send is told
  std::uint32_t waiting = 0;    ///< entries armed on it

  [[nodiscard]] bool has_room() const { return used_bytes < limit_bytes; }
  [[nodiscard]] bool is_writable(std::uint32_t percent) const {
    return (std::uint64_t{used_bytes} + 1) * 100 < std::uint64_t{limit_bytes} * percent;
  }
};

inline SendSocket open_socket(const SendSocketConfig& config) {
  SendSocket socket;
  socket.limit_bytes = config.buffer_bytes;
  socket.link = config.link;
  socket.flow = config.flow;
  socket.tells_drops = config.tells_drops ? 1 : 0;
  socket.forbids_fragments = config.forbids_fragments ? 1 : 0;
  socket.port_is_closed = config.port_is_closed ? 1 : 0;
  return socket;
}

}  // namespace reprise::sim
