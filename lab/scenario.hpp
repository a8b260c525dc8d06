// Scenario files: a world, its traffic and a seed, in TOML. docs/SCENARIOS.md lists every key.
//
// A key is written `table.key`; where the key alone is unambiguous, settings and `--vary` may use
// it alone.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/lab/expectation.hpp"
#include "reprise/lab/kernel_profile_file.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::lab {

/// The format's version, written as `version = 1`.
inline constexpr std::int64_t kScenarioVersion = 1;

struct Scenario {
  std::string name;  ///< its `title`, or the file's name
  std::uint64_t seed = 1;
  /// The kernel profile's name; with ", changed" where scenario or settings changed it.
  std::string profile = kBuiltInProfile;
  sim::WorldConfig world;
  bool swarm = false;  ///< each run draws from the world's faults
  std::vector<Expectation> expectations;
};

/// `key=value`, as in --set.
struct Setting {
  std::string key;
  std::string value;
  std::string option = "--set";  ///< that it was written with, for messages
};

/// Splits "key=value" of a --set.
engine::Expected<Setting> parse_setting(std::string_view text);

/// Reads a file, then the costs of another one where `costs_path` names one and the kernel profile
/// of `profile_path`, then applies the settings in order. The error names file and line, the key,
/// and what was expected.
engine::Expected<Scenario> load_scenario(const std::string& path,
                                         const std::vector<Setting>& settings = {},
                                         const std::string& costs_path = {},
                                         const std::string& profile_path = {});

/// The same from text; `name` stands for the file in messages.
engine::Expected<Scenario> parse_scenario(std::string_view text, const std::string& name,
                                          const std::vector<Setting>& settings = {},
                                          const std::string& costs_path = {},
                                          const std::string& profile_path = {});

}  // namespace reprise::lab
