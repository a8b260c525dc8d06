// Running a scenario so that it can be repeated: what lab/run.hpp does, and a run file of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/lab/run.hpp"
#include "reprise/lab/run_file.hpp"

namespace reprise::lab {

struct RecordedRun {
  RunResult result;
  RunFile file;
  /// Against RecordControl::expected: where it asked something else first.
  std::optional<Divergence> divergence;
  /// The first checkpoint of the expected run, or its end, that this run passed differently.
  std::optional<Checkpoint> differs_at;
  std::vector<std::int64_t> pick_times_ns;  ///< of each pick, where they were asked for
};

struct RecordControl {
  RunControl run;                     ///< its `choices` and `over` are not looked at
  const RunFile* expected = nullptr;  ///< compared with, while it runs; outlives the run
  bool stops_at_divergence = false;
  bool lists_picks = false;  ///< the file has the picks as lists, also those of a seed
  bool keeps_times = false;  ///< of every pick
  /// The run so far, its result left out, when an assertion is about to end the process. It may end
  /// it.
  std::function<void(const RecordedRun&)> on_assertion;
};

/// Simulates with the picks of `picks`, or of the scenario's seed where there are none. Fails where
/// the scenario does not resolve. An assertion ends the process, after `on_assertion`.
engine::Expected<RecordedRun> record_run(const WrittenScenario& scenario,
                                         const std::optional<sim::PicksBySite>& picks = {},
                                         const RecordControl& control = {});

}  // namespace reprise::lab
