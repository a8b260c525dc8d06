// What a kernel tells of itself: limits, counters, and whether it agrees with the stage above it.
#include <vector>

#include "reprise/sim/kernel.hpp"

namespace reprise::sim {

using engine::Operation;
using engine::RegionIndex;
using engine::Slice;
using engine::SocketIndex;
using engine::Submission;

engine::Limits Kernel::limits() const {
  engine::Limits limits;
  limits.submissions_max = rings_[0].queue.capacity();
  limits.completions_max = rings_[0].completions_max;
  limits.segments_max = profile_.segments_max;
  limits.segmented_bytes_max = profile_.payload_max_bytes;
  for (const Operation operation :
       {Operation::receive, Operation::send, Operation::provide, Operation::wait_readable,
        Operation::wait_writable, Operation::deadline, Operation::cancel}) {
    limits.operations |= 1U << static_cast<unsigned>(operation);
  }
  if (profile_.segments_max > 1) {
    limits.operations |= 1U << static_cast<unsigned>(Operation::segmented_send);
  }
  if (notices_.size() > 0) {
    limits.operations |= 1U << static_cast<unsigned>(Operation::zero_copy_send);
  }
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    if (packet_sockets_[index].ring.capacity() == 0) continue;
    limits.operations |= 1U << static_cast<unsigned>(Operation::packet_ring_receive);
  }
  return limits;
}

engine::SocketStatistics Kernel::statistics(SocketIndex socket) const {
  if (!is_packet_socket(socket)) return {};
  const PacketSocket& from = packet_sockets_[static_cast<std::uint32_t>(socket)];
  return {.kernel_drops = from.drops, .queued = from.arrived - from.drops};
}

std::uint64_t Kernel::arrived() const {
  std::uint64_t sum = 0;
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    sum += packet_sockets_[index].arrived_datagrams;
  }
  return sum;
}

std::uint64_t Kernel::kernel_drops() const {
  std::uint64_t sum = 0;
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    sum += packet_sockets_[index].drops;
  }
  return sum;
}

std::uint64_t Kernel::cancelled_frames() const {
  std::uint64_t sum = 0;
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    sum += packet_sockets_[index].cancelled;
  }
  return sum;
}

bool Kernel::has_packet_ring() const {
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    if (packet_sockets_[index].ring.is_used()) return true;
  }
  return false;
}

bool Kernel::is_in_block() const {
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    if (packet_sockets_[index].ring.is_reading()) return true;
  }
  return false;
}

bool Kernel::has_frames() const {
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    const PacketSocket& socket = packet_sockets_[index];
    if (!socket.frames.empty() || socket.ring.is_readable()) return true;
  }
  return false;
}

std::uint64_t Kernel::found_no_buffer() const {
  std::uint64_t sum = 0;
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    sum += packet_sockets_[index].found_no_buffer;
  }
  return sum;
}

std::uint32_t Kernel::socket_backlog() const {
  std::uint32_t sum = 0;
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    sum += packet_sockets_[index].frames.size() + packet_sockets_[index].ring.waiting_count();
  }
  return sum;
}

std::uint64_t Kernel::travelling() const {
  std::uint64_t datagrams = 0;
  for (std::uint32_t link = 0; link < links_.size(); ++link) {
    datagrams += links_[link].datagram_count();
  }
  return datagrams;
}

bool Kernel::agrees_with(const engine::Stage& stage) const {
  std::vector<bool> seen(regions_.size(), false);
  std::uint32_t regions = 0;
  std::uint64_t frames = 0;
  const auto belongs_to_kernel = [&](RegionIndex region) {
    const auto index = static_cast<std::uint32_t>(region);
    if (seen[index] || stage.ledger().owner(region) != engine::Owner::kernel) return false;
    seen[index] = true;
    ++regions;
    return true;
  };
  for (std::uint32_t i = 0; i < provided_.size(); ++i) {
    if (!belongs_to_kernel(provided_[i])) return false;
  }
  for (std::uint32_t ring = 0; ring < rings_.size(); ++ring) {
    const engine::FlatQueue<Posted>& completions = rings_[ring].completions;
    for (std::uint32_t i = 0; i < completions.size(); ++i) {
      if (completions[i].region == engine::kNoRegion) continue;
      const RegionIndex region = completions[i].region;
      if (regions_.is_block(region)) continue;  // the rest of one that the stage has
      if (!belongs_to_kernel(region)) return false;
      ++frames;
    }
  }
  std::uint32_t kernels = 0;
  for (std::uint32_t index = 0; index < regions_.size(); ++index) {
    const RegionIndex region{index};
    if (stage.ledger().owner(region) == engine::Owner::kernel) ++kernels;
    const PacketRing* ring = regions_.is_block(region) ? ring_of(region) : nullptr;
    if (ring == nullptr || !ring->is_kernels(region)) continue;
    // R5: those that the stage has not provided yet are free there.
    if (ring->was_given_back(region) && !belongs_to_kernel(region)) return false;
  }
  const engine::SubmissionView outgoing = stage.outgoing();
  for (const Submission& submission : outgoing.submissions) {
    if (submission.operation != Operation::provide) continue;
    for (const Slice& slice :
         outgoing.slices.subspan(submission.slice_first, submission.slice_count)) {
      if (!belongs_to_kernel(slice.region)) return false;
    }
  }
  if (regions != kernels) return false;
  std::uint64_t arrived_frames = 0;
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    arrived_frames += packet_sockets_[index].arrived;
  }
  return arrived_frames == kernel_drops() + cancelled_frames() + socket_backlog() + frames +
                               stage.input_frames(engine::InputIndex{0});
}

}  // namespace reprise::sim
