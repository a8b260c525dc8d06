#include "reprise/lab/written_scenario.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "reprise/lab/run.hpp"

namespace reprise::tests {
namespace {

using lab::WrittenScenario;

WrittenScenario written(const std::string& text, const std::vector<lab::Setting>& settings = {}) {
  auto scenario = lab::read_scenario_text("version = 1\n" + text, "test.toml", settings);
  EXPECT_TRUE(scenario.has_value()) << scenario.error().message;
  return std::move(*scenario);
}

std::uint64_t digest_of(const WrittenScenario& scenario) {
  const auto resolved = lab::resolve(scenario);
  EXPECT_TRUE(resolved.has_value()) << resolved.error().message;
  return lab::run(*resolved, resolved->seed).digest;
}

TEST(WrittenScenario, ReadsBackFromItsOwnTextAsTheSameRun) {
  const std::filesystem::path folder = REPRISE_SOURCE_FOLDER "/examples/scenarios";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".toml") continue;
    const auto scenario =
        lab::read_scenario(entry.path().string(), {{"count", "3000"}, {"title", "a \"b\" \\ c"}});
    // The title is no key of a setting: it is given below instead.
    EXPECT_FALSE(scenario.has_value());
    auto read = lab::read_scenario(entry.path().string(), {{"count", "3000"}});
    ASSERT_TRUE(read.has_value()) << read.error().message;
    read->title = "a \"b\" \\ c";
    const std::string text = lab::to_toml(*read);
    auto again = lab::read_scenario_text(text, entry.path().string());
    ASSERT_TRUE(again.has_value()) << again.error().message << '\n' << text;
    EXPECT_EQ(again->title, read->title);
    EXPECT_EQ(lab::to_toml(*again), text);
    EXPECT_EQ(digest_of(*again), digest_of(*read)) << entry.path();
  }
}

TEST(WrittenScenario, WritesEveryKeyEvenWhereItFollowsFromAnother) {
  const std::string text = lab::to_toml(written("[relay]\nring = 256\nbatch = 100\n"));
  EXPECT_NE(text.find("sends_max = 256\n"), std::string::npos);
  EXPECT_NE(text.find("output_queue = 100\n"), std::string::npos);
  EXPECT_NE(text.find("completions_max = 512\n"), std::string::npos);
  EXPECT_NE(text.find("policy = \"adaptive\"\n"), std::string::npos) << text;
  EXPECT_EQ(text.find("stall_"), std::string::npos) << "no stall was written";
}

TEST(WrittenScenario, NamesWhatTwoScenariosDifferInAndNothingThatFollows) {
  const WrittenScenario from = written("[relay]\npolicy = \"synchronous\"\n");
  const WrittenScenario to =
      written("[relay]\nring = 256\npolicy = \"deferred\"\n[hazards]\ndrain = \"all\"\n");
  const std::vector<lab::Factor> factors = lab::factors_between(from, to);
  ASSERT_EQ(factors.size(), 3U);
  EXPECT_EQ(factors[0].key, "relay.policy");
  EXPECT_EQ(factors[0].from, "\"synchronous\"");
  EXPECT_EQ(factors[0].to, "\"deferred\"");
  EXPECT_EQ(factors[1].key, "relay.ring");
  EXPECT_EQ(factors[2].key, "hazards.drain");
  EXPECT_TRUE(lab::factors_between(to, to).empty());
}

TEST(WrittenScenario, TakesEveryFactorOfAnotherUntilItIsTheSame) {
  const WrittenScenario from = written(
      "[[traffic]]\nrate = 50000\ncount = 500\n[link]\nstall_start_ns = 5\nstall_length_ns = "
      "100000\n");
  const WrittenScenario to = written(
      "[[traffic]]\nrate = 70000\ncount = 300\n[[traffic]]\nflows = 3\ncount = 300\n[relay]\nring "
      "= 256\npool = "
      "99\n[costs]\nsend_ns = 7000\n");
  for (const bool there : {true, false}) {
    const WrittenScenario& target = there ? to : from;
    WrittenScenario mixed = there ? from : to;
    for (const lab::Factor& factor : lab::factors_between(mixed, target)) {
      const std::size_t before = lab::factors_between(mixed, target).size();
      lab::take_factor(mixed, target, factor);
      EXPECT_LT(lab::factors_between(mixed, target).size(), before) << factor.key;
    }
    EXPECT_TRUE(lab::factors_between(mixed, target).empty());
    EXPECT_EQ(digest_of(mixed), digest_of(target));
  }
}

}  // namespace
}  // namespace reprise::tests
