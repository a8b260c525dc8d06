// What a simulated world is made of: a chain of relays or several workers side by side, the traffic
// that is offered to them, and what things cost.
//
// Times are nanoseconds of virtual time, sizes bytes. Everything here is an integer: results never
// depend on floating point.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
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
  constant,       ///< one datagram every 1/rate
  poisson,        ///< exponential times between datagrams
  burst,          ///< `burst` datagrams at once, every burst/rate
  on_off,         ///< for `on_ns` one datagram every 1/rate, then silence for `off_ns`, and so on
  on_off_random,  ///< the same with exponential times, of which `on_ns` and `off_ns` are the means
  token_bucket,   ///< `burst` datagrams at once, then one every 1/rate: all that a bucket lets out
  captured,       ///< at the instants of a capture
};
inline constexpr std::array<std::string_view, 7> kArrivalsNames{
    "constant", "poisson", "burst", "on_off", "on_off_random", "token_bucket", "pcap"};

/// One datagram of a capture.
struct CapturedDatagram {
  std::int64_t time_ns = 0;  ///< after TrafficConfig::start_ns
  std::uint32_t payload_bytes = 0;
  friend bool operator==(const CapturedDatagram&, const CapturedDatagram&) = default;
};

/// One flow offered to the first relay, or to one of the workers.
struct TrafficConfig {
  Arrivals arrivals = Arrivals::constant;
  std::uint64_t rate = 100'000;  ///< datagrams per second, 1…1,000,000,000; on_off: while it is on
  std::uint32_t burst = 1;
  std::uint32_t payload_bytes = 1400;  ///< 16…65,507
  std::uint64_t count = 10'000;        ///< datagrams in all
  std::int64_t start_ns = 0;
  /// It goes to the group of the flow before it, from a source of its own: they share a route and
  /// its outputs.
  bool shares_group = false;
  std::uint32_t third_payload_bytes = 0;  ///< of every third datagram; 0: as of the others
  std::int64_t on_ns = 1'000'000;         ///< 1…1,000,000,000,000
  std::int64_t off_ns = 1'000'000;        ///< 0…1,000,000,000,000
  /// `captured`: the flow's datagrams in the order of their times, at least `count`.
  std::shared_ptr<const std::vector<CapturedDatagram>> capture;

  [[nodiscard]] std::uint32_t payload_of(std::uint64_t sequence) const {
    if (arrivals == Arrivals::captured) return (*capture)[sequence].payload_bytes;
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

/// How the nodes stand to one another.
enum class Arrangement : std::uint8_t {
  chain,    ///< flows enter the first; the first output of each leads to the next
  workers,  ///< side by side: each flow enters one of them, every output leads out
};

/// Which of several workers a flow enters.
enum class Spread : std::uint8_t {
  hash,  ///< by a hash, as packet fanout does: some get more flows than others
  even,  ///< one after the other
};
inline constexpr std::array<std::string_view, 2> kSpreadNames{"hash", "even"};

struct WorldConfig {
  Arrangement arrangement = Arrangement::chain;
  Spread spread = Spread::hash;  ///< over workers
  std::vector<NodeConfig> nodes{1};
  std::vector<TrafficConfig> traffic{1};
  CostProfile costs;
  KernelProfile kernel;
  FaultPlan faults;  ///< of every node

  /// The node that a flow enters.
  [[nodiscard]] std::uint32_t entry_of(std::uint32_t flow) const;
  /// Whether an output of a node leads to the node behind it.
  [[nodiscard]] bool leads_on(std::uint32_t node, std::uint32_t output) const {
    return arrangement == Arrangement::chain && output == 0 && node + 1 < nodes.size();
  }
};

/// Every contradiction, by the name of its field as scenarios spell it.
std::vector<engine::Error> check(const WorldConfig& config);

}  // namespace reprise::sim
