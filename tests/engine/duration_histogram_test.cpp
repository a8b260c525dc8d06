#include "reprise/engine/duration_histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>
#include <vector>

namespace reprise::engine {
namespace {

TEST(DurationHistogram, IsEmptyAtFirst) {
  const DurationHistogram histogram;
  EXPECT_EQ(histogram.count(), 0U);
  EXPECT_EQ(histogram.total_ns(), 0);
  EXPECT_EQ(histogram.percentile_ns(990), 0);
}

TEST(DurationHistogram, CountsAndAddsExactly) {
  DurationHistogram histogram;
  for (const std::int64_t ns : {0L, 1L, 1'000'000'007L}) histogram.add(ns);
  EXPECT_EQ(histogram.count(), 3U);
  EXPECT_EQ(histogram.total_ns(), 1'000'000'008);
}

TEST(DurationHistogram, IsExactBelow128Nanoseconds) {
  for (std::int64_t ns = 0; ns < 128; ++ns) {
    DurationHistogram histogram;
    histogram.add(ns);
    EXPECT_EQ(histogram.percentile_ns(1), ns);
  }
}

TEST(DurationHistogram, PutsTheSmallestPercentileOnTheSmallestDuration) {
  DurationHistogram histogram;
  histogram.add(7);
  histogram.add(100);
  EXPECT_EQ(histogram.percentile_ns(0), 7);
  EXPECT_EQ(histogram.percentile_ns(500), 7);
  EXPECT_EQ(histogram.percentile_ns(501), 100);
  EXPECT_EQ(histogram.percentile_ns(1000), 100);
}

/// Against all durations in order: never below the true percentile, and at most 1/64 above.
TEST(DurationHistogram, IsAtMostOneSixtyFourthAboveTheTruePercentile) {
  std::vector<std::int64_t> durations;
  DurationHistogram histogram;
  std::uint64_t state = 1;
  for (int count = 0; count < 20'000; ++count) {
    state = state * 6'364'136'223'846'793'005U + 1'442'695'040'888'963'407U;
    durations.push_back(static_cast<std::int64_t>(state >> (24U + state % 32U)));
    histogram.add(durations.back());
  }
  std::ranges::sort(durations);
  for (const std::uint32_t permille : {1U, 10U, 500U, 900U, 990U, 999U, 1000U}) {
    const std::int64_t exact = durations[durations.size() * permille / 1000 - 1];
    const std::int64_t read = histogram.percentile_ns(permille);
    EXPECT_GE(read, exact) << permille;
    EXPECT_LE(read, exact + exact / 64) << permille;
  }
}

TEST(DurationHistogram, HoldsTheLongestDurationThereIs) {
  DurationHistogram histogram;
  histogram.add(std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(histogram.percentile_ns(1000), std::numeric_limits<std::int64_t>::max());
}

TEST(DurationHistogram, AddedToAnotherIsAsIfAllHadBeenAddedToOne) {
  DurationHistogram all;
  DurationHistogram low;
  DurationHistogram high;
  for (std::int64_t ns = 0; ns < 1'000; ++ns) {
    all.add(ns * ns);
    (ns < 500 ? low : high).add(ns * ns);
  }
  low.add(high);
  EXPECT_EQ(low.count(), all.count());
  EXPECT_EQ(low.total_ns(), all.total_ns());
  for (const std::uint32_t permille : {1U, 250U, 500U, 750U, 990U, 1000U})
    EXPECT_EQ(low.percentile_ns(permille), all.percentile_ns(permille));
}

}  // namespace
}  // namespace reprise::engine
