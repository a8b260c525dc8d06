#include "reprise/lab/size.hpp"

#include <gtest/gtest.h>

namespace reprise::lab {
namespace {

const std::string kThreshold = REPRISE_SOURCE_FOLDER "/examples/scenarios/pool_threshold.toml";

SizeRequest threshold_request() {
  return {.scenario_path = kThreshold,
          .settings = {{"count", "3200"}},
          .variations = {{"policy", {"synchronous", "deferred"}}}};
}

TEST(Size, AgreesWithTheThresholdTable) {
  const auto frontier = size(threshold_request());
  ASSERT_TRUE(frontier) << frontier.error().message;
  EXPECT_TRUE(frontier->held());
  ASSERT_EQ(frontier->points.size(), 2U);
  EXPECT_EQ(frontier->points[0].smallest_safe, 32U);
  EXPECT_EQ(frontier->points[1].smallest_safe, 64U);
  for (const SizePoint& point : frontier->points) {
    ASSERT_TRUE(point.below);
    EXPECT_EQ(point.below->value + 1, *point.smallest_safe);
    EXPECT_GT(point.below->refused, 0U);
    EXPECT_GE(point.above.size(), 5U);
    for (const SizeTrial& trial : point.above) EXPECT_EQ(trial.refused, 0U) << trial.value;
    EXPECT_TRUE(point.monotone());
  }
}

TEST(FindSmallest, FindsAnyThresholdFromAnyStart) {
  for (const std::uint64_t threshold : {1U, 2U, 3U, 99U, 1000U}) {
    for (const std::uint64_t start : {1U, 7U, 500U, 1000U}) {
      const auto point = find_smallest({1, start, 1000}, 1, [&](std::uint64_t value) {
        return std::optional<std::uint64_t>(value < threshold ? 5 : 0);
      });
      ASSERT_TRUE(point);
      EXPECT_EQ(point->smallest_safe, threshold);
      EXPECT_TRUE(point->monotone());
      EXPECT_EQ(point->below.has_value(), threshold > 1);
    }
  }
}

TEST(FindSmallest, SaysWhereItFailsAgainAndGoesOnAboveThat) {
  // Enough from 20 on, but not from 21 to 25.
  const auto point = find_smallest({1, 10, 1000}, 1, [](std::uint64_t value) {
    return std::optional<std::uint64_t>(value < 20 || (value > 20 && value < 26) ? 7 : 0);
  });
  ASSERT_TRUE(point);
  EXPECT_FALSE(point->monotone());
  EXPECT_EQ(point->first_safe, 20U);
  EXPECT_EQ(point->smallest_safe, 26U);
  EXPECT_EQ(point->fails_again.front().value, 21U);
  Frontier frontier{.request = {.scenario_path = "a.toml"}, .points = {*point}, .points_of = 1};
  EXPECT_NE(to_text(frontier).find("not monotone: 20 refuses nothing, but it fails again at 21"),
            std::string::npos)
      << to_text(frontier);
  EXPECT_EQ(to_json(frontier)["frontier"][0]["monotone"], false);
}

TEST(Size, FollowsTheBurst) {
  for (const std::uint64_t burst : {8U, 16U}) {
    SizeRequest request = threshold_request();
    request.settings.push_back({"burst", std::to_string(burst)});
    request.settings.push_back({"rate", std::to_string(4'000 * burst)});  // one every 250 µs
    const auto frontier = size(request);
    ASSERT_TRUE(frontier) << frontier.error().message;
    EXPECT_EQ(frontier->points[0].smallest_safe, burst);
    EXPECT_EQ(frontier->points[1].smallest_safe, 2 * burst);
  }
}

TEST(Size, JsonSaysWhatWasTriedAndThatItWasSimulated) {
  const auto json = to_json(*size(threshold_request()));
  EXPECT_EQ(json["of"], "pool");
  const auto& point = json["frontier"][1];
  EXPECT_EQ(point["vary"].dump(), R"({"policy":"deferred"})");
  EXPECT_EQ(point["smallest_safe"], 64);
  EXPECT_EQ(point["below"]["value"], 63);
  EXPECT_GT(point["below"]["refused"], 0);
  EXPECT_EQ(point["above"][0].dump(), R"({"value":65,"refused":0})");
  EXPECT_EQ(point["monotone"], true);
  EXPECT_EQ(point["evidence"], "simulated");
  EXPECT_EQ(json["refused_counts"], "no_buffer");
}

TEST(Size, DoesNotDependOnTheNumberOfCores) {
  const auto one = to_json(*size(threshold_request(), {.jobs = 1, .progress = {}}));
  for (const std::uint32_t jobs : {2U, 5U})
    EXPECT_EQ(to_json(*size(threshold_request(), {.jobs = jobs, .progress = {}})), one) << jobs;
}

TEST(Size, SizesSocketBuffersByWhatTheKernelRefuses) {
  SizeRequest request{.scenario_path = kThreshold,
                      .of = "receive_buffer_bytes",
                      .settings = {{"count", "3200"}, {"burst", "64"}, {"pool", "256"}}};
  const auto frontier = size(request);
  ASSERT_TRUE(frontier) << frontier.error().message;
  const SizePoint& point = frontier->points.front();
  ASSERT_TRUE(point.smallest_safe);
  ASSERT_TRUE(point.below);
  const auto scenario = [&](std::uint64_t bytes) {
    std::vector<Setting> settings = request.settings;
    settings.push_back({"receive_buffer_bytes", std::to_string(bytes)});
    return *load_scenario(kThreshold, settings);
  };
  EXPECT_EQ(run(scenario(*point.smallest_safe), 1).hops[0].kernel_drops, 0U);
  EXPECT_EQ(run(scenario(*point.smallest_safe - 1), 1).hops[0].kernel_drops, point.below->refused);
}

TEST(Size, UnderOverloadEvenTheLargestValueRefuses) {
  SizeRequest request{
      .scenario_path = kThreshold,
      .settings = {{"count", "120_000"}, {"rate", "9_000_000"}, {"landing", "32_000"}}};
  const auto frontier = size(request);
  ASSERT_TRUE(frontier) << frontier.error().message;
  EXPECT_FALSE(frontier->held());
  EXPECT_FALSE(frontier->points.front().smallest_safe);
  EXPECT_NE(to_text(*frontier).find("none: pool 768 refuses"), std::string::npos)
      << to_text(*frontier);
}

TEST(Size, RefusesToVaryWhatItSizes) {
  SizeRequest request = threshold_request();
  request.variations.push_back({"relay.pool", {"1", "2"}});
  const auto refused = size(request);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().message,
            "--vary relay.pool: that is what is sized; expected another key, or another --of");
}

TEST(Size, InterruptedKeepsThePointsThatFinished) {
  std::atomic<bool> stop = false;
  const auto frontier =
      size(threshold_request(),
           {.jobs = 1, .stop = &stop, .progress = [&](std::uint64_t done, std::uint64_t of) {
              stop = done >= of / 2;
            }});
  ASSERT_TRUE(frontier);
  EXPECT_EQ(frontier->points.size(), 1U);
  EXPECT_FALSE(frontier->held());
  EXPECT_NE(to_text(*frontier).find("interrupted: 1 of 2 points finished"), std::string::npos);
}

}  // namespace
}  // namespace reprise::lab
