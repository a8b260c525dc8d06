// Replays a flight recording (docs/FLIGHT_RECORDER.md): every recorded stage through this build's
// engine, compared bit for bit, and what an engineer wants to know of its end.
#pragma once

#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "reprise/engine/counters.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/policy.hpp"
#include "reprise/flight/player.hpp"

namespace reprise::lab {

/// One recorded stage, as it was at the end of its recording.
struct FlightStageReplay {
  std::uint32_t lane = 0;
  engine::Role role{};
  engine::Policy policy{};
  flight::Playback playback;
  std::vector<std::string> damage;  ///< what of the recording could not be used
  // The engine's state at the last step that was replayed.
  engine::Phase next_phase{};
  std::uint64_t turns = 0;
  engine::IngressCounters ingress;
  engine::OutputCounters output;
  std::uint32_t regions_held = 0;
  std::uint32_t regions_free = 0;
  std::uint32_t backlog = 0;
  std::uint32_t queued = 0;
  std::uint32_t sends_open = 0;
  bool laws_hold = true;
  /// What became of the step in which the recording ended, where it was replayed too: "" or how the
  /// engine failed in it.
  std::string unfinished_step;
};

struct FlightReplay {
  std::string path;
  std::string recorded_by;  ///< the engine's hash
  std::string replayed_by;
  std::uint32_t fatal_signal = 0;  ///< which ended the relay; 0: none that it saw
  std::vector<FlightStageReplay> stages;

  /// Everything that is there was replayed, and nothing diverged.
  [[nodiscard]] bool is_equal() const;
};

/// Whether the file begins as a flight recording does; false too where it cannot be read.
bool is_flight_recording(const std::string& path);

/// Errors: the file cannot be read, is no flight recording, is damaged from its beginning, or is of
/// an engine whose state this one cannot hold. Takes the memory of the file and of the relay.
engine::Expected<FlightReplay> replay_flight(const std::string& path);

nlohmann::ordered_json to_json(const FlightReplay& replay);
std::string to_text(const FlightReplay& replay);

}  // namespace reprise::lab
