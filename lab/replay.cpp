#include "reprise/lab/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <utility>

#include "reprise/engine/source_hash.hpp"
#include "reprise/sim/source_hash.hpp"

namespace reprise::lab {
namespace {

using engine::Expected;
using engine::failure;
using nlohmann::ordered_json;

constexpr std::array<std::string_view, 6> kVerdictNames{
    "exact", "reproduced", "differs", "diverged", "not deterministic", "interrupted"};

/// Every failure of the record is there again.
bool fails_again(const Replay& replay) {
  return !replay.recorded.failures.empty() &&
         std::ranges::all_of(replay.recorded.failures, [&](const RunFailure& each) {
           return fails_alike(replay.found.failures, each);
         });
}

ReplayVerdict verdict_of(const Replay& replay, bool goes_on) {
  const bool ended_as_recorded =
      replay.found.end == replay.recorded.end && replay.found.failures == replay.recorded.failures;
  if (ended_as_recorded && !replay.found.divergence) return ReplayVerdict::exact;
  const bool was_interrupted =
      !replay.found.complete && replay.recorded.complete && !(replay.found.divergence && !goes_on);
  if (was_interrupted) return ReplayVerdict::interrupted;
  if (replay.is_from_here) return ReplayVerdict::not_deterministic;
  if (replay.found.divergence && !goes_on) return ReplayVerdict::diverged;
  return fails_again(replay) ? ReplayVerdict::reproduced : ReplayVerdict::differs;
}

ordered_json failures_json(const std::vector<RunFailure>& failures) {
  ordered_json json = ordered_json::array();
  for (const RunFailure& each : failures) json.push_back(to_json(each));
  return json;
}

ordered_json outcome_json(const Checkpoint& end, const std::vector<RunFailure>& failures) {
  ordered_json json = to_json(end);
  json["failed"] = failures_json(failures);
  return json;
}

ordered_json ask_json(const std::optional<Ask>& ask) {
  if (!ask) return nullptr;
  return {{"site", ask->site}, {"count", ask->count}};
}

/// "send_refused of 1000000", or that there was none.
std::string ask_text(const std::optional<Ask>& ask) {
  return ask ? fmt::format("{} of {}", ask->site, ask->count) : std::string("the end of the run");
}

std::string milliseconds(std::int64_t time_ns) {
  return fmt::format("{:.6f} ms", static_cast<double>(time_ns) / 1e6);
}

/// The checkpoint that both runs passed alike before they differed.
Checkpoint alike_until(const Replay& replay) {
  Checkpoint last;
  for (const Checkpoint& each : replay.recorded.checkpoints) {
    if (each == *replay.found.differs_at) break;
    last = each;
  }
  return last;
}

std::string versions_text(const Replay& replay) {
  const RunFile& file = replay.recorded;
  const auto part = [](std::string_view what, std::string_view from, std::string_view here) {
    return from == here ? fmt::format("{} {}, as here", what, from)
                        : fmt::format("{} {}, here {}", what, from, here);
  };
  return fmt::format("  {:<18}{}; {}\n", "recorded with",
                     part("engine", file.engine, engine::source_hash()),
                     part("simulator", file.simulation, sim::source_hash()));
}

std::string verdict_text(const Replay& replay) {
  switch (replay.verdict) {
    case ReplayVerdict::exact: return "exact: the same events, digest and outcome";
    case ReplayVerdict::reproduced: return "other events, and the failure is still there";
    case ReplayVerdict::differs:
      return replay.recorded.failures.empty() ? "other events"
                                              : "the failure is not there any more";
    case ReplayVerdict::diverged: return "it went another way; --continue goes on from there";
    case ReplayVerdict::not_deterministic:
      return "NOT DETERMINISTIC HERE: the same engine and simulator gave another run (or reading "
             "scenarios changed what this one means)";
    case ReplayVerdict::interrupted: return "interrupted before its end";
  }
  return "?";
}

}  // namespace

std::string_view name(ReplayVerdict verdict) {
  return kVerdictNames[static_cast<std::size_t>(verdict)];
}

Expected<Replay> replay(RunFile file, const ReplayOptions& options) {
  Replay replay;
  replay.recorded = std::move(file);
  replay.is_from_here = is_from_here(replay.recorded);
  AttemptControl control;
  control.record.run = options.run;
  control.record.expected = &replay.recorded;
  control.record.stops_at_divergence = !options.goes_on;
  control.is_silent = options.is_silent;
  auto found = attempt_run(replay.recorded.scenario, replay.recorded.picks, control);
  const std::string& path = replay.recorded.scenario.file;
  if (!found) return failure(fmt::format("{}: {}", path, found.error().message));
  if (found->capture != replay.recorded.capture) {
    return failure(fmt::format(
        "{}: the capture that [[traffic]] names is not the one of this run; expected the file that "
        "was recorded with",
        path));
  }
  replay.found = std::move(*found);
  replay.verdict = verdict_of(replay, options.goes_on);
  return replay;
}

ordered_json to_json(const Replay& replay) {
  ordered_json json;
  json["verdict"] = name(replay.verdict);
  json["reproduced"] = replay.held();
  json["scenario"] = replay.recorded.scenario.title;
  json["seed"] = replay.recorded.scenario.seed;
  json["same_engine"] = replay.recorded.engine == engine::source_hash();
  json["same_simulator"] = replay.recorded.simulation == sim::source_hash();
  json["recorded"] = outcome_json(replay.recorded.end, replay.recorded.failures);
  json["found"] = outcome_json(replay.found.end, replay.found.failures);
  json["divergence"] = nullptr;
  if (const auto& divergence = replay.found.divergence) {
    json["divergence"] = {{"pick", divergence->pick},
                          {"time_ns", divergence->time_ns},
                          {"expected", ask_json(divergence->expected)},
                          {"found", ask_json(divergence->found)}};
  }
  json["differs"] = nullptr;
  if (replay.found.differs_at)
    json["differs"] = {{"after", to_json(alike_until(replay))},
                       {"by", to_json(*replay.found.differs_at)}};
  return json;
}

std::string to_text(const Replay& replay) {
  const auto line = [](std::string_view label, const std::string& value) {
    return fmt::format("  {:<18}{}\n", label, value);
  };
  const RunFile& file = replay.recorded;
  std::string text =
      fmt::format("{}, {}\n", file.scenario.title,
                  file.picks ? "listed picks" : fmt::format("seed {}", file.scenario.seed));
  text += versions_text(replay);
  for (const RunFailure& each : file.failures) text += line("had failed", shown(each));
  for (const RunFailure& each : replay.found.failures) text += line("fails now", shown(each));
  if (const auto& divergence = replay.found.divergence) {
    text += line("first divergence",
                 fmt::format("pick {}, at {}: expected {}, found {}", divergence->pick,
                             milliseconds(divergence->time_ns), ask_text(divergence->expected),
                             ask_text(divergence->found)));
  }
  if (replay.found.differs_at) {
    const Checkpoint from = alike_until(replay);
    text += line("events differ",
                 fmt::format("between event {} ({}) and {} ({})", from.events,
                             milliseconds(from.time_ns), replay.found.differs_at->events,
                             milliseconds(replay.found.differs_at->time_ns)));
  }
  text += line("digest",
               fmt::format("{:016x}, recorded {:016x}", replay.found.end.digest, file.end.digest));
  return text + line("verdict", verdict_text(replay));
}

}  // namespace reprise::lab
