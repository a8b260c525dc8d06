// A swarm's result as JSON, from JSON, and as text.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "reprise/lab/swarm.hpp"
#include "reprise/lab/toml_file.hpp"

namespace reprise::lab {
namespace {

using engine::Expected;
using nlohmann::ordered_json;

/// Failures that text shows.
constexpr std::size_t kShownFailuresMax = 20;

std::string hexadecimal(std::uint64_t value) { return fmt::format("{:016x}", value); }

std::uint64_t from_hexadecimal(const std::string& text) {
  std::uint64_t value = 0;
  std::from_chars(text.data(), text.data() + text.size(), value, 16);
  return value;
}

ordered_json ranges_json(const SeedRanges& ranges) {
  ordered_json json = ordered_json::array();
  for (const SeedRange& range : ranges) json.push_back({range.first, range.last});
  return json;
}

SeedRanges ranges_from(const ordered_json& json) {
  SeedRanges ranges;
  for (const ordered_json& range : json) {
    const SeedRange read{range.at(0).get<std::uint64_t>(), range.at(1).get<std::uint64_t>()};
    static_cast<void>(add(ranges, read));
  }
  return ranges;
}

ordered_json failure_json(const SwarmFailure& failure) {
  ordered_json json{{"seed", failure.seed},
                    {"failed", to_json(failure.failed)},
                    {"digest", hexadecimal(failure.digest)}};
  if (!failure.run_file.empty()) json["run_file"] = failure.run_file;
  return json;
}

/// Expectations that cannot be read any more are left out.
SwarmFailure failure_from(const ordered_json& json) {
  SwarmFailure failure;
  failure.seed = json.at("seed").get<std::uint64_t>();
  failure.digest = from_hexadecimal(json.at("digest").get<std::string>());
  failure.run_file = json.value("run_file", "");
  for (const ordered_json& each : json.at("failed")) {
    auto expectation = make_expectation(each.at("field").get<std::string>(), each.at("expected"));
    if (expectation)
      failure.failed.push_back({std::move(*expectation), each.at("found"), each.at("held")});
  }
  return failure;
}

SwarmResult result_from(const ordered_json& json) {
  SwarmResult result;
  result.scenario = json.at("scenario").get<std::string>();
  result.fingerprint = json.at("fingerprint").get<std::string>();
  result.asked = ranges_from(json.at("asked"));
  result.done = ranges_from(json.at("done"));
  result.failed = json.at("failed").get<std::uint64_t>();
  for (const ordered_json& each : json.at("failures"))
    result.failures.push_back(failure_from(each));
  result.events = json.at("events").get<std::uint64_t>();
  result.digest = from_hexadecimal(json.at("digest").get<std::string>());
  for (const auto& [kind, total] : json.at("faults").items())
    result.faults[kind] = {total.at("runs").get<std::uint64_t>(),
                           total.at("count").get<std::uint64_t>()};
  result.coverage = coverage_from(json.at("coverage"));
  return result;
}

std::string failure_text(const SwarmFailure& failure) {
  std::string text = fmt::format("  seed {}: ", failure.seed);
  for (std::size_t index = 0; index < failure.failed.size(); ++index) {
    const ExpectationResult& failed = failure.failed[index];
    text +=
        fmt::format("{}{}: expected {}, found {}", index > 0 ? "; " : "", failed.expectation.key(),
                    failed.expectation.expected.dump(), failed.found.dump());
  }
  if (!failure.run_file.empty()) text += fmt::format("; {}", failure.run_file);
  return text + "\n";
}

}  // namespace

Expected<SwarmResult> read_swarm_result(const std::string& path) {
  constexpr std::string_view kExpected = "what reprise-lab swarm --json printed";
  const auto text = text_of_file(path, kExpected);
  if (!text) return std::unexpected(text.error());
  try {
    return result_from(ordered_json::parse(*text));
  } catch (const ordered_json::exception& error) {
    return engine::failure(fmt::format("{}: damaged, or no result of a swarm ({}); expected {}",
                                       path, error.what(), kExpected));
  }
}

ordered_json to_json(const SwarmResult& result) {
  ordered_json json{{"scenario", result.scenario},
                    {"fingerprint", result.fingerprint},
                    {"runs", result.runs()},
                    {"failed", result.failed},
                    {"failures", ordered_json::array()}};
  for (const SwarmFailure& failure : result.failures)
    json["failures"].push_back(failure_json(failure));
  json["asked"] = ranges_json(result.asked);
  json["done"] = ranges_json(result.done);
  json["complete"] = result.complete();
  json["events"] = result.events;
  json["digest"] = hexadecimal(result.digest);
  json["faults"] = ordered_json::object();
  for (const auto& [kind, total] : result.faults)
    json["faults"][kind] = {{"runs", total.runs}, {"count", total.count}};
  json["coverage"] = to_json(result.coverage);
  return json;
}

std::string to_text(const SwarmResult& result) {
  std::string text =
      fmt::format("{}: {} runs, {} failed\n", result.scenario, result.runs(), result.failed);
  const std::size_t shown = std::min(result.failures.size(), kShownFailuresMax);
  for (std::size_t index = 0; index < shown; ++index) text += failure_text(result.failures[index]);
  if (result.failed > shown) text += fmt::format("  and {} more\n", result.failed - shown);
  if (result.failed > 0) text += "  repeat one: reprise-lab run SCENARIO --seed SEED\n";
  text += to_text(result.coverage);
  for (const auto& [kind, total] : result.faults) {
    text += fmt::format("  fault {:<24}{:>10} times, in {} runs\n", kind, total.count, total.runs);
  }
  if (!result.complete()) {
    text +=
        fmt::format("incomplete: {} of {} seeds ran; left:", result.runs(), count(result.asked));
    for (const SeedRange& range : result.asked) {
      std::uint64_t next = range.first;
      for (const SeedRange& done : result.done) {
        if (done.last < next || done.first > range.last) continue;
        if (done.first > next) text += fmt::format(" --seeds {}..{}", next, done.first - 1);
        next = done.last + 1;
      }
      if (next <= range.last) text += fmt::format(" --seeds {}..{}", next, range.last);
    }
    text += "\n";
  }
  return text;
}

}  // namespace reprise::lab
