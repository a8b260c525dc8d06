// The threshold table holds from both sides: with its pool nothing is refused, with one buffer less
// something is (docs/THRESHOLDS.md). By random picks, and by trying all there are.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "threshold_check.hpp"
#include "threshold_picture.hpp"
#include "threshold_search.hpp"
#include "threshold_table.hpp"

namespace reprise::proptests {
namespace {

using engine::Policy;
using engine::Role;
using sim::ArrivalTimes;
using sim::Place;

constexpr std::uint64_t kTurns = 40;
constexpr std::uint64_t kWorldsMax = 100'000;
constexpr std::uint64_t kSearchSeed = 1;

template <class Enum>
rc::Gen<Enum> any_of(std::uint32_t count) {
  return rc::gen::map(rc::gen::inRange<std::uint32_t>(0, count),
                      [](std::uint32_t value) { return Enum{value}; });
}

rc::Gen<TurnCase> turn_cases(std::uint32_t burst_max) {
  return rc::gen::exec([burst_max] {
    TurnCase tried;
    tried.role = *rc::gen::element(Role::egress, Role::unified);
    tried.policy = *any_of<Policy>(4);
    if (tried.role == Role::unified) tried.exhaustion = *any_of<engine::Exhaustion>(2);
    tried.send_order = *any_of<engine::SendOrder>(2);
    tried.arrival_times = *any_of<ArrivalTimes>(2);
    tried.burst = *rc::gen::inRange<std::uint32_t>(1, burst_max + 1);
    const bool is_bucket = *rc::gen::inRange(0, 2) == 1;
    tried.rate = is_bucket ? *rc::gen::inRange<std::uint32_t>(1, tried.burst + 1) : tried.burst;
    tried.delay_turns = *rc::gen::inRange<std::uint32_t>(0, 4);
    tried.fan_out = *rc::gen::inRange<std::uint32_t>(1, 4);
    tried.more_batch = *rc::gen::inRange<std::uint32_t>(0, 5);
    return tried;
  });
}

std::string text_of(const std::vector<std::uint32_t>& picks) {
  return fmt::format("{}", fmt::join(picks, " "));
}

/// Every row of the table for one burst, rate and delay.
std::vector<TurnCase> rows(std::uint32_t burst, std::uint32_t rate, std::uint32_t delay_turns,
                           std::uint32_t fan_out) {
  std::vector<TurnCase> cases;
  for (const Role role : {Role::egress, Role::unified}) {
    for (std::uint32_t exhaustion = 0; exhaustion < (role == Role::egress ? 1 : 2); ++exhaustion) {
      for (std::uint32_t bits = 0; bits < 16; ++bits) {
        cases.push_back({role, Policy{bits % 4}, engine::Exhaustion{exhaustion},
                         engine::SendOrder{bits / 4 % 2}, ArrivalTimes{bits / 8}, burst, rate,
                         delay_turns, fan_out, 0});
      }
    }
  }
  return cases;
}

}  // namespace

TEST(Threshold, WithThePoolOfTheTableNothingIsRefused) {
  EXPECT_TRUE(check_one_of(2, "with the pool of the table nothing is refused", [] {
    const TurnCase tried = *turn_cases(8);
    const auto seed = *rc::gen::arbitrary<std::uint32_t>();
    const auto percent = *rc::gen::element<std::uint32_t>(100, 90, 50, 0);
    sim::TurnWorld world(config_of(tried, table_pool(tried)));
    Pressing choices(seed, percent);
    const std::optional<Refusal> refusal = run_pressed(world, choices, kTurns);
    if (refusal) RC_FAIL(fmt::format("refused in turn {}", refusal->turn));
    RC_ASSERT(world.laws_hold());
    RC_ASSERT(world.arrived() > 0);
  }));
}

TEST(Threshold, WithOneBufferLessARefusalIsFoundAndShrunkToTheShortest) {
  EXPECT_TRUE(check_one_of(15, "with one buffer less something is refused", [] {
    const TurnCase tried = *turn_cases(4);
    RC_PRE(table_pool(tried) > 1);
    const auto config = config_of(tried, table_pool(tried) - 1);
    const std::optional<Counterexample> found = find_and_shrink(config, kSearchSeed);
    if (!found) RC_FAIL("no random sequence of picks refuses anything");
    const Exhausted all = try_all(config, kWorldsMax);
    RC_ASSERT(all.shortest.has_value());
    RC_LOG() << "picks: " << text_of(found->picks);
    // No sequence of picks refuses a datagram in an earlier turn. Fewer phases there may be: what
    // arrives while a synchronous turn waits is a further phase.
    RC_ASSERT(found->refusal.turn == all.shortest->turn);
    if (tried.arrival_times == ArrivalTimes::any) return;
    RC_ASSERT(found->refusal.steps == all.shortest->steps);
    const bool is_deferred = tried.role == Role::egress && tried.policy == Policy::deferred;
    if (!is_deferred || tried.delay_turns > 1 || tried.burst != tried.rate) return;
    // Between turns 1 and 2.
    RC_ASSERT(found->refusal.turn == 2U);
    RC_ASSERT(found->refusal.between_turns);
  }));
}

TEST(Threshold, IsExactlyTheTablesWhateverIsPicked) {
  std::uint64_t thresholds = 0;
  std::uint64_t worlds = 0;
  std::uint64_t compared = 0;
  const auto try_both_sides = [&](const TurnCase& tried) {
    SCOPED_TRACE(to_text(tried));
    const std::uint32_t pool = table_pool(tried);
    const Exhausted at = try_all(config_of(tried, pool), kWorldsMax);
    EXPECT_TRUE(at.is_complete);
    EXPECT_FALSE(at.shortest.has_value());
    if (pool > 1) {
      EXPECT_TRUE(try_all(config_of(tried, pool - 1), kWorldsMax).shortest.has_value());
    }
    ++thresholds;
    worlds += at.worlds;
    compared += at.compared;
  };
  struct Arrivals {
    std::uint32_t burst, rate, delays, fan_out;
  };
  constexpr std::array<Arrivals, 7> kArrivals{{
      {1, 1, 4, 1},
      {2, 2, 3, 1},
      {3, 3, 2, 1},  // A = 1, 2, 3
      {2, 1, 3, 1},
      {3, 1, 2, 1},
      {3, 2, 2, 1},  // token buckets
      {2, 2, 2, 2},  // fan-out
  }};
  for (const Arrivals& arrivals : kArrivals) {
    for (std::uint32_t delay = 0; delay < arrivals.delays; ++delay) {
      for (const TurnCase& tried : rows(arrivals.burst, arrivals.rate, delay, arrivals.fan_out)) {
        try_both_sides(tried);
      }
    }
  }
  fmt::print("{} thresholds, {} different worlds at them, {} pairs left out as equal compared\n",
             thresholds, worlds, compared);
  EXPECT_GT(compared, 1000U);
}

TEST(Threshold, TheShortestCounterexampleOfTheDeferredPolicyFallsBetweenTurns1And2) {
  TurnCase tried;
  tried.policy = Policy::deferred;
  tried.burst = tried.rate = 4;
  const std::uint32_t pool = table_pool(tried) - 1;
  ASSERT_EQ(pool, 7U);
  const std::optional<Counterexample> found = find_and_shrink(config_of(tried, pool), kSearchSeed);
  ASSERT_TRUE(found.has_value());
  EXPECT_EQ(found->picks, (std::vector<std::uint32_t>{4, 4}));
  EXPECT_EQ(found->refusal.turn, 2U);
  EXPECT_TRUE(found->refusal.between_turns);

  const Picture refused = picture_of(config_of(tried, pool), found->picks, 2);
  fmt::print("{}\npool = {}, one below; found after {} sequences; shrunk to the picks {}\n",
             to_text(tried), pool, found->tries, text_of(found->picks));
  fmt::print("{}\n", fmt::join(refused.lines, "\n"));
  fmt::print("     ^ no buffer is free: turn 1's are sent, but nobody has reaped them\n");
  EXPECT_EQ(refused.lines.size(), 7U);
  EXPECT_EQ(refused.refused, 1U);
  const auto last = [&refused](Place place) {
    return refused.last[static_cast<std::size_t>(place)];
  };
  EXPECT_EQ(last(Place::free) + last(Place::return_queue), 0U);
  EXPECT_EQ(last(Place::completed), 4U);
  EXPECT_EQ(last(Place::hand_off), 3U);

  const Picture held = picture_of(config_of(tried, pool + 1), found->picks, 2);
  fmt::print("the same arrivals with one buffer more\n{}\n", fmt::join(held.lines, "\n"));
  EXPECT_EQ(held.lines.size(), 12U);
  EXPECT_EQ(held.refused, 0U);
}

TEST(Threshold, SynchronousReapingRefusesNothingWhereDeferredDoes) {
  TurnCase tried;
  tried.burst = tried.rate = 4;
  for (const auto& [policy, pool] : {std::pair{Policy::synchronous, 4U},
                                     {Policy::eager, 4U},
                                     {Policy::adaptive, 4U},
                                     {Policy::deferred, 8U}}) {
    tried.policy = policy;
    EXPECT_EQ(table_pool(tried), pool) << name(policy);
  }
}

}  // namespace reprise::proptests
