#include "reprise/lab/compare.hpp"

#include <gtest/gtest.h>

#include <atomic>

namespace reprise::lab {
namespace {

const std::string kPoisson = REPRISE_SOURCE_FOLDER "/examples/scenarios/poisson.toml";

CompareRequest small_request() {
  return {.scenario_path = kPoisson,
          .settings = {{"count", "2000"}},
          .variations = {{"policy", {"synchronous", "deferred"}}, {"pool", {"8", "64"}}},
          .seed = 3};
}

/// "policy=eager pool=8" for each point.
std::vector<std::string> written(const std::vector<std::vector<Setting>>& points) {
  std::vector<std::string> result;
  for (const auto& point : points) {
    std::string text;
    for (const Setting& setting : point)
      text += (text.empty() ? "" : " ") + setting.key + "=" + setting.value;
    result.push_back(text);
  }
  return result;
}

TEST(Grid, HoldsEveryCombinationWithTheLastVaryingFastest) {
  EXPECT_EQ(
      written(grid({{"a", {"1", "2"}}, {"b", {"x", "y", "z"}}})),
      (std::vector<std::string>{"a=1 b=x", "a=1 b=y", "a=1 b=z", "a=2 b=x", "a=2 b=y", "a=2 b=z"}));
}

TEST(Grid, WithoutVariationsIsOnePoint) { EXPECT_EQ(grid({}).size(), 1U); }

TEST(Variation, TakesAKeyAndItsValues) {
  const auto variation = parse_variation("policy=synchronous,deferred");
  ASSERT_TRUE(variation);
  EXPECT_EQ(variation->key, "policy");
  EXPECT_EQ(variation->values, (std::vector<std::string>{"synchronous", "deferred"}));
  for (const char* text : {"", "policy", "policy=", "=x", "a=,", "a=1,", "a=1,,2", "a=1,1"})
    EXPECT_FALSE(parse_variation(text)) << text;
}

TEST(Compare, RunsEveryPointOfTheGridInItsOrder) {
  const auto comparison = compare(small_request());
  ASSERT_TRUE(comparison) << comparison.error().message;
  EXPECT_TRUE(comparison->held());
  std::vector<std::vector<Setting>> points;
  for (const ComparePoint& point : comparison->points) {
    points.push_back(point.vary);
    EXPECT_EQ(point.result.offered, 2'000U);
    EXPECT_EQ(point.result.seed, 3U);
  }
  EXPECT_EQ(written(points),
            (std::vector<std::string>{"policy=synchronous pool=8", "policy=synchronous pool=64",
                                      "policy=deferred pool=8", "policy=deferred pool=64"}));
}

TEST(Compare, ReadsEveryPointBeforeTheFirstOneRuns) {
  CompareRequest request = small_request();
  request.variations.push_back({"batch", {"8", "0"}});
  bool has_run = false;
  ParallelControl control;
  control.progress = [&has_run](std::uint64_t, std::uint64_t) { has_run = true; };
  const auto comparison = compare(request, control);
  ASSERT_FALSE(comparison);
  EXPECT_EQ(comparison.error().message, "--vary batch=0: batch = 0: expected sends, 1 to 32768");
  EXPECT_FALSE(has_run);
}

TEST(Compare, RefusesTheSameKeyTwice) {
  CompareRequest request = small_request();
  request.variations.push_back({"pool", {"16"}});
  const auto comparison = compare(request);
  ASSERT_FALSE(comparison);
  EXPECT_EQ(comparison.error().message,
            "--vary pool: given more than once; expected all its values in one list");
}

TEST(Compare, InterruptedKeepsThePointsThatFinishedAndDoesNotHold) {
  std::atomic<bool> stop = false;
  const auto comparison =
      compare(small_request(),
              {.jobs = 1, .stop = &stop, .progress = [&](std::uint64_t done, std::uint64_t of) {
                 stop = done >= of / 2;
               }});
  ASSERT_TRUE(comparison);
  EXPECT_EQ(comparison->points.size(), 2U);
  EXPECT_EQ(comparison->points_of, 4U);
  EXPECT_FALSE(comparison->held());
  EXPECT_EQ(to_json(*comparison)["complete"], false);
  EXPECT_NE(to_text(*comparison).find("interrupted: 2 of 4 points finished"), std::string::npos);
}

TEST(Compare, LeavesOutAPointThatWasInterrupted) {
  const std::atomic<bool> stop = true;
  const auto comparison = compare(small_request(), {.stop = &stop, .progress = {}});
  ASSERT_TRUE(comparison);
  EXPECT_TRUE(comparison->points.empty());
  EXPECT_FALSE(comparison->held());
}

TEST(Compare, GivesTheSameResultsInTheSameOrderOnAnyNumberOfCores) {
  const auto one = to_json(*compare(small_request(), {.jobs = 1, .progress = {}}));
  for (const std::uint32_t jobs : {2U, 5U})
    EXPECT_EQ(to_json(*compare(small_request(), {.jobs = jobs, .progress = {}})), one) << jobs;
}

TEST(Compare, GivesEachPointItsVariedKeysFirstInJson) {
  const auto json = to_json(*compare(small_request()));
  ASSERT_EQ(json["results"].size(), 4U);
  EXPECT_EQ(json["results"][1].begin().key(), "vary");
  EXPECT_EQ(json["results"][1]["vary"].dump(), R"({"policy":"synchronous","pool":"64"})");
}

TEST(Run, DependsOnScenarioAndSeedAlone) {
  const auto scenario = load_scenario(kPoisson, {{"count", "3000"}});
  ASSERT_TRUE(scenario);
  const RunResult first = run(*scenario, 4);
  EXPECT_EQ(to_json(run(*scenario, 4)), to_json(first));
  EXPECT_NE(run(*scenario, 5).digest, first.digest);
}

TEST(Run, ReportsProgressThatOnlyGrowsAndEndsEarlyWhenAsked) {
  const auto scenario = load_scenario(kPoisson, {{"count", "200000"}});
  ASSERT_TRUE(scenario);
  std::atomic<bool> stop = false;
  std::uint64_t last = 0;
  const RunResult result = run(*scenario, 1,
                               {.stop = &stop,
                                .progress =
                                    [&](std::uint64_t done, std::uint64_t of) {
                                      EXPECT_GE(done, last);
                                      EXPECT_EQ(of, 200'000U);
                                      last = done;
                                      stop = done > 50'000;
                                    },
                                .observers = {}});
  EXPECT_FALSE(result.complete);
  EXPECT_GT(result.offered, 50'000U);
  EXPECT_LT(result.offered, 200'000U);
}

}  // namespace
}  // namespace reprise::lab
