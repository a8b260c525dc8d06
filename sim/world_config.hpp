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
#include "reprise/sim/cost_profile.hpp"
#include "reprise/sim/faults.hpp"
#include "reprise/sim/kernel_profile.hpp"
#include "reprise/sim/link.hpp"

namespace reprise::sim {

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
  /// It goes to the group of the flow before it, from a source of its own: they share a route and
  /// its outputs.
  bool shares_group = false;
  std::uint32_t third_payload_bytes = 0;  ///< of every third datagram; 0: as of the others

  [[nodiscard]] std::uint32_t payload_of(std::uint64_t sequence) const {
    return sequence % 3 == 2 && third_payload_bytes != 0 ? third_payload_bytes : payload_bytes;
  }
};

/// How many groups the flows go to.
std::uint32_t group_count(const std::vector<TrafficConfig>& traffic);

/// One relay: a unified stage on one thread, or an ingress and an egress stage on two.
struct NodeConfig {
  engine::StageConfig
      stage;  ///< its role is not looked at; with blocks its input has a packet ring
  std::int64_t ring_timeout_ns = 1'000'000;  ///< an open block is handed over after this
  std::uint32_t threads = 1;                 ///< 1 or 2
  std::uint32_t core = 0;  ///< of the thread that receives; threads with the same core share it
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
  FaultPlan faults;  ///< of every node
};

/// Every contradiction, by the name of its field as scenarios spell it.
std::vector<engine::Error> check(const WorldConfig& config);

}  // namespace reprise::sim
