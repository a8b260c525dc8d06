// A packet socket (packet(7)) on one interface, filtered to the wanted traffic, and what the kernel
// drops on it.
//
// The socket is opened for no protocol, set up, and bound last, so that no frame gets in unfiltered
// or without its metadata. It is bound to ETH_P_ALL: the taps run before VLAN devices take their
// frames away, so a frame tagged for another VLAN of the interface is seen too, its tag in the
// metadata. Frames sent by this host are left out (PACKET_IGNORE_OUTGOING, Linux 4.20).
// A member of a fanout group has to be bound before it can join. It lets nothing pass until then.
#pragma once

#include "reprise/engine/io.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/packet_ring.hpp"
#include "reprise/posix/socket_filter.hpp"

namespace reprise::posix {

struct PacketSocket {
  Descriptor descriptor;
  FilterLevel filter_level = FilterLevel::exact;  ///< how close the filter came to what is wanted
  bool has_segment_header = false;                ///< see want_segment_sizes()
  std::unique_ptr<PacketRing> ring;               ///< where the spec asks for one
};

/// `ring_place` is where the ring goes that the spec asks for. Errors: no such interface,
/// CAP_NET_RAW is missing, an option that the kernel does not have, no memory for the ring.
engine::Expected<PacketSocket> open_packet_socket(const engine::PacketSocketSpec& spec,
                                                  const RingPlace& ring_place = {});

/// Makes each frame carry its VLAN tag and checksum state (PACKET_AUXDATA).
engine::Expected<void> want_frame_metadata(int descriptor);

/// Whether the kernel can say of what size merged datagrams were (Linux 6.2).
bool host_tells_segment_sizes();

/// Puts a virtio_net_hdr (linux/virtio_net.h) in front of every frame, which says where offloads
/// merged several datagrams into one frame, and of what size each was (PACKET_VNET_HDR). Returns
/// whether it does: before Linux 6.2 such a frame made the receive fail with EINVAL, so there it is
/// not asked for, and merged datagrams cannot be told from one large one.
bool want_segment_sizes(int descriptor);

struct PacketCounts {
  std::uint64_t queued = 0;  ///< what the kernel put into the socket
  std::uint64_t drops = 0;   ///< what it had no room for
};

/// Since the last call: reading resets the counts.
PacketCounts take_packet_counts(int descriptor);

}  // namespace reprise::posix
