// Receives: frames from packet sockets into provided buffers, and blocks of packet rings.
#include <algorithm>

#include "reprise/sim/kernel.hpp"

namespace reprise::sim {

using engine::Instant;
using engine::Operation;
using engine::Outcome;
using engine::RegionIndex;
using engine::SocketIndex;
using engine::SubmissionFlags;

void Kernel::provide(RegionIndex region) {
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    PacketRing& ring = packet_sockets_[index].ring;
    if (ring.contains(region)) return ring.give_back(region);
  }
  if (!regions_.is_block(region)) provided_.push(region);  // a block of no ring is nobody's
}

const PacketRing* Kernel::ring_of(RegionIndex region) const {
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    const PacketRing& ring = packet_sockets_[index].ring;
    if (ring.contains(region)) return &ring;
  }
  return nullptr;
}

bool Kernel::arrive(SocketIndex index, const Packet& packet, Instant at) {
  PacketSocket& socket = packet_sockets_[static_cast<std::uint32_t>(index)];
  if (socket.ring.is_used()) {
    socket.count_arrival(packet);
    const PacketRing::Placed placed = socket.ring.take(packet, at);
    if (placed.frame == nullptr) {
      ++socket.drops;
    } else {
      regions_.write_frame(placed.region, placed.frame->offset_bytes, placed.frame->captured_bytes,
                           packet);
    }
    if (socket.waiting > 0 && socket.ring.has_filled()) {
      wake(index, false, profile_.receives_newest_first);
    }
    return placed.frame != nullptr;
  }
  if (!socket.take(packet)) return false;
  if (socket.receives == 0 && socket.was_armed != 0) socket.mark_missed();
  if (socket.waiting > 0) wake(index, false, profile_.receives_newest_first);
  return true;
}

void Kernel::reopen(SocketIndex index, const PacketSocketConfig& config, std::uint32_t flow,
                    const HeaderBytes& header, Instant at) {
  PacketSocket& socket = packet_sockets_[static_cast<std::uint32_t>(index)];
  REPRISE_ASSERT(socket.receives == 0 && socket.waiting == 0 && socket.ring_receive.is_armed == 0);
  while (!socket.frames.empty()) socket.pop();
  socket.arrived = socket.arrived_datagrams = socket.cancelled = 0;
  socket.drops = socket.found_no_buffer = 0;
  socket.was_armed = socket.is_down = 0;
  socket.limit_bytes = config.buffer_bytes;
  socket.header_bytes = static_cast<std::uint16_t>(config.header_bytes);
  regions_.set_header(flow, header);
  socket.ring.close();
  if (config.ring.blocks == 0) return;
  socket.ring.set_up(config.ring.first_region, config.ring.blocks,
                     engine::Duration{config.ring.timeout_ns}, at);
}

void Kernel::close(SocketIndex socket) {
  if (is_packet_socket(socket)) packet_ring(socket).close();
}

Instant Kernel::next_block_tick() const {
  Instant next = engine::kNever;
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    next = std::min(next, packet_sockets_[index].ring.next_tick());
  }
  return next;
}

void Kernel::tick_blocks(Instant now) {
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    PacketSocket& socket = packet_sockets_[index];
    socket.ring.tick(now);
    if (socket.waiting > 0 && socket.ring.has_filled()) {
      wake(SocketIndex{index}, false, profile_.receives_newest_first);
    }
  }
}

void Kernel::set_receiver_down(SocketIndex index) {
  PacketSocket& socket = packet_sockets_[static_cast<std::uint32_t>(index)];
  if (socket.ring.is_used()) return;  // nobody calls the kernel for its frames
  socket.is_down = 1;
  wake(index, false, profile_.receives_newest_first);
}

Kernel::Ended Kernel::receive(RingIndex ring, const Entry& entry, Instant at, Choices& choices,
                              Executed& executed) {
  const engine::Submission& submission = entry.submission;
  PacketSocket& socket = packet_sockets_[static_cast<std::uint32_t>(submission.socket)];
  const bool is_multishot = (submission.flags & SubmissionFlags::kMultishot) != 0;
  if (socket.ring.is_used()) return {.outcome = Outcome::invalid};  // its frames go elsewhere
  if (entry.tried == 0) ++socket.receives;
  socket.was_armed = 1;
  const auto ended = [&socket](Outcome outcome) {
    --socket.receives;
    return Ended{.outcome = outcome};
  };
  if (entry.tried != 0 && is_multishot && socket.frames.empty() && socket.is_down == 0 &&
      armed_entry(ring, entry).tried == kWokenAgain) {
    return {.armed = true};  // woken more than once it looks first whether anything is there
  }
  while (true) {
    // The buffer is chosen before it looks for a frame, or an error (K5).
    const bool needs_region = profile_.receive_ends_with_last_region || !socket.frames.empty();
    if (provided_.empty() && needs_region) {
      socket.mark_missed();
      return ended(Outcome::no_buffer);
    }
    if (socket.is_down != 0) {
      socket.is_down = 0;  // told once
      return ended(Outcome::unreachable);
    }
    if (socket.frames.empty()) return {.armed = true};
    if (is_multishot && faults_.happens(FaultKind::receive_end, at, choices)) {
      return ended(choices.pick(Site::receive_end, 2) == 0 ? Outcome::no_buffer
                                                           : Outcome::unreachable);
    }
    const Packet packet = socket.pop();
    const RegionIndex region = provided_.pop();
    const std::uint32_t frame_bytes = socket.header_bytes + packet.payload_bytes;
    const std::uint32_t captured_bytes = std::min(frame_bytes, regions_.region_bytes());
    regions_.write_frame(region, 0, captured_bytes, packet);
    ++executed.frames;
    executed.frame_bytes += packet.payload_bytes;
    if (captured_bytes < frame_bytes && !profile_.cuts_long_frames) {
      return ended(Outcome::too_large);
    }
    // A multishot receive whose completion finds no room in the queue ends with it.
    const bool goes_on = is_multishot && !overflows_next(rings_[static_cast<std::uint32_t>(ring)]);
    if (is_multishot)
      queue_successors(
          rings_[static_cast<std::uint32_t>(ring)]);  // what has ended before is posted first
    Posted& posted = post(ring, submission.token, Outcome::ok, goes_on);
    posted.region = region;
    posted.packet = packet;
    posted.result_bytes = captured_bytes;
    if (goes_on) continue;
    --socket.receives;
    return {.is_posted = true};
  }
}

/// It ends with its cancel only: what it hands over is read where it lies.
Kernel::Ended Kernel::receive_blocks(RingIndex ring, const engine::Submission& submission) {
  constexpr Ended kInvalid{.outcome = Outcome::invalid};
  if (!is_packet_socket(submission.socket)) return kInvalid;
  PacketSocket& socket = packet_sockets_[static_cast<std::uint32_t>(submission.socket)];
  if (!socket.ring.is_used() || socket.ring_receive.is_armed != 0) return kInvalid;
  if ((submission.flags & SubmissionFlags::kMultishot) == 0) return kInvalid;
  socket.ring_receive = {submission.token, static_cast<std::uint32_t>(ring), 1};
  return {.is_kept = true};
}

/// In the middle of a block it ends with that block's region, and the rest is lost (I9).
bool Kernel::cancel_ring_receive(RingIndex ring, engine::Token target) {
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    PacketSocket& socket = packet_sockets_[index];
    RingReceive& receive = socket.ring_receive;
    if (receive.is_armed == 0 || RingIndex{receive.ring} != ring || receive.token != target)
      continue;
    receive.is_armed = 0;
    Posted& posted = post(ring, target, Outcome::cancelled);
    if (!socket.ring.is_reading()) return true;
    posted.region = socket.ring.begin_reading();
    const auto rest = static_cast<std::uint32_t>(socket.ring.unread().size());
    socket.cancelled += rest;
    socket.ring.read(rest);
    return true;
  }
  return false;
}

SocketIndex Kernel::readable_ring(RingIndex ring) const {
  const std::uint32_t count = packet_sockets_.size();
  for (std::uint32_t tried = 0; tried < count; ++tried) {
    const std::uint32_t index = (at(ring).next_packet_socket + tried) % count;
    const PacketSocket& socket = packet_sockets_[index];
    const RingReceive& receive = socket.ring_receive;
    if (receive.is_armed != 0 && RingIndex{receive.ring} == ring && socket.ring.is_readable())
      return SocketIndex{index};
  }
  return engine::kNoSocket;
}

}  // namespace reprise::sim
