// The traffic of a capture file, read with libpcap: pcap or pcapng; Ethernet, Linux cooked or raw
// IP.
//
// Taken are UDP datagrams to multicast groups, or with a filter those that it passes. Later
// fragments of a datagram and packets of which the headers were not captured are no datagrams, as
// for the relay. Payloads need not have been captured.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reprise/engine/address.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::lab {

struct PcapOptions {
  std::string path;
  std::string filter;  ///< as of tcpdump (pcap-filter(7)); empty: datagrams to multicast groups
  std::uint64_t speed_percent = 100;  ///< 200: in half the time
  std::uint64_t count = 0;            ///< datagrams to take, from the first on; 0: all
  bool truncated = false;             ///< take what is whole of a file that ends inside a packet
  friend bool operator==(const PcapOptions&, const PcapOptions&) = default;
};

/// The datagrams of one source to one group and port.
struct PcapFlow {
  engine::Address source;
  engine::Address group;
  std::uint16_t source_port = 0;
  std::uint16_t port = 0;
  bool shares_group = false;  ///< with the flow before it
  /// In the order of their times, which count from the first datagram of all flows. Payloads are
  /// those captured, at least 16 and at most 65,507 bytes, as the simulation wants them.
  std::vector<sim::CapturedDatagram> datagrams;
};

/// Reads the file to its end; at least one flow, those to one group and port one after the other.
/// The error names the file, what is wrong with it and what was expected.
engine::Expected<std::vector<PcapFlow>> read_pcap(const PcapOptions& options);

}  // namespace reprise::lab
