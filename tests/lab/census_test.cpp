#include "reprise/lab/census.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <numeric>
#include <string>

#include "reprise/lab/measurement.hpp"
#include "reprise/lab/run.hpp"
#include "reprise/lab/scenario.hpp"
#include "reprise/sim/choices.hpp"

namespace reprise::lab {
namespace {

Scenario scenario_of(const std::string& text, const std::vector<Setting>& settings = {}) {
  auto scenario = parse_scenario("version = 1\n" + text, "test.toml", settings);
  EXPECT_TRUE(scenario) << scenario.error().message;
  return scenario.value_or(Scenario{});
}

/// A scenario that runs out of buffers now and then, with fan-out, refused sends and a slow link.
Scenario troubled(const std::string& policy, const std::string& threads,
                  const std::string& exhaustion) {
  return scenario_of(
      "[traffic]\narrivals = \"burst\"\nburst = 60\nrate = 150000\ncount = 6000\nflows = 3\n"
      "[relay]\nhops = 2\nfan_out = 2\npool = 12\nlanding = 16\nsend_buffer_bytes = 16384\n"
      "[link]\nbits_per_second = 2000000000\n[faults]\nsend_errors_per_million = 10000\n",
      {{"policy", policy}, {"threads", threads}, {"exhaustion", exhaustion}});
}

template <class Values>
auto total(const Values& values) {
  return std::accumulate(values.begin(), values.end(), typename Values::value_type{});
}

std::int64_t outstanding(const PlaceTimes& times) {
  return std::accumulate(times.begin() + static_cast<std::size_t>(Place::hand_off), times.end(),
                         std::int64_t{0});
}

class EveryKindOfRelay
    : public testing::TestWithParam<std::tuple<const char*, const char*, const char*>> {};
INSTANTIATE_TEST_SUITE_P(
    Census, EveryKindOfRelay,
    testing::Combine(testing::Values("synchronous", "deferred", "eager", "adaptive"),
                     testing::Values("1", "2"), testing::Values("wait", "drop")),
    [](const auto& kind) {
      return std::string(std::get<0>(kind.param)) + "_" + std::get<1>(kind.param) + "_threads_" +
             std::get<2>(kind.param);
    });

// Z1 and Z3 at every step: nothing is counted twice or not at all, and what the census calls
// outstanding is what the ledger calls held.
TEST_P(EveryKindOfRelay, PlacesAddUpAtEveryStep) {
  const auto& [policy, threads, exhaustion] = GetParam();
  const Scenario scenario = troubled(policy, threads, exhaustion);
  sim::World world(std::make_shared<const sim::WorldConfig>(scenario.world));
  sim::Hashed choices(3);
  Measurement measurement(world);
  PlaceCounts seen{};
  for (;;) {
    const sim::Event event = world.step(choices);
    if (event.kind == sim::EventKind::quiet) break;
    measurement.add(world, event);
    for (std::uint32_t hop = 0; hop < world.node_count(); ++hop) {
      const PlaceCounts& counts = measurement.node(hop).census.counts();
      const engine::Ledger& ledger = world.node(hop).ingress().ledger();
      ASSERT_EQ(total(counts), ledger.size());
      ASSERT_EQ(counts[static_cast<std::size_t>(Place::free)], ledger.free_count());
      ASSERT_EQ(counts[static_cast<std::size_t>(Place::being_filled)], ledger.kernel_count());
      for (std::size_t place = 0; place < kPlaceCount; ++place) {
        seen[place] = std::max(seen[place], counts[place]);
      }
    }
  }
  // Each place was used, but those between threads where there is one thread; and a policy that
  // reaps right after the submit leaves nothing completed for any time.
  for (std::size_t index = 0; index < kPlaceCount; ++index) {
    const Place place{static_cast<std::uint8_t>(index)};
    const bool between_threads = place == Place::hand_off || place == Place::return_queue;
    const bool is_used = between_threads
                             ? std::string(threads) == "2"
                             : place != Place::completed || std::string(policy) == "deferred";
    if (is_used) {
      EXPECT_GT(seen[index], 0U) << kPlaceNames[index];
    }
    if (between_threads && !is_used) {
      EXPECT_EQ(seen[index], 0U) << kPlaceNames[index];
    }
  }
}

TEST_P(EveryKindOfRelay, TimesByPlaceAddUpToTheOutstandingTimeExactly) {
  const auto& [policy, threads, exhaustion] = GetParam();
  const RunResult result = run(troubled(policy, threads, exhaustion), 3);
  ASSERT_TRUE(result.laws_hold);
  for (const HopResult& hop : result.hops) {
    EXPECT_GT(hop.outstanding_integral, 0);
    EXPECT_EQ(outstanding(hop.place_times), hop.outstanding_integral);
    // With two threads the last regions lie in the return queue when nothing happens any more.
    if (std::string(threads) == "1") {
      EXPECT_EQ(hop.outstanding_integral, hop.outstanding_times.total_ns()) << "Little's law";
    }
  }
  const HopResult& first = result.hops.front();  // the second hop gets no bursts
  EXPECT_GT(first.no_buffer, 0U);
  ASSERT_TRUE(first.first_refusal.has_value());
  EXPECT_EQ(total(first.first_refusal->counts), std::string(exhaustion) == "drop" ? 28U : 12U);
}

// What the report is about, in one line of figures: the deferred loop's last batch has left and
// nobody has looked.
TEST(Census, DeferredBuffersAreCompletedButNotReapedAtTheFirstRefusal) {
  const auto scenario =
      load_scenario(REPRISE_SOURCE_FOLDER "/examples/scenarios/pool_threshold.toml",
                    {{"policy", "deferred"}, {"traffic.count", "640"}});
  ASSERT_TRUE(scenario) << scenario.error().message;
  const HopResult hop = run(*scenario, 1).hops.front();
  ASSERT_TRUE(hop.first_refusal.has_value());
  PlaceCounts expected{};
  expected[static_cast<std::size_t>(Place::free)] = 32;
  expected[static_cast<std::size_t>(Place::being_filled)] = 32;
  expected[static_cast<std::size_t>(Place::completed)] = 32;
  EXPECT_EQ(hop.first_refusal->counts, expected);
}

TEST(Census, NothingIsRefusedNothingIsNoted) {
  const RunResult result = run(scenario_of("[traffic]\ncount = 100\n"), 1);
  EXPECT_FALSE(result.hops.front().first_refusal.has_value());
  EXPECT_TRUE(to_json(result)["first_refusal"].is_null());
}

TEST(Census, JsonSplitsTheOutstandingTimeIntoItsPlaces) {
  const nlohmann::ordered_json json = to_json(run(troubled("deferred", "2", "drop"), 3));
  std::int64_t sum = 0;
  for (const auto& [place, time] : json["outstanding_region_ns_by_place"].items()) {
    sum += time.get<std::int64_t>();
  }
  EXPECT_EQ(sum, json["outstanding_region_ns"].get<std::int64_t>());
  std::uint64_t regions = 0;
  for (const auto& [place, count] : json["first_refusal"]["census"].items()) {
    regions += count.get<std::uint64_t>();
  }
  EXPECT_EQ(regions, 28U);
  EXPECT_GE(json["first_refusal"]["turn"].get<std::uint64_t>(), 1U);
}

// The laboratory's own statement of the case.
TEST(PoolThreshold, SynchronousNeedsOneBurstOfBuffersAndDeferredTwo) {
  const auto refused = [](const char* policy, const char* pool) {
    const auto scenario =
        load_scenario(REPRISE_SOURCE_FOLDER "/examples/scenarios/pool_threshold.toml",
                      {{"policy", policy}, {"pool", pool}, {"traffic.count", "6400"}});
    EXPECT_TRUE(scenario) << scenario.error().message;
    return run(*scenario, 1).hops.front().no_buffer;
  };
  EXPECT_GT(refused("synchronous", "31"), 0U);
  EXPECT_EQ(refused("synchronous", "32"), 0U);
  EXPECT_GT(refused("deferred", "32"), 0U);
  EXPECT_GT(refused("deferred", "63"), 0U);
  EXPECT_EQ(refused("deferred", "64"), 0U);
}

}  // namespace
}  // namespace reprise::lab
