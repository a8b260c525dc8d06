// Plain UDP sockets for the generator and the sink, of either family.
//
// Errors name the endpoint, the call that failed and the next step.
#pragma once

#include <cstdint>

#include "reprise/engine/endpoint.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/posix/descriptor.hpp"

namespace reprise::traffic {

struct UdpSenderSpec {
  engine::Endpoint destination;         ///< a source in it is the address to send from
  std::uint8_t hops = 16;               ///< TTL or hop limit, 1…255
  std::uint32_t send_buffer_bytes = 0;  ///< 0: the host's default
  bool fragment = false;  ///< true: a datagram above the MTU is fragmented, else refused (EMSGSIZE)
  engine::Duration send_timeout = engine::milliseconds(100);  ///< longest block in one send call
};

/// A blocking socket connected to the destination, through its interface where it names one.
engine::Expected<posix::Descriptor> open_udp_sender(const UdpSenderSpec& spec);

struct UdpSinkSpec {
  engine::Endpoint input;  ///< group or own address; with a source the join is source-specific
  std::uint32_t receive_buffer_bytes = 0;                       ///< 0: the host's default
  engine::Duration receive_timeout = engine::milliseconds(20);  ///< longest block in one receive
};

/// A blocking socket bound to the input, on its interface where it names one; a multicast group is
/// joined there. A multicast input must name its interface.
engine::Expected<posix::Descriptor> open_udp_sink(const UdpSinkSpec& spec);

/// What the host granted, as the kernel counts it (twice the payload bytes asked for, socket(7)).
std::uint32_t granted_receive_buffer_bytes(int descriptor);

/// Datagrams that the kernel dropped on this socket, mostly because its receive buffer was full.
std::uint64_t kernel_drops(int descriptor);

}  // namespace reprise::traffic
