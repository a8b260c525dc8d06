// One scenario under many seeds: which of them break a law or an expectation, and what all of them
// together have tried. Results of shards merge into that of the whole campaign, in any order.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "reprise/lab/coverage.hpp"
#include "reprise/lab/expectation.hpp"
#include "reprise/lab/scenario.hpp"
#include "reprise/lab/seed_ranges.hpp"

namespace reprise::lab {

/// Failures are listed for so many seeds, the lowest ones; all are counted.
inline constexpr std::size_t kListedFailuresMax = 1'000;

struct SwarmRequest {
  std::string scenario_path;
  SeedRange seeds;
  Shard shard = {};  ///< only this part of the seeds
  std::string costs_path = {};
  std::string profile_path = {};
  std::vector<Setting> settings = {};
  std::string save_folder = {};  ///< where each failing run leaves a run file; empty: nowhere
};

struct SwarmFailure {
  std::uint64_t seed = 0;
  std::uint64_t digest = 0;
  std::vector<ExpectationResult> failed;
  std::string run_file;  ///< empty: none was asked for, or it could not be written
};

/// Of one kind: in how many runs it happened, and how often in all.
struct FaultTotal {
  std::uint64_t runs = 0;
  std::uint64_t count = 0;
};

struct SwarmResult {
  std::string scenario;
  std::string fingerprint;  ///< of the scenario with every key, of engine and simulator
  SeedRanges asked;
  SeedRanges done;
  std::uint64_t failed = 0;
  std::vector<SwarmFailure> failures;  ///< by seed
  std::uint64_t events = 0;
  std::uint64_t digest = 0;  ///< of the runs' digests, whatever their order
  std::map<std::string, FaultTotal> faults;
  Coverage coverage;
  std::optional<engine::Error> save_error;  ///< the first run file that could not be written

  [[nodiscard]] std::uint64_t runs() const { return count(done); }
  [[nodiscard]] bool complete() const { return asked == done; }
  /// Every seed ran, and none failed.
  [[nodiscard]] bool held() const { return complete() && failed == 0; }
};

struct SwarmControl {
  std::uint32_t jobs = 0;  ///< threads; 0: one for each core
  const std::atomic<bool>* stop =
      nullptr;  ///< set: end soon; runs that have not ended are left out
  /// After each run, by one thread at a time.
  std::function<void(const SwarmResult& so_far)> progress = {};
};

engine::Expected<SwarmResult> swarm(const SwarmRequest& request, const SwarmControl& control = {});

/// The result as `swarm --json` wrote it. The error names the file.
engine::Expected<SwarmResult> read_swarm_result(const std::string& path);
/// Adds `other` to `into`. Refused where it is of another scenario or engine, or has a seed that is
/// in `into` already; `name` stands for it in the message.
engine::Expected<void> merge(SwarmResult& into, const SwarmResult& other, const std::string& name);

nlohmann::ordered_json to_json(const SwarmResult& result);
/// For people.
std::string to_text(const SwarmResult& result);

}  // namespace reprise::lab
