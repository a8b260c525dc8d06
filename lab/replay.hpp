// Repeating a run file: exactly where engine and simulator are those that recorded it, else as far
// as it goes, with the first thing that went another way.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "reprise/lab/attempt.hpp"
#include "reprise/lab/run_file.hpp"

namespace reprise::lab {

struct ReplayOptions {
  bool goes_on = false;    ///< beyond the first divergence, with the picks that fit
  bool is_silent = false;  ///< nothing of the run is seen on standard error
  RunControl run;          ///< stop and progress of it
};

enum class ReplayVerdict : std::uint8_t {
  exact,              ///< equal events: same digest, same failures
  reproduced,         ///< other events, and what failed fails again
  differs,            ///< other events; it failed and does not fail now, or had not failed
  diverged,           ///< ended where another question was asked
  not_deterministic,  ///< differs, though engine and simulator are the same
  interrupted,
};
std::string_view name(ReplayVerdict verdict);

struct Replay {
  RunFile recorded;
  Attempt found;
  ReplayVerdict verdict = ReplayVerdict::exact;
  bool is_from_here = true;  ///< is_from_here(recorded)

  /// Whether the run was reproduced, exactly or as far as its failures go.
  [[nodiscard]] bool held() const {
    return verdict == ReplayVerdict::exact || verdict == ReplayVerdict::reproduced;
  }
};

engine::Expected<Replay> replay(RunFile file, const ReplayOptions& options = {});

nlohmann::ordered_json to_json(const Replay& replay);
/// For people, in lines.
std::string to_text(const Replay& replay);

}  // namespace reprise::lab
