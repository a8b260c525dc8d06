// The differential test: random sequences of acts on the real kernel, each judged by the belief set
// of the model; then the same belief set against falsified traces and wrong models.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/trial/differential/beliefs.hpp"

namespace reprise::trial {

struct DifferentialRequest {
  std::uint64_t sequences = 1000;
  std::uint64_t seed = 1;
  std::uint64_t corruptions = 1000;
  std::uint64_t keep = 0;    ///< so many accepted traces are written too
  std::string folder = ".";  ///< where traces go
  const std::atomic<bool>* stop = nullptr;
  std::function<void(std::uint64_t done, std::uint64_t of)> progress;
  /// A rejected trace was shrunk and written.
  std::function<void(const std::string& path, const std::string& reason)> rejected;
};

struct DifferentialResult {
  std::uint64_t sequences = 0;
  std::uint64_t operations = 0;
  std::uint64_t completions = 0;
  std::uint64_t rejected = 0;
  std::uint64_t exceeded = 0;  ///< without a verdict: too many beliefs
  std::uint32_t beliefs_max = 0;
  AlternativeCounts alternatives{};  ///< on the way to accepted states
  /// A trace could not be had without it.
  std::array<bool, kAlternativeCount> witnessed{};
  std::uint64_t mutants = 0;
  std::uint64_t mutants_caught = 0;
  std::vector<std::string> mutants_missed;
  std::uint64_t corrupted = 0;
  std::uint64_t corrupted_caught = 0;
  std::vector<std::string> corruptions_missed;
  std::vector<std::string> paths;  ///< of rejected traces
  bool incomplete = false;         ///< stopped

  [[nodiscard]] bool holds() const {
    return rejected == 0 && exceeded == 0 && mutants_caught == mutants &&
           corrupted_caught == corrupted;
  }
};

/// Makes namespaces, and the calling thread stays on one core. Errors: the host allows none, or the
/// kernel did not come to rest.
engine::Expected<DifferentialResult> run_differential(const DifferentialRequest& request);

}  // namespace reprise::trial
