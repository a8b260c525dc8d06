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
  if (stage.segments_max > 1) {
    ring.slices_max = std::min(stage.sends_max * (stage.segments_max - 1),
                               stage.outputs_max * stage.output_queue + stage.sends_max);
  }
  ring.posted_max = stage.region_count() + ring.operations_max;  // K6
  kernel.rings.assign(node.threads, ring);
  const PacketRingConfig packets{.blocks = stage.blocks,
                                 .block_bytes = stage.block_bytes,
                                 .first_region = stage.region_count(),
                                 .timeout_ns = node.ring_timeout_ns};
  kernel.packet_sockets.assign(1, {.buffer_bytes = node.receive_buffer_bytes, .ring = packets});
  kernel.blocks = stage.blocks;
  kernel.block_bytes = stage.block_bytes;
  std::uint32_t group = 0;
  for (std::uint32_t flow = 0; flow < world.traffic.size(); ++flow) {
    const bool shares_group = flow > 0 && world.traffic[flow].shares_group;
    if (flow > 0 && !shares_group) ++group;
    kernel.headers.push_back(
        make_header(index, group, world.traffic[flow].payload_bytes, source_of(flow)));
    if (shares_group) continue;
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
  if (index > 0 && world.leads_on(index - 1, 0)) {
    // A merged frame has a tag for each of its datagrams, and they may lie anywhere in it.
    const NodeConfig& before = world.nodes[index - 1];
    const bool may_be_merged = before.link.carries_merged && before.stage.segments_max > 1;
    if (may_be_merged) kernel.visible_bytes = stage.region_bytes;
  }
  kernel.faults = world.faults;
  return kernel;
}

}  // namespace reprise::sim
