#include "reprise/lab/attribution.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <random>

namespace reprise::lab {
namespace {

std::vector<std::int64_t> random_corners(std::size_t factors, std::mt19937_64& random,
                                         std::int64_t most) {
  std::uniform_int_distribution<std::int64_t> value(-most, most);
  std::vector<std::int64_t> corners(std::size_t{1} << factors);
  for (std::int64_t& corner : corners) corner = value(random);
  return corners;
}

std::int64_t sum(const std::vector<std::int64_t>& values) {
  return std::accumulate(values.begin(), values.end(), std::int64_t{0});
}

/// What each factor adds, added up over all orders in which factors can be switched on.
std::vector<std::int64_t> sums_over_orders(const std::vector<std::int64_t>& corners,
                                           std::size_t factors, std::int64_t& orders) {
  std::vector<std::size_t> order(factors);
  std::iota(order.begin(), order.end(), 0U);
  std::vector<std::int64_t> sums(factors);
  orders = 0;
  do {
    std::size_t on = 0;
    for (const std::size_t factor : order) {
      const std::size_t next = on | (std::size_t{1} << factor);
      sums[factor] += corners[next] - corners[on];
      on = next;
    }
    ++orders;
  } while (std::ranges::next_permutation(order).found);
  return sums;
}

TEST(Attribution, SharesAreTheMeanOverAllOrdersOfWhatAFactorAdds) {
  std::mt19937_64 random(1);
  for (std::size_t factors = 1; factors <= 7; ++factors) {
    const auto corners = random_corners(factors, random, 1'000'000'000);
    std::int64_t orders = 0;
    const auto sums = sums_over_orders(corners, factors, orders);
    const Attribution attribution = attribute(corners);
    for (std::size_t factor = 0; factor < factors; ++factor)
      EXPECT_EQ(attribution.parts[factor] * orders, sums[factor] * kShareParts) << factors;
  }
}

TEST(Attribution, DividendsAndSharesSumToTheChangeExactly) {
  std::mt19937_64 random(2);
  for (std::size_t round = 0; round < 300; ++round) {
    const std::size_t factors = round % (kFactorsMax + 1);
    const auto corners = random_corners(factors, random, round % 2 == 0 ? 3'000'000 : kCornerMax);
    const Attribution attribution = attribute(corners);
    EXPECT_EQ(attribution.change, corners.back() - corners.front());
    EXPECT_EQ(sum(attribution.dividends), attribution.change);
    EXPECT_EQ(sum(attribution.shapley), attribution.change);
    for (std::size_t factor = 0; factor < factors; ++factor) {
      const std::int64_t off =
          attribution.shapley[factor] * kShareParts - attribution.parts[factor];
      EXPECT_LT(std::abs(off), kShareParts) << "rounded by less than one";
    }
  }
}

TEST(Attribution, ACornerIsTheDividendsOfAllGroupsWithinIt) {
  std::mt19937_64 random(3);
  const auto corners = random_corners(6, random, 1'000'000);
  const Attribution attribution = attribute(corners);
  for (std::size_t corner = 0; corner < corners.size(); ++corner) {
    std::int64_t value = corners[0];
    for (std::size_t group = 1; group < corners.size(); ++group) {
      if ((group & ~corner) == 0) value += attribution.dividends[group];
    }
    EXPECT_EQ(value, corners[corner]);
  }
}

TEST(Attribution, SplitsWhatOnlyAPairDoesEvenly) {
  // Of three factors, the second and the third one cost 101 together and nothing alone.
  const std::vector<std::int64_t> corners{10, 10, 10, 10, 10, 10, 111, 111};
  const Attribution attribution = attribute(corners);
  EXPECT_EQ(attribution.dividends, (std::vector<std::int64_t>{0, 0, 0, 0, 0, 0, 101, 0}));
  EXPECT_EQ(attribution.shapley, (std::vector<std::int64_t>{0, 51, 50}));
}

TEST(Attribution, WithoutFactorsThereIsNoChange) {
  const Attribution attribution = attribute(std::vector<std::int64_t>{7});
  EXPECT_EQ(attribution.change, 0);
  EXPECT_TRUE(attribution.shapley.empty());
}

}  // namespace
}  // namespace reprise::lab
