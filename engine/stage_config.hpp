// The capacities and choices of a stage, fixed at start.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/hazard.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/engine/policy.hpp"

namespace reprise::engine {

struct StageConfig {
  Role role = Role::unified;
  Policy policy = Policy::adaptive;  ///< of a stage that sends
  Exhaustion exhaustion = Exhaustion::wait;
  WakeUp wake_up = WakeUp::event;   ///< of an egress stage
  std::uint32_t spin_turns = 1000;  ///< hybrid: turns with nothing to do before it sleeps
  std::uint32_t pool = 1024;   ///< buffers that may be outstanding; with landing at most 32,768
  std::uint32_t landing = 64;  ///< exhaustion = drop: further regions that the kernel receives into
  std::uint32_t region_bytes = 2048;        ///< one frame with what the backend puts before it
  std::uint32_t blocks = 0;                 ///< of packet rings; unified stages only
  std::uint32_t block_bytes = 256U << 10U;  ///< a multiple of 4096
  /// Datagrams that a frame in a buffer is expected to hold, where offloads merge them; of one that
  /// comes with more, some may be dropped as backlog_full.
  std::uint32_t merged_max = 1;
  /// Datagrams that are taken out of packet rings before those taken earlier have been sent.
  std::uint32_t intake = 1024;
  /// Datagrams of one length and flow that leave in one segmented send; 1: none are sent so.
  std::uint32_t segments_max = 1;
  std::uint32_t segmented_bytes_max = 65'487;  ///< payload of one (IPv6: 65,535 with both headers)
  std::uint32_t batch = 32;                    ///< sends in one batch, 1…submissions_max
  std::uint32_t submissions_max = 64;          ///< entries of the backend's submission queue
  std::uint32_t sends_max = 64;                ///< sends prepared or in flight, at least batch
  std::uint32_t output_queue = 64;  ///< datagrams that wait for a blocked output, at least batch
  std::uint32_t inputs_max = 8;
  std::uint32_t rules_max = 64;
  std::uint32_t outputs_max = 64;

  Hazards hazards;

  /// Regions to register: the pool, and what the kernel receives into where that comes on top.
  [[nodiscard]] std::uint32_t region_count() const {
    return exhaustion == Exhaustion::drop ? pool + landing : pool;
  }
  /// Datagrams that may wait to be sent: those in every buffer, and what was taken out of rings.
  [[nodiscard]] std::uint32_t backlog_max() const {
    return region_count() * merged_max + (blocks > 0 ? intake + kMergedDatagramsMax : 0);
  }
  /// What the backend has to register.
  [[nodiscard]] MemorySpec memory() const {
    return {region_count(), region_bytes, blocks, block_bytes};
  }
  friend bool operator==(const StageConfig&, const StageConfig&) = default;
};

/// The same for one of a pipeline's two stages.
StageConfig with_role(StageConfig config, Role role);

/// Every contradiction in the configuration, by the name of its field.
std::vector<Error> check(const StageConfig& config);

}  // namespace reprise::engine
