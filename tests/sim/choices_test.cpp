#include "reprise/sim/choices.hpp"

#include <gtest/gtest.h>

#include <array>
#include <set>
#include <string>
#include <vector>

namespace reprise::sim {
namespace {

using Picks = std::vector<std::uint32_t>;

TEST(Listed, PicksFromItsListReducedIntoRangeThenTheSimplest) {
  Listed listed(Picks{3, 7, 1});
  EXPECT_EQ(listed.pick(Site::tie, 10), 3U);
  EXPECT_EQ(listed.pick(Site::schedule, 5), 2U);
  EXPECT_EQ(listed.pick(Site::tie, 2), 1U);
  EXPECT_EQ(listed.pick(Site::tie, 2), 0U);
  EXPECT_EQ(listed.used(), 3U);
}

TEST(Choices, AChoiceAmongOneIsNotAsked) {
  Listed listed(Picks{3});
  EXPECT_EQ(listed.pick(Site::tie, 1), 0U);
  EXPECT_EQ(listed.used(), 0U);
  Recorded recorded(listed);
  EXPECT_EQ(recorded.pick(Site::tie, 1), 0U);
  EXPECT_TRUE(recorded.picks().empty());
}

TEST(ChoicesDeathTest, AChoiceAmongNoneIsABug) {
  Hashed hashed(1);
  EXPECT_DEATH(hashed.pick(Site::tie, 0), "count > 0");
}

TEST(Hashed, StaysInRangeAndReachesAllOfIt) {
  Hashed hashed(5);
  for (const std::uint32_t count : {2U, 3U, 7U, 64U}) {
    std::set<std::uint32_t> seen;
    for (int draw = 0; draw < 2000; ++draw) {
      const std::uint32_t picked = hashed.pick(Site::schedule, count);
      ASSERT_LT(picked, count);
      seen.insert(picked);
    }
    EXPECT_EQ(seen.size(), count);
  }
  for (int draw = 0; draw < 100; ++draw) ASSERT_LT(hashed.pick(Site::tie, 0xffff'ffff), ~0U);
}

TEST(Hashed, IsUniformEnough) {
  Hashed hashed(6);
  std::array<int, 10> seen{};
  for (int draw = 0; draw < 100'000; ++draw) ++seen[hashed.pick(Site::tie, 10)];
  for (const int count : seen) EXPECT_NEAR(count, 10'000, 500);
}

TEST(Hashed, ASitesPicksDoNotDependOnOtherSites) {
  Hashed alone(9);
  Hashed among_others(9);
  for (int draw = 0; draw < 1000; ++draw) {
    among_others.pick(Site::schedule, 7);
    if (draw % 3 == 0) among_others.pick(Site::send_error, 100);
    ASSERT_EQ(among_others.pick(Site::interarrival, 1000), alone.pick(Site::interarrival, 1000));
  }
}

TEST(Hashed, SeedsAndSitesDiffer) {
  Hashed one(1);
  Hashed two(2);
  Hashed other_site(1);
  int equal_seeds = 0;
  int equal_sites = 0;
  for (int draw = 0; draw < 1000; ++draw) {
    const std::uint32_t picked = one.pick(Site::tie, 1'000'000);
    equal_seeds += picked == two.pick(Site::tie, 1'000'000) ? 1 : 0;
    equal_sites += picked == other_site.pick(Site::schedule, 1'000'000) ? 1 : 0;
  }
  EXPECT_LT(equal_seeds, 5);
  EXPECT_LT(equal_sites, 5);
}

TEST(Recorded, WhatItKeptReplaysTheSame) {
  Hashed hashed(11);
  Recorded recorded(hashed);
  Picks picked;
  for (std::uint32_t draw = 0; draw < 200; ++draw) {
    picked.push_back(recorded.pick(Site::tie, 1 + draw % 9));
  }
  Listed listed(recorded.picks());
  for (std::uint32_t draw = 0; draw < 200; ++draw) {
    ASSERT_EQ(listed.pick(Site::tie, 1 + draw % 9), picked[draw]);
  }
  EXPECT_EQ(listed.used(), recorded.picks().size());
}

TEST(Choices, EverySiteHasANameOfItsOwn) {
  std::set<std::string> names;
  for (std::size_t site = 0; site < kSiteCount; ++site) {
    names.insert(name(static_cast<Site>(site)));
  }
  EXPECT_EQ(names.size(), kSiteCount);
  EXPECT_FALSE(names.contains("?"));
}

}  // namespace
}  // namespace reprise::sim
