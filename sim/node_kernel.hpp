// The kernel of one relay in a chain: which sockets and links it needs.
//
// Socket 0 is the packet socket; then come the outputs, group by group, each with a link of its own
// per output: the first leads to the next relay.
#pragma once

#include "reprise/engine/io.hpp"
#include "reprise/sim/kernel_config.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::sim {

inline constexpr engine::SocketIndex kInputSocket{0};

constexpr engine::SocketIndex output_socket(const NodeConfig& node, std::uint32_t group,
                                            std::uint32_t output) {
  return engine::SocketIndex{1 + group * node.fan_out + output};
}

/// Of the relay at `index` of the world's chain.
KernelConfig node_kernel(const WorldConfig& world, std::uint32_t index);

}  // namespace reprise::sim
