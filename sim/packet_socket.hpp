// A packet socket as its kernel sees it: the frames that wait, and what was dropped.
#pragma once

#include <cstdint>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/sim/kernel_config.hpp"
#include "reprise/sim/packet_ring.hpp"

namespace reprise::sim {

/// The operation that hands over a ring's blocks. It is in no list of its ring's: frames are read
/// where they lie.
struct RingReceive {
  engine::Token token;
  std::uint32_t ring = 0;  ///< of the thread
  std::uint32_t is_armed = 0;
};

struct PacketSocket {
  void place(engine::FlatLayout& layout, const PacketSocketConfig& config) {
    const bool has_ring = config.ring.blocks > 0 && config.ring.is_open;
    const std::uint32_t buffer = has_ring ? 0 : config.buffer_bytes;
    layout.place(frames, config.frames_max != 0 ? config.frames_max : buffer / buffer_bytes(0) + 1);
    ring.place(layout, config.ring);
  }
  engine::FlatQueue<Packet> frames;  ///< without a ring
  PacketRing ring;
  RingReceive ring_receive;
  std::uint64_t arrived = 0;            ///< frames, dropped ones included
  std::uint64_t arrived_datagrams = 0;  ///< in these
  std::uint64_t cancelled = 0;  ///< frames in the rest of a block whose receive was cancelled
  std::uint64_t drops = 0;
  std::uint64_t found_no_buffer = 0;  ///< of the frames: those that had to wait for a buffer
  std::uint32_t used_bytes = 0;
  std::uint32_t limit_bytes = 0;
  std::uint32_t missed = 0;  ///< of the frames, from the front: counted in found_no_buffer
  std::uint8_t was_armed = 0;
  std::uint8_t is_down = 0;                   ///< its device went down: the next receive is told
  std::uint16_t header_bytes = kHeaderBytes;  ///< before the payload
  std::uint32_t receives = 0;                 ///< that have not ended
  std::uint32_t waiting = 0;                  ///< entries armed on it

  /// False: no room, dropped.
  bool take(const Packet& packet) {
    count_arrival(packet);
    if (used_bytes >= limit_bytes || frames.full()) {
      ++drops;
      return false;
    }
    used_bytes += buffer_bytes(packet.payload_bytes);
    frames.push(packet);
    return true;
  }
  Packet pop() {
    const Packet packet = frames.pop();
    used_bytes -= buffer_bytes(packet.payload_bytes);
    if (missed > 0) --missed;
    return packet;
  }
  void count_arrival(const Packet& packet) {
    ++arrived;
    arrived_datagrams += packet.datagrams();
  }
  /// Frames that wait now have found no buffer.
  void mark_missed() {
    found_no_buffer += frames.size() - missed;
    missed = frames.size();
  }
};

}  // namespace reprise::sim
