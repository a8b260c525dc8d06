#include "reprise/lab/scenario.hpp"

#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <sstream>

#include "reprise/lab/run.hpp"
#include "reprise/lab/scenario_keys.hpp"

namespace reprise::lab {
namespace {

Scenario scenario_of(const std::string& text, const std::vector<Setting>& settings = {}) {
  auto scenario = parse_scenario("version = 1\n" + text, "test.toml", settings);
  EXPECT_TRUE(scenario) << scenario.error().message;
  return scenario.value_or(Scenario{});
}

std::string error_of(const std::string& text, const std::vector<Setting>& settings = {}) {
  const auto scenario = parse_scenario("version = 1\n" + text, "test.toml", settings);
  return scenario ? "none" : scenario.error().message;
}

TEST(Scenario, WithTheVersionAloneIsTheDefault) {
  const Scenario scenario = scenario_of("");
  EXPECT_EQ(scenario.name, "test");
  EXPECT_EQ(scenario.seed, 1U);
  ASSERT_EQ(scenario.world.nodes.size(), 1U);
  EXPECT_EQ(scenario.world.nodes[0].stage.pool, 1024U);
  EXPECT_EQ(scenario.world.traffic.size(), 1U);
}

TEST(Scenario, PutsItsKeysWhereTheyBelong) {
  Scenario scenario = scenario_of(R"(
title = "all"
seed = 9
[traffic]
arrivals = "burst"
rate = 5_000
burst = 3
payload_bytes = 99
count = 77
start_ns = 11
[relay]
hops = 2
policy = "eager"
exhaustion = "drop"
pool = 300
fan_out = 4
ring = 128
[link]
bits_per_second = 1000
delay_ns = 6
queue = 7
stall_start_ns = 8
stall_length_ns = 9
[kernel]
task_run = "plain"
chain_pauses_per_million = 5
[costs]
wake_ns = 1
[faults]
send_errors_per_million = 12
)");
  EXPECT_EQ(scenario.name, "all");
  EXPECT_EQ(scenario.seed, 9U);
  const sim::TrafficConfig& traffic = scenario.world.traffic.at(0);
  EXPECT_EQ(traffic.arrivals, sim::Arrivals::burst);
  EXPECT_EQ(traffic.rate, 5'000U);
  EXPECT_EQ(traffic.burst, 3U);
  EXPECT_EQ(traffic.payload_bytes, 99U);
  EXPECT_EQ(traffic.count, 77U);
  EXPECT_EQ(traffic.start_ns, 11);
  ASSERT_EQ(scenario.world.nodes.size(), 2U);
  for (const sim::NodeConfig& node : scenario.world.nodes) {
    EXPECT_EQ(node.stage.policy, engine::Policy::eager);
    EXPECT_EQ(node.stage.exhaustion, engine::Exhaustion::drop);
    EXPECT_EQ(node.stage.pool, 300U);
    EXPECT_EQ(node.stage.submissions_max, 128U);
    EXPECT_EQ(node.fan_out, 4U);
    EXPECT_EQ(node.link.bits_per_second, 1'000U);
    EXPECT_EQ(node.link.delay_ns, 6);
    EXPECT_EQ(node.link.queue, 7U);
    ASSERT_EQ(node.link.stalls.size(), 1U);
    EXPECT_EQ(node.link.stalls[0].start_ns, 8);
    EXPECT_EQ(node.link.stalls[0].length_ns, 9);
  }
  EXPECT_EQ(scenario.world.kernel.task_run, sim::TaskRun::plain);
  EXPECT_EQ(scenario.world.kernel.chain_pauses_per_million, 5U);
  EXPECT_EQ(scenario.world.costs.wake_ns, 1);
  EXPECT_EQ(scenario.world.faults.rate(sim::FaultKind::send_unreachable), 12U);
}

TEST(Scenario, LetsDependentCapacitiesGrowWithTheRing) {
  const engine::StageConfig stage =
      scenario_of("[relay]\nring = 512\nbatch = 400\n").world.nodes[0].stage;
  EXPECT_EQ(stage.sends_max, 512U);
  EXPECT_EQ(stage.output_queue, 400U);
  EXPECT_EQ(scenario_of("[relay]\nring = 512\n").world.nodes[0].completions_max, 1024U);
}

TEST(Scenario, PutsRelaysOnCoresOfTheirOwnOrOnOne) {
  const auto apart = scenario_of("[relay]\nhops = 3\n").world.nodes;
  EXPECT_EQ(apart[2].core, 4U);
  EXPECT_EQ(apart[2].egress_core, 5U);
  const auto paired = scenario_of("[relay]\nhops = 3\none_core = true\n").world.nodes;
  EXPECT_EQ(paired[2].core, 4U);
  EXPECT_EQ(paired[2].egress_core, 4U);
  const auto together = scenario_of("[relay]\nhops = 3\nshared_core = true\n").world.nodes;
  EXPECT_EQ(together[2].core, 0U);
  EXPECT_EQ(together[2].egress_core, 0U);
}

TEST(Scenario, SharesRateAndCountAmongFlows) {
  const auto traffic =
      scenario_of("[[traffic]]\nflows = 3\nrate = 300\ncount = 10\n[[traffic]]\ncount = 5\n")
          .world.traffic;
  ASSERT_EQ(traffic.size(), 4U);
  EXPECT_EQ(traffic[0].count + traffic[1].count + traffic[2].count, 10U);
  EXPECT_EQ(traffic[0].rate, 100U);
  EXPECT_EQ(traffic[3].count, 5U);
}

TEST(Scenario, AppliesSettingsInOrderWithOrWithoutTheTable) {
  const std::vector<Setting> settings{{"pool", "100"}, {"relay.pool", "200"}, {"policy", "eager"}};
  const auto stage = scenario_of("[relay]\npool = 50\n", settings).world.nodes[0].stage;
  EXPECT_EQ(stage.pool, 200U);
  EXPECT_EQ(stage.policy, engine::Policy::eager);
  EXPECT_EQ(scenario_of("seed = 3\n", {{"seed", "4"}}).seed, 4U);
}

TEST(Scenario, AppliesATrafficSettingToEveryEntry) {
  const auto traffic =
      scenario_of("[[traffic]]\nrate = 1\n[[traffic]]\nrate = 2\n", {{"traffic.rate", "7"}})
          .world.traffic;
  EXPECT_EQ(traffic.at(0).rate, 7U);
  EXPECT_EQ(traffic.at(1).rate, 7U);
  EXPECT_EQ(scenario_of("", {{"count", "7"}}).world.traffic.at(0).count, 7U);
}

TEST(Scenario, NamesFileLineKeyAndWhatWasExpected) {
  EXPECT_EQ(error_of("\n[relay]\npool = 0\n"),
            "test.toml:4: pool = 0: expected regions, 1 to 32768");
  EXPECT_EQ(error_of("[relay]\nwings = 2\n"),
            "test.toml:3: relay.wings: unknown key; expected one of docs/SCENARIOS.md");
  EXPECT_EQ(error_of("[relay]\npolicy = \"fast\"\n"),
            "test.toml:3: policy = \"fast\": expected \"synchronous\", \"deferred\", \"eager\" or "
            "\"adaptive\"");
  EXPECT_EQ(error_of("", {{"pool", "x", "--vary"}}),
            "--vary pool=x: pool = \"x\": expected regions, 1 to 32768");
}

TEST(Scenario, SaysWhatIsNoTomlInOneLine) {
  const std::string error = error_of("[traffic]\nburst = n\n");
  EXPECT_TRUE(error.starts_with("test.toml:3: ")) << error;
  EXPECT_EQ(error.find('\n'), std::string::npos) << error;
}

TEST(Scenario, PutsKeysOfBurstsAndBucketsWhereTheyBelong) {
  const Scenario scenario = scenario_of(R"(
[[traffic]]
arrivals = "on_off_random"
on_ns = 5
off_ns = 7
[[traffic]]
arrivals = "token_bucket"
burst = 9
)");
  EXPECT_EQ(scenario.world.traffic.at(0).arrivals, sim::Arrivals::on_off_random);
  EXPECT_EQ(scenario.world.traffic.at(0).on_ns, 5);
  EXPECT_EQ(scenario.world.traffic.at(0).off_ns, 7);
  EXPECT_EQ(scenario.world.traffic.at(1).arrivals, sim::Arrivals::token_bucket);
  EXPECT_EQ(scenario.world.traffic.at(1).burst, 9U);
}

TEST(Scenario, PutsWorkersSideBySideAndNotIntoAChain) {
  const Scenario scenario = scenario_of("[relay]\nworkers = 3\nspread = \"even\"\n");
  ASSERT_EQ(scenario.world.nodes.size(), 3U);
  EXPECT_EQ(scenario.world.arrangement, sim::Arrangement::workers);
  EXPECT_EQ(scenario.world.spread, sim::Spread::even);
  EXPECT_EQ(scenario.world.nodes[1].core, 2U);
  EXPECT_EQ(scenario_of("").world.arrangement, sim::Arrangement::chain);
  EXPECT_EQ(
      error_of("[relay]\nhops = 2\nworkers = 3\n"),
      "test.toml:4: workers = 3: expected 1 with hops = 2: workers stand side by side, at one "
      "relay");
}

TEST(Scenario, ResultsOfWorkersSaySoAndAddUp) {
  const Scenario scenario =
      scenario_of("[traffic]\nflows = 8\ncount = 800\n[relay]\nworkers = 2\nspread = \"even\"\n");
  const RunResult result = run(scenario, 1);
  const auto json = to_json(result);
  EXPECT_EQ(json["workers"], 2);
  EXPECT_EQ(json["simulated"], true);
  EXPECT_EQ(json["sent"], 800);
  EXPECT_EQ(json["arrived"], 800);
  EXPECT_EQ(json["delivered"], 800);
  ASSERT_EQ(json["each_worker"].size(), 2U);
  EXPECT_EQ(json["each_worker"][1]["sent"], 400);
  EXPECT_FALSE(json.contains("hops"));
  EXPECT_NE(to_text(result).find("workers               2 side by side, simulated"),
            std::string::npos);
  EXPECT_TRUE(result.laws_hold);
  EXPECT_EQ(run(scenario, 1).digest, result.digest);
  EXPECT_FALSE(to_json(run(scenario_of("[traffic]\ncount = 10\n"), 1)).contains("workers"));
}

TEST(Scenario, PutsLinkAndFaultKeysWhereTheyBelong) {
  const Scenario scenario = scenario_of(R"(
[link]
mtu_bytes = 9000
carries_merged = true
service = "exponential"
[faults]
wire_loss_per_million = 5
down_spacing_ns = 6000
down_length_ns = 7
reorder_distance = 8
small_mtu_bytes = 1000
completion_queue = 9
quiet_length_ns = 11
)");
  const sim::LinkConfig& link = scenario.world.nodes.at(0).link;
  EXPECT_EQ(link.mtu_bytes, 9000U);
  EXPECT_TRUE(link.carries_merged);
  EXPECT_EQ(link.service, sim::LinkService::exponential);
  sim::FaultPlan expected;
  expected.rate(sim::FaultKind::wire_loss) = 5;
  expected.window(sim::FaultKind::down) = {6000, 7};
  expected.reorder_distance = 8;
  expected.mtu_bytes = 1000;
  expected.completion_queue = 9;
  expected.quiet = {{0, 11}};
  EXPECT_EQ(scenario.world.faults, expected);
  EXPECT_FALSE(scenario.swarm);
}

TEST(Scenario, WithASpacingAndNoLengthNamesTheLengthThatIsMissing) {
  EXPECT_EQ(error_of("[faults]\ndown_spacing_ns = 6000\n"),
            "test.toml: down_length_ns = 0: expected 1 or more, beside a spacing");
}

TEST(Scenario, ThatSwarmsDrawsItsFaultsFromTheSeed) {
  const Scenario scenario = scenario_of("[traffic]\ncount = 200\n[faults]\nswarm = true\n");
  EXPECT_EQ(scenario.world.faults, sim::strongest_faults());
  const RunResult one = run(scenario, 1);
  EXPECT_EQ(run(scenario, 1).digest, one.digest);
  bool differs = false;
  for (std::uint64_t seed = 2; seed < 6; ++seed) {
    const RunResult other = run(scenario, seed);
    EXPECT_TRUE(other.laws_hold);
    if (to_json(other)["faults"].size() != to_json(one)["faults"].size()) differs = true;
  }
  EXPECT_TRUE(differs);
  EXPECT_TRUE(to_json(run(scenario_of("[traffic]\ncount = 9\n"), 1))["faults"].empty());
}

TEST(Scenario, SplitsASettingAtItsFirstEqualsSign) {
  const auto setting = parse_setting("a=b=c");
  ASSERT_TRUE(setting);
  EXPECT_EQ(setting->key, "a");
  EXPECT_EQ(setting->value, "b=c");
  for (const char* text : {"", "=", "a", "a=", "=b"}) EXPECT_FALSE(parse_setting(text)) << text;
}

/// Any value that an integer key's own description says is too small or too large is refused, and
/// the limits themselves are taken.
TEST(ScenarioKeys, TakeExactlyTheRangeThatTheySay) {
  const auto expect_range = [](const auto& key, auto draft) {
    const std::size_t to = key.expected.rfind(" to ");
    if (to == std::string::npos || key.expected.find('"') != std::string::npos) return;
    const std::size_t blank = key.expected.rfind(' ', to - 1);
    const std::int64_t least =
        std::stoll(key.expected.substr(blank == std::string::npos ? 0 : blank));
    const std::int64_t most = std::stoll(key.expected.substr(to + 4));
    EXPECT_TRUE(key.apply(draft, Scalar{least})) << key.name;
    EXPECT_TRUE(key.apply(draft, Scalar{most})) << key.name;
    EXPECT_FALSE(key.apply(draft, Scalar{least - 1})) << key.name;
    EXPECT_FALSE(key.apply(draft, Scalar{most + 1})) << key.name;
    EXPECT_FALSE(key.apply(draft, Scalar{std::string("1")})) << key.name;
    EXPECT_FALSE(key.apply(draft, Scalar{true})) << key.name;
  };
  for (const Table& table : scenario_tables())
    for (const auto& key : table.keys) expect_range(key, ScenarioDraft{});
  for (const auto& key : traffic_keys()) expect_range(key, TrafficDraft{});
}

struct ManualEntry {
  std::string value;
  std::string default_value;
};

/// The rows of the manual's tables, by key.
std::map<std::string, ManualEntry> manual() {
  std::map<std::string, ManualEntry> entries;
  std::ifstream file(REPRISE_SOURCE_FOLDER "/docs/SCENARIOS.md");
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with("| `")) continue;
    std::istringstream cells(line.substr(2));
    std::string key;
    ManualEntry entry;
    std::getline(cells, key, '|');
    std::getline(cells, entry.value, '|');
    std::getline(cells, entry.default_value, '|');
    const auto trimmed = [](const std::string& text, const char* around) {
      const std::size_t first = text.find_first_not_of(around);
      return text.substr(first, text.find_last_not_of(around) - first + 1);
    };
    entries[trimmed(key, " `")] = {trimmed(entry.value, " "), trimmed(entry.default_value, " \"")};
  }
  return entries;
}

std::map<std::string, std::string> keys_with_expectations() {
  std::map<std::string, std::string> keys;
  for (const Table& table : scenario_tables())
    for (const auto& key : table.keys)
      keys[std::string(table.name) + "." + std::string(key.name)] = key.expected;
  for (const auto& key : traffic_keys()) keys["traffic." + std::string(key.name)] = key.expected;
  return keys;
}

TEST(ScenarioManual, ListsEveryKeyWithWhatItTakes) {
  const auto entries = manual();
  for (const auto& [key, expected] : keys_with_expectations()) {
    ASSERT_TRUE(entries.contains(key)) << key;
    EXPECT_EQ(entries.at(key).value, expected) << key;
  }
  for (const char* key : {"version", "title", "seed"}) EXPECT_TRUE(entries.contains(key)) << key;
}

TEST(ScenarioManual, ListsNoKeyThatThereIsNot) {
  const auto keys = keys_with_expectations();
  for (const auto& [key, entry] : manual()) {
    if (key.find('.') != std::string::npos) {
      EXPECT_TRUE(keys.contains(key)) << key;
    }
  }
}

/// Writing a default down changes nothing.
TEST(ScenarioManual, NamesTheTrueDefaults) {
  const std::uint64_t digest = run(scenario_of("[traffic]\ncount = 300\n"), 1).digest;
  const auto entries = manual();
  std::size_t tried = 0;
  for (const auto& [key, expected] : keys_with_expectations()) {
    const std::string& value = entries.at(key).default_value;
    if (key == "traffic.count" || value == "–" || value.find(' ') != std::string::npos) continue;
    EXPECT_EQ(run(scenario_of("[traffic]\ncount = 300\n", {{key, value}}), 1).digest, digest)
        << key << " = " << value;
    ++tried;
  }
  EXPECT_GT(tried, 30U);
  EXPECT_EQ(scenario_of("").world.traffic.at(0).count,
            std::stoull(entries.at("traffic.count").default_value));
}

TEST(ScenarioManual, OpensWithAnExampleThatIsRight) {
  std::ifstream file(REPRISE_SOURCE_FOLDER "/docs/SCENARIOS.md");
  std::stringstream text;
  text << file.rdbuf();
  const std::string manual_text = text.str();
  const std::size_t begin = manual_text.find("```toml\n") + 8;
  const auto scenario = parse_scenario(
      manual_text.substr(begin, manual_text.find("```", begin) - begin), "manual.toml");
  ASSERT_TRUE(scenario) << scenario.error().message;
  EXPECT_EQ(scenario->world.nodes.size(), 3U);
  EXPECT_EQ(scenario->world.traffic.size(), 5U);
}

}  // namespace
}  // namespace reprise::lab
