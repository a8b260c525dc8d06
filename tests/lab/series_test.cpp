#include "reprise/lab/series.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "picture_scenario.hpp"
#include "reprise/lab/run.hpp"

namespace reprise::lab {
namespace {

RunResult run_with(const Scenario& scenario, std::uint32_t points) {
  RunControl control;
  control.series_points = points;
  return run(scenario, 3, control);
}

std::uint64_t integral(const std::vector<SeriesPoint>& points, Quantity quantity) {
  std::uint64_t sum = 0;
  for (const SeriesPoint& point : points) sum += point.integral[static_cast<std::size_t>(quantity)];
  return sum;
}

class EveryNumberOfPoints : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Series, EveryNumberOfPoints, testing::Values(2U, 3U, 50U, 999U, 10'000U));

// V1: nothing is lost where intervals become one, or at an interval's edge.
TEST_P(EveryNumberOfPoints, IntervalsAddUpToTheWholeRun) {
  const RunResult result = run_with(tests::troubled_scenario(), GetParam());
  ASSERT_TRUE(result.series);
  ASSERT_EQ(result.series->hops.size(), result.hops.size());
  for (std::size_t hop = 0; hop < result.hops.size(); ++hop) {
    const std::vector<SeriesPoint>& points = result.series->hops[hop];
    const HopResult& whole = result.hops[hop];
    EXPECT_EQ(integral(points, Quantity::outstanding),
              static_cast<std::uint64_t>(whole.outstanding_integral));
    EXPECT_EQ(integral(points, Quantity::in_flight),
              static_cast<std::uint64_t>(whole.in_flight_integral));
    std::uint64_t most = 0;
    std::uint64_t arrived = 0;
    std::uint64_t no_buffer = 0;
    for (const SeriesPoint& point : points) {
      most = std::max(most, point.outstanding_max);
      arrived += point.arrived;
      no_buffer += point.no_buffer;
    }
    EXPECT_EQ(most, whole.outstanding_max);
    EXPECT_EQ(arrived, whole.arrived);
    EXPECT_EQ(no_buffer, whole.no_buffer);
  }
  EXPECT_GT(result.hops[0].no_buffer, 0U);
}

TEST(Series, HasEachOfSeveralWorkersSideBySide) {
  const RunResult result =
      run_with(tests::picture_scenario("[traffic]\nrate = 400000\ncount = 2000\nflows = 16\n"
                                       "[relay]\nworkers = 3\n"),
               20);
  ASSERT_EQ(result.series->hops.size(), 3U);
  for (std::size_t worker = 0; worker < 3; ++worker) {
    EXPECT_GT(result.hops[worker].outstanding_integral, 0);
    EXPECT_EQ(integral(result.series->hops[worker], Quantity::outstanding),
              static_cast<std::uint64_t>(result.hops[worker].outstanding_integral));
  }
}

// V2
TEST_P(EveryNumberOfPoints, MoreThanHalfOfThePointsAreThereAndNeverMore) {
  const RunResult result = run_with(tests::troubled_scenario(), GetParam());
  for (const std::vector<SeriesPoint>& points : result.series->hops) {
    EXPECT_LE(points.size(), GetParam());
    EXPECT_GT(points.size(), GetParam() / 2);
  }
}

TEST(Series, LooksOnAndChangesNothing) {
  const Scenario scenario = tests::troubled_scenario();
  EXPECT_EQ(run_with(scenario, 50).digest, run(scenario, 3).digest);
}

TEST(Series, StandsInTheJsonResultAsMeans) {
  const RunResult result = run_with(tests::troubled_scenario(), 40);
  const nlohmann::ordered_json json = to_json(result);
  const auto& hop = json["series"]["hops"][0];
  EXPECT_EQ(hop["outstanding"].size(), result.series->hops[0].size());
  for (const auto& name : kQuantityNames)
    EXPECT_EQ(hop[std::string(name)].size(), hop["no_buffer"].size()) << name;
  const double interval_ns = static_cast<double>(result.series->interval_ns);
  EXPECT_NEAR(hop["outstanding"][3].get<double>(),
              static_cast<double>(result.series->hops[0][3].integral[0]) / interval_ns, 0.0005);
  EXPECT_FALSE(to_json(run(tests::troubled_scenario(), 3)).contains("series"));
}

}  // namespace
}  // namespace reprise::lab
