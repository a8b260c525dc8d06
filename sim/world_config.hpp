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
  std::int64_t submit_ns = 900;    ///< more, where the call hands something over
  std::int64_t gather_ns = 1200;   ///< more, where the call moves frames into provided buffers
  std::int64_t send_ns = 1900;     ///< one send inside a submit
  std::int64_t linked_ns = 330;    ///< more for a send behind another in a chain
  std::int64_t send_byte_ps = 0;   ///< picoseconds per payload byte sent
  std::int64_t receive_ns = 1200;  ///< moving one frame from the socket into a provided buffer
  std::int64_t receive_byte_ps = 0;
  std::int64_t prepare_ns = 25;          ///< filling one submission
  std::int64_t provide_ns = 5;           ///< giving one region back
  std::int64_t completion_ns = 15;       ///< reaping one completion
  std::int64_t datagram_ns = 60;         ///< engine: parsing and matching one frame
  std::int64_t turn_ns = 50;             ///< a phase that finds nothing to do
  std::int64_t wake_ns = 3000;           ///< from the event to the woken thread running
  std::int64_t crossing_ns = 2;          ///< one item into or out of a hand-off queue
  std::int64_t shared_ns = 40;           ///< one access to a cache line that another core writes
  std::int64_t wake_call_ns = 8500;      ///< waking another thread, for who wakes
  std::int64_t spin_ns = 110;            ///< one turn of a spinning thread that finds nothing
  std::int64_t sleep_slack_ns = 70'000;  ///< by how much a sleep of fixed length is longer
  std::int64_t switch_ns = 830;          ///< another thread gets the core
  std::int64_t slice_ns = 3'900'000;     ///< how long a thread keeps a core that another one wants
  std::int64_t move_byte_ps = 15;        ///< picoseconds per byte moved inside memory (67 GB/s)
  std::int64_t log_line_ns = 1100;       ///< formatting and writing one line
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

/// One relay: a unified stage on one thread, or an ingress and an egress stage on two.
struct NodeConfig {
  engine::StageConfig stage;  ///< its role is not looked at
  std::uint32_t threads = 1;  ///< 1 or 2
  std::uint32_t core = 0;     ///< of the thread that receives; threads with the same core share it
  std::uint32_t egress_core = 0;  ///< of the second thread
  std::uint32_t fan_out = 1;      ///< outputs of every route; the first leads to the next node
  std::uint32_t completions_max = 128;  ///< entries of the completion queue before it overflows
  std::uint32_t send_buffer_bytes =
      212'992;  ///< of each output's socket, as the kernel counts them
  std::uint32_t receive_buffer_bytes = 212'992;  ///< of the packet socket
  LinkConfig link;                               ///< of each output

  [[nodiscard]] std::vector<engine::StageConfig> stages() const;
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
