// What a simulated kernel consists of: rings, packet sockets, UDP send sockets and the links they
// send into.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/sim/faults.hpp"
#include "reprise/sim/kernel_profile.hpp"
#include "reprise/sim/link.hpp"
#include "reprise/sim/packet.hpp"
#include "reprise/sim/packet_ring.hpp"
#include "reprise/sim/ring.hpp"

namespace reprise::sim {

struct PacketSocketConfig {
  std::uint32_t buffer_bytes = 212'992;  ///< as the kernel counts them
  PacketRingConfig ring;
  /// What stands before the payload; 0: a UDP socket, which receives payload alone.
  std::uint32_t header_bytes = kHeaderBytes;
  std::uint32_t frames_max = 0;  ///< that can wait; 0: as many as the buffer can hold
};

struct SendSocketConfig {
  std::uint32_t link = 0;
  std::uint32_t flow = 0;                ///< whose header its datagrams have where they arrive
  std::uint32_t buffer_bytes = 212'992;  ///< as the kernel counts them
  bool tells_drops = false;              ///< IP_RECVERR
  bool forbids_fragments = false;        ///< IP_PMTUDISC_DO
  bool port_is_closed = false;           ///< whoever is there refuses (ICMP)
};

/// Socket indices: packet sockets first, then send sockets, in the order of these lists.
struct KernelConfig {
  KernelProfile profile;
  std::vector<RingConfig> rings{1};
  std::vector<PacketSocketConfig> packet_sockets{1};
  std::vector<SendSocketConfig> send_sockets;
  std::vector<LinkConfig> links;
  std::vector<HeaderBytes> headers;  ///< by flow, of the frames that arrive
  std::uint32_t regions = 64;        ///< buffers
  std::uint32_t region_bytes = 2048;
  std::uint32_t visible_bytes = kVisibleBytes;  ///< the first bytes of a buffer, which are real
  std::uint32_t blocks = 0;                     ///< of packet rings: the regions behind the buffers
  std::uint32_t block_bytes = 0;                ///< all of them are real
  std::uint32_t notices = 0;                    ///< zero-copy sends that can be under way
  FaultPlan faults;
};

}  // namespace reprise::sim
