// Independent jobs on several threads, for commands that simulate more than once.
//
// 1. Jobs start in the order of their indices and their results stand in it, so that nothing
//    depends on the number of threads but the time it takes.
// 2. Once `stop` is set no further job starts; those that run are waited for.
// 3. `progress` is called by one thread at a time, and what it says only grows.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "reprise/lab/run.hpp"

namespace reprise::lab {

/// How far a job, or all of them, are.
using Progress = std::function<void(std::uint64_t done, std::uint64_t of)>;

/// How jobs run, and how they stay in touch with who started them. All may be empty.
struct ParallelControl {
  std::uint32_t jobs = 0;                   ///< threads; 0: one for each core
  const std::atomic<bool>* stop = nullptr;  ///< the jobs should end soon by it, too
  Progress progress;                        ///< in units of the caller's own choice
};

/// As many as this process may use, at least 1.
std::uint32_t core_count();

/// Calls job(index, progress) for each index below `count`, on the calling thread too. A job tells
/// its `progress` how far it is, if it wants to, and must not touch what another one does.
void for_each_in_parallel(std::size_t count, const ParallelControl& control,
                          const std::function<void(std::size_t, const Progress&)>& job);

struct PlannedRun {
  const Scenario* scenario = nullptr;  ///< outlives the call
  std::uint64_t seed = 1;
  std::uint32_t series_points = 0;  ///< as of RunControl
};

/// Runs them all; none where one did not run to its end.
std::vector<std::optional<RunResult>> run_all(const std::vector<PlannedRun>& planned,
                                              const ParallelControl& control);

/// How many of them there are.
std::size_t finished_count(const std::vector<std::optional<RunResult>>& results);

}  // namespace reprise::lab
