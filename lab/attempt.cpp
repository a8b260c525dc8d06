#include "reprise/lab/attempt.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reprise/lab/isolated.hpp"

namespace reprise::lab {
namespace {

using engine::Expected;
using engine::failure;
using nlohmann::ordered_json;

std::string hex(std::uint64_t number) { return fmt::format("{:016x}", number); }

ordered_json ask_json(const std::optional<Ask>& ask) {
  if (!ask) return nullptr;
  return {{"site", ask->site}, {"count", ask->count}};
}

std::optional<Ask> ask_of(const ordered_json& json) {
  if (json.is_null()) return std::nullopt;
  return Ask{json["site"], json["count"]};
}

Checkpoint checkpoint_of(const ordered_json& json) {
  return {json["events"], json["time_ns"],
          std::stoull(json["digest"].get<std::string>(), nullptr, 16)};
}

/// What goes from the child to its parent.
std::string answer_text(const RecordedRun& run, const AttemptControl& control) {
  ordered_json json;
  json["end"] = to_json(run.file.end);
  json["capture"] = run.file.capture;
  json["complete"] = run.file.complete;
  json["failures"] = ordered_json::array();
  for (const RunFailure& each : run.file.failures) json["failures"].push_back(to_json(each));
  if (run.divergence) {
    json["divergence"] = {{"pick", run.divergence->pick},
                          {"expected", ask_json(run.divergence->expected)},
                          {"found", ask_json(run.divergence->found)},
                          {"time_ns", run.divergence->time_ns}};
  }
  if (run.differs_at) json["differs_at"] = to_json(*run.differs_at);
  json["pick_times_ns"] = run.pick_times_ns;
  if (control.keeps && control.keeps(run.file)) json["file"] = to_toml(run.file);
  return json.dump();
}

Expected<Attempt> attempt_of(const std::string& text) {
  const ordered_json json = ordered_json::parse(text);
  if (json.contains("error")) return failure(json["error"]);
  Attempt attempt;
  attempt.end = checkpoint_of(json["end"]);
  attempt.capture = json["capture"];
  attempt.complete = json["complete"];
  for (const ordered_json& each : json["failures"])
    attempt.failures.push_back({each["what"], each["expected"], each["found"]});
  if (json.contains("divergence")) {
    const ordered_json& found = json["divergence"];
    attempt.divergence = Divergence{found["pick"], ask_of(found["expected"]),
                                    ask_of(found["found"]), found["time_ns"]};
  }
  if (json.contains("differs_at")) attempt.differs_at = checkpoint_of(json["differs_at"]);
  attempt.pick_times_ns = json["pick_times_ns"].get<std::vector<std::int64_t>>();
  if (!json.contains("file")) return attempt;
  auto file = parse_run_file(json["file"].get<std::string>(), "run");
  if (!file) return std::unexpected(file.error());
  attempt.file = std::move(*file);
  return attempt;
}

}  // namespace

Expected<Attempt> attempt_run(const WrittenScenario& scenario,
                              const std::optional<sim::PicksBySite>& picks,
                              const AttemptControl& control) {
  const auto answered = answer_of(
      [&](const Answer& answer) {
        RecordControl record = control.record;
        record.on_assertion = [&](const RecordedRun& run) { answer(answer_text(run, control)); };
        const auto run = record_run(scenario, picks, record);
        answer(run ? answer_text(*run, control)
                   : ordered_json{{"error", run.error().message}}.dump());
      },
      control.is_silent);
  if (!answered) return std::unexpected(answered.error());
  return attempt_of(*answered);
}

int side_of(const RunFailure& failure) {
  if (failure.what == kAssertion) return 0;
  const auto expected = nlohmann::json::parse(failure.expected, nullptr, false);
  const auto found = nlohmann::json::parse(failure.found, nullptr, false);
  if (!expected.is_number() || !found.is_number()) return 0;
  return found < expected ? -1 : static_cast<int>(found > expected);
}

bool fails_alike(const std::vector<RunFailure>& failures, const RunFailure& wanted) {
  return std::ranges::any_of(failures, [&](const RunFailure& each) {
    if (each.what != wanted.what) return false;
    // A condition stays when the lines around it move.
    return wanted.what == kAssertion ? each.expected == wanted.expected
                                     : side_of(each) == side_of(wanted);
  });
}

std::string shown(const RunFailure& failure) {
  if (failure.what == kAssertion)
    return fmt::format("assertion failed: {} ({})", failure.expected, failure.found);
  return fmt::format("{}: expected {}, found {}", failure.what, failure.expected, failure.found);
}

ordered_json to_json(const RunFailure& failure) {
  return {{"what", failure.what}, {"expected", failure.expected}, {"found", failure.found}};
}

ordered_json to_json(const Checkpoint& checkpoint) {
  return {{"events", checkpoint.events},
          {"time_ns", checkpoint.time_ns},
          {"digest", hex(checkpoint.digest)}};
}

}  // namespace reprise::lab
