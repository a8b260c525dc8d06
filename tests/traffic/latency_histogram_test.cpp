#include "reprise/traffic/latency_histogram.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <vector>

namespace reprise::traffic {
namespace {

TEST(LatencyHistogram, SaysZeroWhenEmpty) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.percentile(500).ns, 0);
}

TEST(LatencyHistogram, IsExactBelow64Nanoseconds) {
  for (std::int64_t ns = 0; ns < 64; ++ns) {
    LatencyHistogram histogram;
    histogram.add({ns});
    EXPECT_EQ(histogram.percentile(1000).ns, ns);
  }
}

TEST(LatencyHistogram, TakesTheShortestAndTheLongest) {
  LatencyHistogram histogram;
  histogram.add({-5});
  EXPECT_EQ(histogram.percentile(1000).ns, 0);
  histogram.add({std::numeric_limits<std::int64_t>::max()});
  EXPECT_EQ(histogram.percentile(1000).ns, std::numeric_limits<std::int64_t>::max());
  EXPECT_EQ(histogram.percentile(500).ns, 0);
}

TEST(LatencyHistogram, IsNeverBelowTheTruePercentileNorMoreThanAThirtySecondAbove) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937_64 random(seed);
    std::vector<std::int64_t> latencies(1 + random() % 3000);
    LatencyHistogram histogram;
    for (std::int64_t& latency : latencies) {
      latency = static_cast<std::int64_t>(random() >> (2 + random() % 60));
      histogram.add({latency});
    }
    std::ranges::sort(latencies);
    for (const std::uint32_t permille : {1U, 500U, 990U, 999U, 1000U}) {
      const std::size_t rank = (latencies.size() * permille + 999) / 1000;
      const std::int64_t exact = latencies[rank - 1];
      const std::int64_t read = histogram.percentile(permille).ns;
      ASSERT_GE(read, exact) << "seed " << seed << ", permille " << permille;
      ASSERT_LE(read - exact, exact / 32) << "seed " << seed << ", permille " << permille;
    }
  }
}

}  // namespace
}  // namespace reprise::traffic
