// What a simulated world is made of: a chain of relays, the traffic that is offered to the first,
// and what things cost.
//
// Times are nanoseconds of virtual time, sizes bytes. Everything here is an integer: results never
// depend on floating point.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/stage_config.hpp"
#include "reprise/engine/time.hpp"

namespace reprise::sim {

/// What an act costs the core that does it. Costs only move virtual time; they never decide
/// anything else. The defaults were measured on Linux 6.18, veth, 1400-byte payload
/// (docs/KERNEL_MODEL.md).
struct CostProfile {
  std::int64_t call_ns = 350;      ///< entering the kernel once
  std::int64_t send_ns = 1900;     ///< one send inside a submit
  std::int64_t linked_ns = 330;    ///< more for a send behind another in a chain
  std::int64_t send_byte_ps = 0;   ///< picoseconds per payload byte sent
  std::int64_t receive_ns = 1200;  ///< moving one frame from the socket into a provided buffer
  std::int64_t receive_byte_ps = 0;
  std::int64_t prepare_ns = 25;     ///< filling one submission
  std::int64_t provide_ns = 5;      ///< giving one region back
  std::int64_t completion_ns = 15;  ///< reaping one completion
  std::int64_t datagram_ns = 60;    ///< engine: parsing and matching one frame
  std::int64_t turn_ns = 50;        ///< a phase that finds nothing to do
  std::int64_t wake_ns = 3000;      ///< from the event to the woken thread running
  friend bool operator==(const CostProfile&, const CostProfile&) = default;
};

/// How a kernel behaves where kernels, or the flags of a ring, differ.
struct KernelProfile {
  /// Frames reach provided buffers when the thread enters the kernel (cooperative task run), not
  /// when they arrive.
  bool receives_at_enter = true;
  /// So many links of a chain per million are not done when the call returns, but after what a
  /// later call hands over. Seen on a busy host.
  std::uint32_t chain_pauses_per_million = 0;
  friend bool operator==(const KernelProfile&, const KernelProfile&) = default;
};

enum class Arrivals : std::uint8_t {
  constant,  ///< one datagram every 1/rate
  poisson,   ///< exponential times between datagrams
  burst,     ///< `burst` datagrams at once, every burst/rate
};

/// One flow offered to the first relay.
struct TrafficConfig {
  Arrivals arrivals = Arrivals::constant;
  std::uint64_t rate = 100'000;  ///< datagrams per second, 1…1,000,000,000
  std::uint32_t burst = 1;
  std::uint32_t payload_bytes = 1400;  ///< 16…65,507
  std::uint64_t count = 10'000;        ///< datagrams in all
  std::int64_t start_ns = 0;
};

/// A time in which a link takes nothing from its sender: the sender's socket buffer fills.
struct Stall {
  std::int64_t start_ns = 0;
  std::int64_t length_ns = 0;
};

struct LinkConfig {
  std::uint64_t bits_per_second = 0;  ///< 0: as fast as it is sent
  std::int64_t delay_ns = 0;
  std::uint32_t queue =
      1000;  ///< frames that wait in the queueing discipline; beyond: dropped, success reported
  std::vector<Stall> stalls;  ///< in order, not overlapping
};

/// One relay: a unified stage with its kernel, on a core.
struct NodeConfig {
  engine::StageConfig stage;
  std::uint32_t core = 0;     ///< nodes with the same core share it
  std::uint32_t fan_out = 1;  ///< outputs of every route; the first leads to the next node
  std::uint32_t completions_max = 128;  ///< entries of the completion queue before it overflows
  std::uint32_t send_buffer_bytes =
      212'992;  ///< of each output's socket, as the kernel counts them
  std::uint32_t receive_buffer_bytes = 212'992;  ///< of the packet socket
  LinkConfig link;                               ///< of each output
};

struct WorldConfig {
  std::vector<NodeConfig> nodes{1};
  std::vector<TrafficConfig> traffic{1};
  CostProfile costs;
  KernelProfile kernel;
  std::uint32_t send_errors_per_million = 0;  ///< fault: so many sends fail as unreachable
};

/// Every contradiction, by the name of its field as scenarios spell it.
std::vector<engine::Error> check(const WorldConfig& config);

}  // namespace reprise::sim
