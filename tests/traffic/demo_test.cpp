#include "reprise/traffic/demo.hpp"

#include "namespace_test.hpp"
#include "standin_relay.hpp"

namespace reprise::traffic {
namespace {

using Demo = NamespaceTest;

DemoOptions options_for(std::uint64_t count) {
  DemoOptions options;
  options.count = count;
  options.progress = false;
  return options;
}

const std::atomic<bool> kNeverStop = false;

TEST_F(Demo, LosesNothingWithARelayThatWorks) {
  const DemoResult result = value_of(run_demo(options_for(20'000), standin_relay(), kNeverStop));
  EXPECT_TRUE(result.held()) << to_json(result);
  EXPECT_EQ(result.sent, 20'000U);
  EXPECT_EQ(result.received, 20'000U);
  EXPECT_EQ(result.relay_report["relayed"], 20'000U);
  EXPECT_GT(result.latency.p50.ns, 0);
  EXPECT_LE(result.latency.p50, result.latency.p99);
}

TEST_F(Demo, RunsOverIpv6) {
  DemoOptions options = options_for(2'000);
  options.family = engine::Family::ipv6;
  const DemoResult result = value_of(run_demo(options, standin_relay(), kNeverStop));
  EXPECT_TRUE(result.held()) << to_json(result);
}

TEST_F(Demo, CountsEveryFaultOfTheRelayExactly) {
  const StandinFaults faults{
      .drop_every = 1'000, .duplicate_every = 700, .corrupt_every = 900, .delay_every = 1'100};
  const DemoResult result =
      value_of(run_demo(options_for(6'000), standin_relay(faults), kNeverStop));
  EXPECT_FALSE(result.held());
  EXPECT_EQ(result.sent, 6'000U);
  EXPECT_EQ(result.corrupted, 6U);
  EXPECT_EQ(result.lost, 12U);  // six dropped and six corrupted
  EXPECT_EQ(result.duplicated, 8U);
  EXPECT_EQ(result.reordered, 5U);
  EXPECT_EQ(result.received, 5'988U);
}

TEST_F(Demo, EndsAtOnceWhenItIsInterrupted) {
  const std::atomic<bool> stop = true;
  const DemoResult result = value_of(run_demo(options_for(1'000'000'000), standin_relay(), stop));
  EXPECT_TRUE(result.interrupted);
  EXPECT_FALSE(result.complete);
  EXPECT_FALSE(result.held());
}

TEST_F(Demo, NamesARelayThatCannotStart) {
  const auto result =
      run_demo(options_for(1'000), [](const DemoRelayTask&) { return 2; }, kNeverStop);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().message, "relay: ended with status 2 before it was ready");
}

TEST_F(Demo, NamesARelayThatDiesUnderTraffic) {
  const auto result = run_demo(
      options_for(1'000'000),
      [](const DemoRelayTask& task) -> int {
        task.ready();
        abort();
      },
      kNeverStop);
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("the relay was ended by signal 6"), std::string::npos)
      << result.error().message;
}

}  // namespace
}  // namespace reprise::traffic
