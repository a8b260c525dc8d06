#include "reprise/lab/measurement.hpp"

#include <gtest/gtest.h>

#include <memory>

#include "reprise/lab/run.hpp"
#include "reprise/lab/scenario.hpp"
#include "reprise/sim/choices.hpp"

namespace reprise::lab {
namespace {

using engine::Instant;

TEST(Occupancy, CountsWhatIsThereAndForHowLong) {
  Occupancy occupancy(3);
  occupancy.enter(0, Instant{100});
  occupancy.enter(2, Instant{110});
  EXPECT_EQ(occupancy.count(), 2U);
  occupancy.leave(0, Instant{130});
  EXPECT_EQ(occupancy.count(), 1U);
  EXPECT_EQ(occupancy.max(), 2U);
  EXPECT_EQ(occupancy.times().total_ns(), 30);
  EXPECT_EQ(occupancy.integral(Instant{130}), 10 + 2 * 20);
  EXPECT_EQ(occupancy.integral(Instant{150}), 10 + 2 * 20 + 20);  // one is still there
}

TEST(Occupancy, IgnoresTheEndOfWhatNeverBegan) {
  Occupancy occupancy(1);
  occupancy.leave(0, Instant{50});
  EXPECT_EQ(occupancy.count(), 0U);
  EXPECT_EQ(occupancy.times().count(), 0U);
  EXPECT_EQ(occupancy.integral(Instant{100}), 0);
}

TEST(OccupancyDeathTest, RefusesToEnterTwice) {
  Occupancy occupancy(1);
  occupancy.enter(0, Instant{1});
  EXPECT_DEATH(occupancy.enter(0, Instant{2}), "");
}

/// Runs a scenario to its end.
Measurement measure(const Scenario& scenario, std::uint64_t seed) {
  sim::World world(std::make_shared<const sim::WorldConfig>(scenario.world));
  sim::Hashed choices(seed);
  Measurement measurement(world);
  for (;;) {
    const sim::Event event = world.step(choices);
    if (event.kind == sim::EventKind::quiet) return measurement;
    measurement.add(world, event);
  }
}

Scenario scenario_of(const std::string& text) {
  auto scenario = parse_scenario("version = 1\n" + text, "test.toml");
  EXPECT_TRUE(scenario) << scenario.error().message;
  return scenario.value_or(Scenario{});
}

// Little's law over a whole run in which everything that entered has left: the time integral of the
// count equals the sum of the times, exactly, because both are integers over the same events.
void expect_littles_law(const Occupancy& occupancy, Instant end) {
  EXPECT_GT(occupancy.times().count(), 0U);
  EXPECT_EQ(occupancy.count(), 0U);
  EXPECT_EQ(occupancy.integral(end), occupancy.times().total_ns());
  EXPECT_GT(occupancy.max(), 0U);
}

TEST(Measurement, ObeysLittlesLawExactlyUnderEveryPolicy) {
  for (const char* policy : {"synchronous", "deferred", "eager", "adaptive"}) {
    for (const char* exhaustion : {"wait", "drop"}) {
      SCOPED_TRACE(std::string(policy) + " " + exhaustion);
      const Scenario scenario = scenario_of(
          "[traffic]\narrivals = \"poisson\"\nrate = 500000\ncount = 20000\nflows = 3\n"
          "[relay]\nhops = 2\nfan_out = 2\npool = 40\nlanding = 8\npolicy = \"" +
          std::string(policy) + "\"\nexhaustion = \"" + exhaustion + "\"\n");
      const Measurement measurement = measure(scenario, 5);
      for (std::size_t hop = 0; hop < 2; ++hop) {
        expect_littles_law(measurement.node(hop).outstanding, measurement.last_event());
        expect_littles_law(measurement.node(hop).in_flight, measurement.last_event());
        EXPECT_LE(measurement.node(hop).outstanding.max(), 40U);
      }
    }
  }
}

TEST(Measurement, ObeysLittlesLawExactlyWhereSendsAreRefusedAndFail) {
  const Scenario scenario = scenario_of(
      "[traffic]\nrate = 100000\ncount = 20000\n"
      "[relay]\nsend_buffer_bytes = 8192\n"
      "[link]\nbits_per_second = 900000000\nstall_start_ns = 1000000\nstall_length_ns = 3000000\n"
      "[faults]\nsend_errors_per_million = 20000\n");
  const Measurement measurement = measure(scenario, 5);
  expect_littles_law(measurement.node(0).outstanding, measurement.last_event());
  expect_littles_law(measurement.node(0).in_flight, measurement.last_event());
}

TEST(Measurement, AgreesWithTheEnginesOwnCounts) {
  const Scenario scenario = scenario_of(
      "[traffic]\nrate = 900000\ncount = 30000\n[relay]\nexhaustion = \"drop\"\npool = 16\n");
  const Measurement measurement = measure(scenario, 1);
  const RunResult result = run(scenario, 1);
  const HopResult& hop = result.hops.front();
  EXPECT_GT(hop.no_buffer, 0U);
  // Every accepted datagram was outstanding once; every send that was tried was in flight once.
  EXPECT_EQ(measurement.node(0).outstanding.times().count(), hop.received - hop.no_buffer);
  EXPECT_EQ(measurement.node(0).in_flight.times().count(), hop.sent);
  EXPECT_EQ(measurement.digest(), result.digest);
  EXPECT_EQ(result.offered, 30'000U);
  EXPECT_EQ(hop.arrived, hop.received + hop.kernel_drops);
  EXPECT_EQ(hop.sent + hop.no_buffer + hop.send_drops, hop.received);
  EXPECT_TRUE(result.laws_hold);
}

}  // namespace
}  // namespace reprise::lab
