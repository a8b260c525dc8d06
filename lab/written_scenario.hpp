// A scenario as its file and settings wrote it: every key's value, before a world is made of them.
//
// What mixes scenarios (explain) or keeps them (run files) works on this form.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/lab/scenario.hpp"
#include "reprise/lab/scenario_keys.hpp"

namespace reprise::lab {

struct WrittenScenario {
  std::string file;   ///< for messages
  std::string title;  ///< empty: the file's name
  std::uint64_t seed = 1;
  std::string profile_name = kBuiltInProfile;
  sim::KernelProfile profile;  ///< what `profile_name` stands for; draft.kernel may differ
  ScenarioDraft draft;
  std::vector<TrafficDraft> traffic;
  std::vector<Expectation> expectations;
  std::map<std::string, std::string, std::less<>> factor_symbols;  ///< [factors]: letters of keys
  /// Where a key was written, by its name without table; the last place. Keys not in here have
  /// defaults, some of which follow from other keys.
  std::map<std::string, std::string, std::less<>> places;
};

/// Reads as load_scenario() does, and stops before keys are checked against one another.
engine::Expected<WrittenScenario> read_scenario(const std::string& path,
                                                const std::vector<Setting>& settings = {},
                                                const std::string& costs_path = {},
                                                const std::string& profile_path = {});
/// The same from text; `name` stands for the file in messages.
engine::Expected<WrittenScenario> read_scenario_text(std::string_view text, const std::string& name,
                                                     const std::vector<Setting>& settings = {},
                                                     const std::string& costs_path = {},
                                                     const std::string& profile_path = {});

/// Sets one key, `table.key` or the key alone, as --set does.
engine::Expected<void> apply(WrittenScenario& scenario, const Setting& setting);

/// Checks keys against one another and makes a world of them.
engine::Expected<Scenario> resolve(WrittenScenario scenario);

/// The text of a file that reads as the same scenario, with every key, so that no default which
/// changes later changes it.
std::string to_toml(WrittenScenario scenario);

/// One difference between two scenarios.
struct Factor {
  std::string key;   ///< "relay.policy"; "traffic" stands for all entries of it
  std::string from;  ///< as a file has it; empty: unset
  std::string to;
};
/// Every key that has another value in `to`, in the order of docs/SCENARIOS.md.
std::vector<Factor> factors_between(const WrittenScenario& from, const WrittenScenario& to);
/// Gives `scenario` the value that `other` has for the factor.
void take_factor(WrittenScenario& scenario, const WrittenScenario& other, const Factor& factor);

}  // namespace reprise::lab
