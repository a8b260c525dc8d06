// Every key of a scenario file, with where it goes. One table serves files, --set and the manual.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "reprise/lab/keys.hpp"
#include "reprise/lab/pcap_traffic.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::lab {

/// What the keys of a file fill before a WorldConfig is made of it.
struct ScenarioDraft {
  std::uint64_t hops = 1;
  std::uint64_t workers = 1;
  sim::Spread spread = sim::Spread::hash;  ///< over workers
  bool shared_core = false;                ///< all relays on one core
  bool one_core = false;                   ///< both threads of a relay on one core
  sim::NodeConfig node;                    ///< of every hop
  sim::CostProfile costs;
  sim::KernelProfile kernel;
  sim::FaultPlan faults;
  bool swarm = false;             ///< each run draws its faults
  sim::QuietWindow quiet{-1, 0};  ///< start below 0: as the length says; length 0: to the end
};

/// One entry of `traffic`: `flows` flows that share its rate and count, or those of a capture.
struct TrafficDraft {
  std::uint64_t flows = 1;
  bool one_group = false;   ///< all flows of it go to one group
  std::uint64_t count = 0;  ///< of all flows together; 0: as many as by default
  sim::TrafficConfig each;  ///< its rate is of all flows together; its count is not looked at
  PcapOptions pcap;         ///< its path is absolute; its count is not looked at

  [[nodiscard]] bool is_captured() const { return each.arrivals == sim::Arrivals::captured; }
  /// 0: all of the capture.
  [[nodiscard]] std::uint64_t count_or_default() const {
    return count == 0 && !is_captured() ? sim::TrafficConfig{}.count : count;
  }
};

struct Table {
  std::string_view name;
  std::vector<Key<ScenarioDraft>> keys;
};

/// relay, hazards, link, kernel, costs, faults.
const std::vector<Table>& scenario_tables();
const std::vector<Key<TrafficDraft>>& traffic_keys();

}  // namespace reprise::lab
