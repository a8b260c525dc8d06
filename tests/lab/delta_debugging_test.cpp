#include "reprise/lab/delta_debugging.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace reprise::lab {
namespace {

HasEffect contains(const Subset& needed) {
  return [needed](const std::vector<Subset>& subsets) {
    std::vector<bool> effects;
    for (const Subset& subset : subsets) effects.push_back(std::ranges::includes(subset, needed));
    return effects;
  };
}

TEST(DeltaDebugging, FindsExactlyWhatIsNeeded) {
  std::mt19937_64 random(4);
  for (std::size_t round = 0; round < 200; ++round) {
    const std::size_t count = 1 + random() % 40;
    Subset needed;
    for (std::size_t index = 0; index < count; ++index) {
      if (random() % 5 == 0) needed.push_back(index);
    }
    EXPECT_EQ(smallest_subset(count, contains(needed)), needed);
  }
}

TEST(DeltaDebugging, LeavesNothingThatCanBeTakenAwayAlone) {
  // Any three of them have the effect.
  const auto three = [](const std::vector<Subset>& subsets) {
    std::vector<bool> effects;
    for (const Subset& subset : subsets) effects.push_back(subset.size() >= 3);
    return effects;
  };
  EXPECT_EQ(smallest_subset(20, three).size(), 3U);
}

}  // namespace
}  // namespace reprise::lab
