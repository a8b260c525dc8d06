// Finding a smaller run that fails alike: fewer datagrams, flows, relays, outputs and faults, then
// fewer picks that are not 0, then lower ones. Every step is tried in a fixed order, so that equal
// files shrink to equal files.
//
// An expectation that too little happened ("delivered_min") keeps its scenario: less traffic would
// miss it just so. Only its picks shrink.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "reprise/lab/attempt.hpp"
#include "reprise/lab/run_file.hpp"

namespace reprise::lab {

struct ShrinkOptions {
  std::uint64_t attempts_max = 2000;        ///< runs
  const std::atomic<bool>* stop = nullptr;  ///< set: end soon, with the best so far
  std::function<void(std::uint64_t attempts, std::uint64_t of)> progress;
};

/// How large a run is.
struct RunSize {
  std::uint64_t datagrams = 0;
  std::uint64_t events = 0;
  std::int64_t time_ns = 0;
  std::uint64_t picks = 0;
  std::uint64_t picks_not_zero = 0;
};
RunSize size_of(const RunFile& file);

/// A pick that is not 0.
struct NamedPick {
  std::uint64_t pick = 0;  ///< the how manieth of the run, from 0
  std::string site;
  std::uint64_t index = 0;  ///< the how manieth of its site, from 0
  std::uint32_t value = 0;
  std::uint32_t count = 0;    ///< of alternatives
  std::int64_t time_ns = -1;  ///< virtual
};

struct Shrunk {
  RunFile file;  ///< with listed picks
  RunFailure failure;
  RunSize before;
  RunSize after;
  std::uint64_t attempts = 0;
  bool complete = true;  ///< false: attempts ran out, or it was interrupted
};

/// The error says why the file cannot be shrunk: it holds no failure, or does not fail here.
engine::Expected<Shrunk> shrink(const RunFile& file, const ShrinkOptions& options = {});

struct Necessary {
  std::vector<NamedPick> picks;  ///< without each of them the run does not fail alike
  RunFailure failure;
  std::uint64_t picks_not_zero = 0;
  std::uint64_t untried = 0;  ///< of those, because attempts ran out
  std::uint64_t attempts = 0;
  bool complete = true;
};

/// Sets each pick that is not 0 to 0, alone. Many at once are set to 0 first: where every event
/// stays as it was, none of them is tried alone.
engine::Expected<Necessary> necessary_picks(const RunFile& file, const ShrinkOptions& options = {});

nlohmann::ordered_json to_json(const Shrunk& shrunk);
nlohmann::ordered_json to_json(const Necessary& necessary);
/// For people, in lines.
std::string to_text(const Shrunk& shrunk);
std::string to_text(const Necessary& necessary);

}  // namespace reprise::lab
