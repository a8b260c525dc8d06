#include "reprise/sim/node_kernel.hpp"

#include <algorithm>

namespace reprise::sim {

KernelConfig node_kernel(const WorldConfig& world, std::uint32_t index) {
  const NodeConfig& node = world.nodes[index];
  const engine::StageConfig& stage = node.stage;
  KernelConfig kernel;
  kernel.profile = world.kernel;
  RingConfig ring;
  ring.submissions_max = stage.submissions_max;
  ring.completions_max = node.completions_max;
  if (world.faults.completion_queue > 0) {
    ring.completions_max = std::min(ring.completions_max, world.faults.completion_queue);
  }
  // Sends, and for each output a wait and its cancel; the receive and its cancel.
  ring.operations_max = stage.sends_max + 2 * stage.outputs_max + 4;
  ring.posted_max = stage.region_count() + ring.operations_max;  // K6
  kernel.rings.assign(node.threads, ring);
  kernel.packet_sockets.assign(1, {.buffer_bytes = node.receive_buffer_bytes, .ring = {}});
  for (std::uint32_t flow = 0; flow < world.traffic.size(); ++flow) {
    kernel.headers.push_back(make_header(index, flow, world.traffic[flow].payload_bytes));
    for (std::uint32_t output = 0; output < node.fan_out; ++output) {
      SendSocketConfig socket;
      socket.link = output;
      socket.flow = flow;
      socket.buffer_bytes = node.send_buffer_bytes;
      // As a relay's sockets are; else a small MTU would only make more frames.
      socket.forbids_fragments = world.faults.has(FaultKind::small_mtu);
      kernel.send_sockets.push_back(socket);
    }
  }
  kernel.links.assign(node.fan_out, node.link);
  kernel.regions = stage.region_count();
  kernel.region_bytes = stage.region_bytes;
  kernel.faults = world.faults;
  return kernel;
}

}  // namespace reprise::sim
