// A packet socket (packet(7)) on one interface, filtered to the wanted traffic, and what the kernel
// drops on it.
//
// The socket is opened for no protocol, set up, and bound last, so that no frame gets in unfiltered
// or without its metadata. It is bound to ETH_P_ALL: the taps run before VLAN devices take their
// frames away, so a frame tagged for another VLAN of the interface is seen too, its tag in the
// metadata. Frames sent by this host are left out (PACKET_IGNORE_OUTGOING, Linux 4.20).
#pragma once

#include "reprise/engine/io.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/socket_filter.hpp"

namespace reprise::posix {

struct PacketSocket {
  Descriptor descriptor;
  FilterLevel filter_level = FilterLevel::exact;  ///< how close the filter came to what is wanted
};

/// Errors: no such interface, CAP_NET_RAW is missing, an option that the kernel does not have.
engine::Expected<PacketSocket> open_packet_socket(const engine::PacketSocketSpec& spec);

/// Makes each frame carry its VLAN tag and checksum state (PACKET_AUXDATA).
engine::Expected<void> want_frame_metadata(int descriptor);

/// Datagrams that the kernel dropped on the socket since the last call: reading resets the count.
std::uint64_t take_packet_drops(int descriptor);

}  // namespace reprise::posix
