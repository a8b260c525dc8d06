// The report's two loops, as examples/scenarios/report_2025_11/ has them.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <set>

#include "reprise/lab/compare.hpp"
#include "reprise/lab/explain.hpp"

namespace reprise::lab {
namespace {

const std::string kFolder = REPRISE_SOURCE_FOLDER "/examples/scenarios/report_2025_11/";

/// Shorter than the files say: rates are steady after some hundredths of a second.
Explanation explained() {
  const auto explanation = explain({.from_path = kFolder + "before.toml",
                                    .to_path = kFolder + "after.toml",
                                    .settings = {{"count", "30_000"}}});
  if (!explanation) throw std::runtime_error(explanation.error().message);
  return *explanation;
}

std::int64_t thousandths(const nlohmann::ordered_json& value) {
  return std::llround(value.get<double>() * 1e3);
}

TEST(ReportCase, DiffersInDeferralBacklogAndDrainAndInTwoThingsMore) {
  std::set<std::string> symbols;
  std::set<std::string> names;
  for (const ExplainedFactor& factor : explained().factors) {
    names.insert(factor.name);
    if (!factor.symbol.empty()) symbols.insert(factor.symbol);
  }
  EXPECT_EQ(symbols, (std::set<std::string>{"D", "E", "W"}));
  EXPECT_EQ(names, (std::set<std::string>{"policy", "backlog", "drain", "wake_up", "log_lines"}));
}

TEST(ReportCase, SumsAreExactAndThePairOfBacklogAndDrainIsTheLargestPart) {
  const auto json = to_json(explained());
  ASSERT_EQ(json["corners"].size(), 32U);
  ASSERT_EQ(json["dividends"].size(), 31U);
  const std::int64_t change = thousandths(json["to"]) - thousandths(json["from"]);
  EXPECT_GT(change, 0);
  std::int64_t shares = 0;
  for (const auto& factor : json["factors"]) shares += thousandths(factor["shapley"]);
  EXPECT_EQ(shares, change);
  std::int64_t dividends = 0;
  for (const auto& dividend : json["dividends"]) dividends += thousandths(dividend["value"]);
  EXPECT_EQ(dividends, change);
  const auto largest = std::ranges::max_element(json["dividends"], {}, [](const auto& one) {
    return std::abs(one["value"].template get<double>());
  });
  EXPECT_EQ((*largest)["factors"].dump(), R"(["backlog","drain"])");
  EXPECT_GT(thousandths((*largest)["value"]), change * 9 / 10);
}

TEST(ReportCase, IsFittedToTheReportedRateBeforeTheChange) {
  const auto scenario = load_scenario(kFolder + "before.toml");
  ASSERT_TRUE(scenario) << scenario.error().message;
  EXPECT_NEAR(to_json(run(*scenario, 1))["egress_pps"].get<double>(), 307'000, 1'000);
}

TEST(ReportCase, PredictsABandInWhichTheReportedRateIsOnePointOfMany) {
  const auto rate = [](std::vector<Setting> settings) {
    const auto scenario = load_scenario(kFolder + "after.toml", settings);
    return to_json(run(scenario.value(), 1))["egress_pps"].get<double>();
  };
  EXPECT_LT(rate({{"move_byte_ps", "200"}, {"pool", "1700"}}), 50'000);
  EXPECT_GT(rate({{"move_byte_ps", "29"}, {"pool", "500"}}), 200'000);
}

}  // namespace
}  // namespace reprise::lab
