#include "reprise/sim/exponential.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "reprise/sim/choices.hpp"

namespace reprise::sim {
namespace {

constexpr Q16 kMean = Q16{10'000} << kQ16Bits;

TEST(Exponential, TheLogarithmIsAsGoodAsItSays) {
  double worst = 0;
  const auto compare = [&](std::uint32_t x) {
    const double exact = std::log2(static_cast<double>(x));
    worst = std::max(worst, std::abs(std::ldexp(static_cast<double>(log2_q24(x)), -24) - exact));
  };
  for (std::uint32_t x = 1; x < 100'000; ++x) compare(x);
  for (std::uint64_t x = 1; x < 0xffff'ffff; x += 9'973'421) {
    compare(static_cast<std::uint32_t>(x));
  }
  compare(0xffff'ffff);
  EXPECT_LT(worst, 3e-6);
}

TEST(Exponential, IsLongestAtDrawZeroAndFallsToNothing) {
  EXPECT_NEAR(static_cast<double>(exponential(kMean, 0)) / static_cast<double>(kMean), 22.18, 0.01);
  Q16 last = exponential(kMean, 0);
  for (std::uint64_t draw = 1; draw < kExponentialDraws; draw += 4'999'999) {
    const Q16 time = exponential(kMean, static_cast<std::uint32_t>(draw));
    ASSERT_LE(time, last);
    ASSERT_GE(time, 0);
    last = time;
  }
  EXPECT_EQ(exponential(kMean, kExponentialDraws - 1) >> kQ16Bits, 0);
}

TEST(Exponential, HasItsMeanAndItsShape) {
  Hashed choices(3);
  constexpr int kDraws = 200'000;
  double sum = 0;
  double squares = 0;
  int above_mean = 0;
  for (int draw = 0; draw < kDraws; ++draw) {
    const double time = static_cast<double>(exponential(
                            kMean, choices.pick(Site::interarrival, kExponentialDraws))) /
                        static_cast<double>(kMean);
    sum += time;
    squares += time * time;
    above_mean += time > 1 ? 1 : 0;
  }
  EXPECT_NEAR(sum / kDraws, 1, 0.01);
  EXPECT_NEAR(squares / kDraws, 2, 0.06);
  EXPECT_NEAR(static_cast<double>(above_mean) / kDraws, std::exp(-1), 0.005);
}

}  // namespace
}  // namespace reprise::sim
