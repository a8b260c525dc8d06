// Run files: one run, so that it can be repeated later, elsewhere and by a later engine. TOML; a
// scenario file as well, with a table [run]. docs/RUN_FILES.md describes it.
//
// The scenario stands there with every key, the picks as a seed or as lists, and what the run was:
// every question that it asked (AskOrder), its digest now and then, and what failed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/lab/pick_list.hpp"
#include "reprise/lab/written_scenario.hpp"

namespace reprise::lab {

/// The format's version, written as `version = 1` in [run].
inline constexpr std::int64_t kRunFileVersion = 1;

/// Of a failure that is no expectation: the engine's or the simulator's assertion.
inline constexpr std::string_view kAssertion = "assertion";

/// Something that a run did wrong.
struct RunFailure {
  std::string what;      ///< an expectation as [expect] has it ("no_buffer_max"), or kAssertion
  std::string expected;  ///< as JSON; the condition of an assertion
  std::string found;     ///< as JSON; where the assertion stands
  friend bool operator==(const RunFailure&, const RunFailure&) = default;
};

/// How far a run was.
struct Checkpoint {
  std::uint64_t events = 0;
  std::int64_t time_ns = 0;
  std::uint64_t digest = 0;  ///< of all events up to here
  friend bool operator==(const Checkpoint&, const Checkpoint&) = default;
};

struct RunFile {
  WrittenScenario scenario;               ///< its seed is the run's
  std::optional<sim::PicksBySite> picks;  ///< none: the seed's
  std::string engine;                     ///< source hashes of what ran it
  std::string simulation;
  std::uint64_t capture = 0;  ///< digest of the captures that the scenario names; 0: it names none
  bool complete = true;       ///< false: interrupted at `end`
  std::vector<RunFailure> failures;
  AskOrder order;
  std::vector<Checkpoint> checkpoints;  ///< at equal distances
  Checkpoint end;                       ///< after the last event
};

/// Whether this program's engine and simulator are the ones that ran it.
bool is_from_here(const RunFile& file);

/// The text of the file, with a checksum as its last line.
std::string to_toml(const RunFile& file);
/// The error names file, line and what was expected.
engine::Expected<RunFile> read_run_file(const std::string& path);
/// The same from text; `name` stands for the file in messages.
engine::Expected<RunFile> parse_run_file(std::string_view text, const std::string& name);
/// `option` is what named the file, for messages.
engine::Expected<void> write_run_file(const RunFile& file, const std::string& path,
                                      std::string_view option = "--record");

/// "reprise-run-7.toml": where a failing run is left without being asked.
std::string run_file_name(std::uint64_t seed);

}  // namespace reprise::lab
