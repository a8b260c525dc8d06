// One run of a run file, or of what shrinking makes of it, in a process of its own: there a failed
// assertion is an outcome like any other.
#pragma once

#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <vector>

#include "reprise/lab/recorded_run.hpp"
#include "reprise/lab/run_file.hpp"

namespace reprise::lab {

struct Attempt {
  Checkpoint end;
  std::uint64_t capture = 0;  ///< as RunFile has it
  bool complete = true;
  std::vector<RunFailure> failures;
  std::optional<Divergence> divergence;
  std::optional<Checkpoint> differs_at;
  std::vector<std::int64_t> pick_times_ns;
  std::optional<RunFile> file;  ///< where it was to be kept
};

struct AttemptControl {
  RecordControl record;  ///< its `on_assertion` is not looked at
  /// Whether the file of the run is wanted, once the run is over. None: never.
  std::function<bool(const RunFile&)> keeps;
  bool is_silent = true;  ///< nothing of it is seen on standard error
};

/// An error where the scenario does not resolve, or the process came to another end.
engine::Expected<Attempt> attempt_run(const WrittenScenario& scenario,
                                      const std::optional<sim::PicksBySite>& picks,
                                      const AttemptControl& control = {});

/// Whether one of `failures` is `wanted` again: the same assertion, or the same expectation missed
/// on the same side.
bool fails_alike(const std::vector<RunFailure>& failures, const RunFailure& wanted);
/// Below 0: less was found than expected; above 0: more; 0: neither.
int side_of(const RunFailure& failure);

/// What a run that failed so is said to have done: "no_buffer_max: expected 0, found 7".
std::string shown(const RunFailure& failure);
nlohmann::ordered_json to_json(const RunFailure& failure);
nlohmann::ordered_json to_json(const Checkpoint& checkpoint);

}  // namespace reprise::lab
