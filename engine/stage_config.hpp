// The capacities and choices of a stage, fixed at start.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/hazard.hpp"
#include "reprise/engine/policy.hpp"

namespace reprise::engine {

struct StageConfig {
  Role role = Role::unified;
  Policy policy = Policy::adaptive;  ///< of a stage that sends
  Exhaustion exhaustion = Exhaustion::wait;
  WakeUp wake_up = WakeUp::event;   ///< of an egress stage
  std::uint32_t spin_turns = 1000;  ///< hybrid: turns with nothing to do before it sleeps
  std::uint32_t pool = 1024;   ///< regions that may be outstanding; with landing at most 32,768
  std::uint32_t landing = 64;  ///< exhaustion = drop: further regions that the kernel receives into
  std::uint32_t region_bytes = 2048;   ///< one frame with what the backend puts before it
  std::uint32_t batch = 32;            ///< sends in one batch, 1…submissions_max
  std::uint32_t submissions_max = 64;  ///< entries of the backend's submission queue
  std::uint32_t sends_max = 64;        ///< sends prepared or in flight, at least batch
  std::uint32_t output_queue = 64;     ///< datagrams that wait for a blocked output, at least batch
  std::uint32_t inputs_max = 8;
  std::uint32_t rules_max = 64;
  std::uint32_t outputs_max = 64;

  Hazards hazards;

  /// Regions to register: the pool, and what the kernel receives into where that comes on top.
  [[nodiscard]] std::uint32_t region_count() const {
    return exhaustion == Exhaustion::drop ? pool + landing : pool;
  }
  friend bool operator==(const StageConfig&, const StageConfig&) = default;
};

/// The same for one of a pipeline's two stages.
StageConfig with_role(StageConfig config, Role role);

/// Every contradiction in the configuration, by the name of its field.
std::vector<Error> check(const StageConfig& config);

}  // namespace reprise::engine
