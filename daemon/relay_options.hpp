// How a relay works, beside its rules.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "reprise/daemon/backend_choice.hpp"
#include "reprise/daemon/flight_log.hpp"
#include "reprise/daemon/ingress_mode.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/engine/rule.hpp"
#include "reprise/engine/stage_config.hpp"

namespace reprise::daemon {

enum class Segmentation : std::uint8_t { automatic, on, off };
inline constexpr std::array<std::string_view, 3> kSegmentationNames{"auto", "on", "off"};
constexpr std::optional<Segmentation> segmentation_from(std::string_view text) {
  return engine::value_from<Segmentation>(kSegmentationNames, text);
}
/// What automatic comes to on this host.
bool uses_segmentation(Segmentation segmentation);

struct RelayOptions {
  BackendKind backend = BackendKind::automatic;
  IngressMode mode = IngressMode::automatic;
  std::uint32_t workers = 1;    ///< that share the flows; 1…64
  std::uint32_t threads = 1;    ///< of a worker. 1: a unified stage; 2: a pipeline
  std::vector<unsigned> cores;  ///< the worker at each place runs on that core; empty: on any
  /// Several datagrams may leave in one send. automatic: where the host could part them again,
  /// which a relay on the same host may have to (Linux 6.2).
  Segmentation segmentation = Segmentation::automatic;
  engine::StageConfig stage;              ///< capacities grow with the rules
  std::uint8_t hops = 16;                 ///< TTL or hop limit of what is sent, 1…255
  std::uint32_t ring_bytes = 16U << 20U;  ///< of each packet ring, in whole blocks
  /// Of each packet socket; the host may grant less. Some 3,600 datagrams of 1400 bytes. What
  /// gathers here when `auto` goes to the packet ring is worked off before the ring is read.
  std::uint32_t receive_buffer_bytes = 8U << 20U;
  /// Of each output's socket; 0: the host's default. Room for a batch that nothing can be coalesced
  /// in: then its sends need no links (posix/send_room.hpp).
  std::uint32_t send_buffer_bytes = 512U << 10U;
  engine::Duration drain = engine::seconds(1);  ///< how long a stop waits for blocked outputs
  bool one_core = false;                        ///< hazard: all threads on one core
  int log_descriptor = 2;                       ///< hazard log_lines: where they are written
  bool census = false;                          ///< sample where the buffers are
  FlightLogOptions flight_log;                  ///< where and how much is recorded
  bool shield = false;  ///< keep what is relayed from this host's own IP stack
};

/// Whether an option contradicts another; the first that does.
engine::Expected<void> check(const RelayOptions& options);

/// How one worker receives, once it is known what the host can do.
enum class IngressPlan : std::uint8_t {
  frames,  ///< one by one
  ring,    ///< packet rings
  both,    ///< either, by load
};
engine::Expected<IngressPlan> plan_ingress(const RelayOptions& options,
                                           const engine::Limits& limits);

/// Looks at everything that the rules name before anything is opened. Returns the largest frame
/// that an input's interface carries, in bytes.
engine::Expected<std::uint32_t> largest_input_frame(std::span<const engine::Rule> rules);

/// The stage of a worker with capacities for the rules.
engine::StageConfig fit_to_rules(const RelayOptions& options, std::span<const engine::Rule> rules,
                                 std::uint32_t frame_bytes);
/// The same with what the backend can do.
void fit_to_backend(engine::StageConfig& stage, const RelayOptions& options,
                    const engine::Limits& limits, std::uint32_t rings);

}  // namespace reprise::daemon
