// What a relay has done so far, as a value for people and for JSON. Conservation: see
// engine/counters.hpp.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "reprise/daemon/backend_choice.hpp"
#include "reprise/daemon/ingress_mode.hpp"
#include "reprise/daemon/occupancy_sampler.hpp"
#include "reprise/engine/counters.hpp"
#include "reprise/engine/time.hpp"

namespace reprise::daemon {

struct OutputReport {
  std::string rule;
  std::string output;  ///< as the operator writes it
  engine::OutputCounters counters;
  std::uint32_t pending = 0;
};

struct RelayReport {
  engine::Duration elapsed;
  engine::IngressCounters ingress;
  std::uint64_t kernel_drops =
      0;  ///< frames, by the packet sockets, before the relay received them
  std::vector<OutputReport> outputs;
  std::uint32_t regions_outstanding = 0;
  std::uint64_t turns = 0;  ///< of the thread that sends
  BackendChoice backend;
  IngressMode mode = IngressMode::latency;  ///< just now; not automatic
  std::uint64_t mode_switches = 0;
  std::uint64_t forced_switches = 0;  ///< of which with frames left in the old socket
  std::uint32_t workers = 1;
  std::uint32_t threads = 1;  ///< of a worker, of which a second one sends
  bool shield = false;        ///< the host's own IP stack does not get what is relayed
  bool laws_hold = true;      ///< of each stage, and between the two
  std::optional<CensusResult> census;

  [[nodiscard]] engine::OutputCounters output_total() const;
};

nlohmann::ordered_json to_json(const RelayReport& report);

/// A few lines for people; reasons and errors only where they occurred.
std::string to_text(const RelayReport& report);

/// One line: rates since `earlier`, and drops.
std::string to_line(const RelayReport& report, const RelayReport& earlier);

}  // namespace reprise::daemon
