#include "reprise/lab/run_file.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <sstream>

#include "reprise/engine/source_hash.hpp"
#include "reprise/lab/output_file.hpp"
#include "reprise/lab/toml_file.hpp"
#include "reprise/sim/source_hash.hpp"

namespace reprise::lab {
namespace {

using engine::Expected;
using engine::failure;

constexpr std::string_view kWhole = "expected a whole run file, as reprise-lab run --record has it";
constexpr std::string_view kEndTable = "\n[run.end]\n";

std::string hex(std::uint64_t number) { return fmt::format("{:016x}", number); }

template <class Number>
std::optional<Number> number_of(std::string_view text, int base) {
  Number number = 0;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data(), end, number, base);
  if (text.empty() || error != std::errc{} || rest != end) return std::nullopt;
  return number;
}

std::uint64_t checksum(std::string_view text) {
  std::uint64_t sum = text.size();
  for (const char byte : text) sum = sim::mix(sum ^ static_cast<unsigned char>(byte));
  return sum;
}

std::string lines_of(const std::vector<Checkpoint>& checkpoints) {
  std::string text;
  for (const Checkpoint& each : checkpoints)
    text += fmt::format("{} {} {}\n", each.events, each.time_ns, hex(each.digest));
  return text;
}

/// Reads [run] of a file. Every error has file and line.
class RunReader {
 public:
  RunReader(const std::string& file, const toml::table& run) : file_(file), run_(run) {}
  Expected<void> read(RunFile& into) const;

 private:
  /// A value in one of [run]'s own tables, or in [run] itself where `table` is empty.
  [[nodiscard]] const toml::node* find(std::string_view table, std::string_view key) const {
    if (table.empty()) return run_.get(key);
    const toml::node* found = run_.get(table);
    return found != nullptr && found->is_table() ? found->as_table()->get(key) : nullptr;
  }
  [[nodiscard]] std::string place(std::string_view table, std::string_view key) const {
    const toml::node* node = find(table, key);
    return place_in(file_, node != nullptr ? *node : run_);
  }
  [[nodiscard]] std::unexpected<engine::Error> wrong(std::string_view table, std::string_view key,
                                                     std::string_view expected) const {
    return failure(fmt::format("{}: run.{}{}{}: expected {}", place(table, key), table,
                               table.empty() ? "" : ".", key, expected));
  }
  [[nodiscard]] Expected<std::string> text(std::string_view table, std::string_view key) const;
  [[nodiscard]] Expected<std::uint64_t> number(std::string_view table, std::string_view key,
                                               int base) const;
  [[nodiscard]] Expected<std::uint64_t> integer(std::string_view key) const;
  Expected<void> read_head(RunFile& into) const;
  Expected<void> read_failures(RunFile& into) const;
  Expected<void> read_order(RunFile& into) const;
  Expected<void> read_values(RunFile& into) const;
  Expected<void> read_checkpoints(RunFile& into) const;

  const std::string& file_;
  const toml::table& run_;
};

Expected<std::string> RunReader::text(std::string_view table, std::string_view key) const {
  const toml::node* node = find(table, key);
  if (node == nullptr || !node->is_string()) return wrong(table, key, "a text in quotes");
  return node->as_string()->get();
}

Expected<std::uint64_t> RunReader::number(std::string_view table, std::string_view key,
                                          int base) const {
  const auto written = text(table, key);
  if (!written) return std::unexpected(written.error());
  const auto number = number_of<std::uint64_t>(*written, base);
  if (!number) {
    return wrong(table, key,
                 base == 16 ? "16 hexadecimal digits in quotes" : "a whole number in quotes");
  }
  return *number;
}

Expected<std::uint64_t> RunReader::integer(std::string_view key) const {
  const toml::node* node = run_.get(key);
  if (node == nullptr || !node->is_integer() || node->as_integer()->get() < 0)
    return wrong("", key, "a whole number, 0 or more");
  return static_cast<std::uint64_t>(node->as_integer()->get());
}

Expected<void> RunReader::read_head(RunFile& into) const {
  auto engine = text("", "engine");
  if (!engine) return std::unexpected(engine.error());
  auto simulation = text("", "simulation");
  if (!simulation) return std::unexpected(simulation.error());
  auto profile = text("", "profile");
  if (!profile) return std::unexpected(profile.error());
  const auto seed = number("", "seed", 10);
  if (!seed) return std::unexpected(seed.error());
  const auto events = integer("events");
  if (!events) return std::unexpected(events.error());
  const auto time_ns = integer("time_ns");
  if (!time_ns) return std::unexpected(time_ns.error());
  const auto digest = number("", "digest", 16);
  if (!digest) return std::unexpected(digest.error());
  const toml::node* complete = run_.get("complete");
  if (complete == nullptr || !complete->is_boolean()) return wrong("", "complete", "true or false");
  into.engine = std::move(*engine);
  into.simulation = std::move(*simulation);
  into.scenario.seed = *seed;
  into.scenario.profile_name = std::move(*profile);
  into.scenario.profile = into.scenario.draft.kernel;  // "changed" is in the name already
  into.complete = complete->as_boolean()->get();
  into.end = {*events, static_cast<std::int64_t>(*time_ns), *digest};
  if (run_.get("capture") == nullptr) return {};
  const auto capture = number("", "capture", 16);
  if (!capture) return std::unexpected(capture.error());
  into.capture = *capture;
  return {};
}

Expected<void> RunReader::read_failures(RunFile& into) const {
  const toml::node* failed = run_.get("failed");
  const toml::array* entries = failed != nullptr ? failed->as_array() : nullptr;
  constexpr std::string_view kExpected = "a list of {what, expected, found}, each a text in quotes";
  if (entries == nullptr) return wrong("", "failed", kExpected);
  for (const toml::node& entry : *entries) {
    const toml::table* table = entry.as_table();
    const auto value = [&](std::string_view key) -> std::optional<std::string> {
      return table != nullptr ? (*table)[key].value<std::string>() : std::nullopt;
    };
    const auto what = value("what");
    const auto expected = value("expected");
    const auto found = value("found");
    if (!what || !expected || !found) return wrong("", "failed", kExpected);
    into.failures.push_back({*what, *expected, *found});
  }
  return {};
}

Expected<void> RunReader::read_order(RunFile& into) const {
  std::vector<Ask> kinds;
  for (;;) {
    const std::string letters = letters_of(static_cast<AskOrder::Kind>(kinds.size()));
    if (find("kinds", letters) == nullptr) break;
    const auto written = text("kinds", letters);
    if (!written) return std::unexpected(written.error());
    const std::size_t blank = written->find(' ');
    const auto count = blank == std::string::npos
                           ? std::optional<std::uint32_t>{}
                           : number_of<std::uint32_t>(written->substr(blank + 1), 10);
    if (!count || *count < 2)
      return wrong("kinds", letters, "a site and its alternatives, as in \"tie 2\"");
    kinds.push_back({written->substr(0, blank), *count});
  }
  const auto order_text = text("asked", "order");
  if (!order_text) return std::unexpected(order_text.error());
  auto order = AskOrder::parse(std::move(kinds), *order_text);
  if (!order)
    return failure(
        fmt::format("{}: run.asked.order: {}", place("asked", "order"), order.error().message));
  const auto picks = integer("picks");
  if (!picks) return std::unexpected(picks.error());
  if (*picks != order->size()) {
    return failure(fmt::format("{}: run.picks = {}: expected {}, as many as run.asked has",
                               place("", "picks"), *picks, order->size()));
  }
  into.order = std::move(*order);
  return {};
}

Expected<void> RunReader::read_values(RunFile& into) const {
  const toml::node* node = run_.get("values");
  if (node == nullptr) return {};
  if (!node->is_table()) return wrong("", "values", "a table, [run.values]");
  auto& picks = into.picks.emplace();
  for (const auto& [key, value] : *node->as_table()) {
    const auto written = text("values", key.str());
    if (!written) return std::unexpected(written.error());
    auto values = parse_values(*written);
    if (!values) {
      return failure(fmt::format("{}: run.values.{}: {}", place_in(file_, value), key.str(),
                                 values.error().message));
    }
    // A site that this program does not have any more cannot ask for its picks.
    if (const auto site = sim::site_named(key.str()))
      picks[static_cast<std::size_t>(*site)] = std::move(*values);
  }
  return {};
}

Expected<void> RunReader::read_checkpoints(RunFile& into) const {
  const auto written = text("checkpoints", "passed");
  if (!written) return std::unexpected(written.error());
  std::istringstream lines(*written);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    Checkpoint checkpoint;
    std::string digest;
    words >> checkpoint.events >> checkpoint.time_ns >> digest;
    const auto number = number_of<std::uint64_t>(digest, 16);
    if (!words || !number) {
      return wrong("checkpoints", "passed",
                   fmt::format("events, nanoseconds and digest in a line, not \"{}\"", line));
    }
    checkpoint.digest = *number;
    into.checkpoints.push_back(checkpoint);
  }
  return {};
}

Expected<void> RunReader::read(RunFile& into) const {
  constexpr std::array kParts{&RunReader::read_head, &RunReader::read_failures,
                              &RunReader::read_order, &RunReader::read_values,
                              &RunReader::read_checkpoints};
  for (const auto part : kParts) {
    if (auto done = (this->*part)(into); !done) return done;
  }
  return {};
}

/// That the text ends as a run file does, and is what was written.
Expected<void> check_end(std::string_view text, const std::string& name, const toml::table& run) {
  const auto last_line = std::ranges::count(text, '\n') + (text.ends_with('\n') ? 0 : 1);
  const std::size_t end = text.rfind(kEndTable);
  const auto written = run["end"]["checksum"].value<std::string>();
  if (end == std::string_view::npos || !written) {
    return failure(fmt::format("{}:{}: it ends without [run.end] and its checksum; {}", name,
                               last_line, kWhole));
  }
  const std::string found = hex(checksum(text.substr(0, end)));
  if (*written == found) return {};
  return failure(fmt::format(
      "{}:{}: checksum = \"{}\": expected \"{}\", that of the text above: it was damaged or edited",
      name, last_line, *written, found));
}

}  // namespace

bool is_from_here(const RunFile& file) {
  return file.engine == engine::source_hash() && file.simulation == sim::source_hash();
}

std::string to_toml(const RunFile& file) {
  constexpr auto kScenarioSeedMax = std::uint64_t{std::numeric_limits<std::int64_t>::max()};
  WrittenScenario scenario = file.scenario;
  scenario.seed = std::min(scenario.seed, kScenarioSeedMax);  // the whole of it stands in [run]
  std::string text =
      "# A run of reprise-lab, and the scenario that it is a run of (docs/RUN_FILES.md):\n"
      "# reprise-lab replay FILE\n";
  text += to_toml(std::move(scenario));
  text += fmt::format("\n[run]\nversion = {}\nengine = \"{}\"\nsimulation = \"{}\"\n",
                      kRunFileVersion, file.engine, file.simulation);
  text += fmt::format("profile = {}\nseed = \"{}\"\n", shown(file.scenario.profile_name),
                      file.scenario.seed);
  if (file.capture != 0) text += fmt::format("capture = \"{}\"\n", hex(file.capture));
  text += fmt::format(
      "complete = {}\npicks = {}\nevents = {}\ntime_ns = {}\ndigest = \"{}\"\nfailed = [",
      file.complete, file.order.size(), file.end.events, file.end.time_ns, hex(file.end.digest));
  for (const RunFailure& each : file.failures) {
    text += fmt::format("\n  {{ what = {}, expected = {}, found = {} }},", shown(each.what),
                        shown(each.expected), shown(each.found));
  }
  text += file.failures.empty() ? "]\n" : "\n]\n";
  if (file.picks) {
    text += "\n[run.values]\n";
    for (std::size_t index = 0; index < sim::kSiteCount; ++index) {
      const auto& values = (*file.picks)[index];
      if (values.empty()) continue;
      text += fmt::format("{} = \"\"\"\n{}\"\"\"\n", name(static_cast<sim::Site>(index)),
                          values_text(values));
    }
  }
  text += "\n[run.kinds]\n";
  for (AskOrder::Kind kind = 0; kind < file.order.kinds().size(); ++kind) {
    const Ask& ask = file.order.ask(kind);
    text += fmt::format("{} = \"{} {}\"\n", letters_of(kind), ask.site, ask.count);
  }
  text += fmt::format("\n[run.asked]\norder = \"\"\"\n{}\"\"\"\n", file.order.text());
  text +=
      fmt::format("\n[run.checkpoints]\npassed = \"\"\"\n{}\"\"\"\n", lines_of(file.checkpoints));
  const std::string sum = hex(checksum(text));
  return text + fmt::format("{}checksum = \"{}\"\n", kEndTable, sum);
}

Expected<RunFile> parse_run_file(std::string_view text, const std::string& name) {
  const auto root = parse_toml(text, name);
  if (!root) return failure(fmt::format("{}; {}", root.error().message, kWhole));
  const toml::node* node = root->get("run");
  const toml::table* run = node != nullptr ? node->as_table() : nullptr;
  if (run == nullptr) return failure(fmt::format("{}:1: no table [run]; {}", name, kWhole));
  // First, because the keys of another version may be unknown to this one.
  if (auto done = check_version(*run, name, kRunFileVersion); !done)
    return std::unexpected(done.error());
  if (auto done = check_end(text, name, *run); !done) return std::unexpected(done.error());
  auto scenario = read_scenario_text(text, name);
  if (!scenario) return std::unexpected(scenario.error());
  RunFile file;
  file.scenario = std::move(*scenario);
  if (auto done = RunReader(name, *run).read(file); !done) return std::unexpected(done.error());
  return file;
}

Expected<RunFile> read_run_file(const std::string& path) {
  const auto text = text_of_file(path, "a run file, as reprise-lab run --record writes it");
  if (!text) return std::unexpected(text.error());
  return parse_run_file(*text, path);
}

Expected<void> write_run_file(const RunFile& file, const std::string& path,
                              std::string_view option) {
  auto output = OutputFile::create(path, std::string(option));
  if (!output) return std::unexpected(output.error());
  output->write(to_toml(file));
  return output->close();
}

std::string run_file_name(std::uint64_t seed) { return fmt::format("reprise-run-{}.toml", seed); }

}  // namespace reprise::lab
