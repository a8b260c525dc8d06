// What holds for a relay on io_uring holds on Asio: delivery, order under a full socket, the stop.
#include "relay_program.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

/// The flags that come with `--backend asio`.
struct Way {
  std::string policy;
  std::string threads;
};

void PrintTo(const Way& way, std::ostream* out) { *out << way.policy << ", " << way.threads; }

class AsioRelay : public SystemTest, public testing::WithParamInterface<Way> {
 protected:
  static std::vector<std::string> arguments_with(const std::vector<std::string>& more) {
    std::vector<std::string> arguments{
        HostRow::received_on(0), HostRow::sent_on(1), "--backend",       "asio", "--policy",
        GetParam().policy,       "--threads",         GetParam().threads};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
};

std::vector<Way> all_ways() {
  std::vector<Way> ways;
  for (const char* policy : {"synchronous", "deferred", "eager", "adaptive"}) {
    for (const char* threads : {"1", "2"}) ways.push_back({policy, threads});
  }
  return ways;
}

INSTANTIATE_TEST_SUITE_P(Ways, AsioRelay, testing::ValuesIn(all_ways()), [](const auto& way) {
  return way.param.policy + "_" + way.param.threads;
});

TEST_P(AsioRelay, RelaysEveryDatagramOnceAndInOrder) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), arguments_with({}));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 20'000}),
                 20'000);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["backend"], "asio");
}

TEST_P(AsioRelay, RelaysDatagramsThatComeOneByOne) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), arguments_with({}));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1),
                         {.count = 1'000, .window_datagrams = 1}),
                 1'000);
  expect_nothing_lost_inside(relay.stop());
}

TEST_P(AsioRelay, RelaysEveryDatagramWithAPoolOfOneBatch) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), arguments_with({"--pool", "32"}));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 5'000}),
                 5'000);
  expect_nothing_lost_inside(relay.stop());
}

TEST_P(AsioRelay, KeepsTheOrderWhereTheSocketIsFull) {
  const HostRow row(1);
  if (!slow_down(row, "200mbit")) GTEST_SKIP() << "tc cannot slow an interface down here";
  RelayProgram relay(row.relay(0), arguments_with({"--send-buffer", "8192"}));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1),
                         {.count = 2'000, .window_datagrams = 60}),
                 2'000);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_GT(report["outputs"][0]["refused"], 0) << report;
}

TEST_P(AsioRelay, StopsUnderLoadAfterSendingWhatItAccepted) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), arguments_with({}));
  const traffic::SharedCounters counters;
  traffic::ReceiverOptions receiver;
  receiver.input = endpoint_of(HostRow::received_on(1));
  receiver.published = &counters->received;
  receiver.idle_before_first = engine::seconds(5);
  receiver.idle_after_first = engine::milliseconds(500);
  traffic::Child sink = start_sink(row.sink(), receiver);
  traffic::GeneratorOptions generator;
  generator.destination = endpoint_of(HostRow::sent_on(0));
  generator.rate_per_second = 60'000;
  traffic::Child source = start_source(row.source(), generator);
  ASSERT_TRUE(eventually([&counters] { return counters->received >= 3'000; }));
  const nlohmann::json report = relay.stop();
  stopped_result_of(source);
  const nlohmann::json arrived = result_of(sink);
  SCOPED_TRACE(report.dump());
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["accepted"], report["sent"]);
  EXPECT_EQ(report["sent"], arrived["received"].get<std::uint64_t>() +
                                arrived["kernel_drops"].get<std::uint64_t>() +
                                interface_drops(row.sink(), "in"));
  expect_intact(arrived);
}

TEST_P(AsioRelay, StopsWithAnOutputBlockedForEverAndCountsWhatWaited) {
  const HostRow row(1);
  value_of(traffic::create_veth_pair({&row.relay(0), "out2", {}}, {&row.sink(), "in2", {}}));
  if (!command_inside(row.relay(0), "tc qdisc add dev out root tbf rate 8kbit burst 2kb limit 1mb"))
    GTEST_SKIP() << "tc cannot slow an interface down here";
  RelayProgram relay(row.relay(0),
                     arguments_with({"239.1.9.9:5000%out2", "--send-buffer", "4608"}));
  expect_perfect(deliver(row, HostRow::sent_on(0), "239.1.9.9:5000%in2", {.count = 60}), 60);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["outputs"][1]["sent"], 60) << report;
  EXPECT_GT(report["outputs"][0]["dropped"].value("stopped", 0), 0) << report;
}

}  // namespace
}  // namespace reprise::tests
