// Packet rings, segmented sends, the switch between the modes, and several workers: what holds for
// the plain path holds here.
#include <algorithm>

#include "relay_program.hpp"
#include "reprise/traffic/offloads.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

/// The flags of one way to relay.
struct Way {
  std::string backend;
  std::string mode;
  std::string policy;
};

void PrintTo(const Way& way, std::ostream* out) {
  *out << way.backend << ", " << way.mode << ", " << way.policy;
}

std::vector<Way> all_ways() {
  std::vector<Way> ways;
  for (const char* backend : {"uring", "asio"}) {
    for (const char* mode : {"throughput", "auto"}) {
      for (const char* policy : {"synchronous", "deferred", "eager", "adaptive"})
        ways.push_back({backend, mode, policy});
    }
  }
  return ways;
}

class FastPath : public SystemTest, public testing::WithParamInterface<Way> {
 protected:
  static std::vector<std::string> with(const std::vector<std::string>& more) {
    std::vector<std::string> arguments{HostRow::received_on(0),
                                       HostRow::sent_on(1),
                                       "--backend",
                                       GetParam().backend,
                                       "--mode",
                                       GetParam().mode,
                                       "--policy",
                                       GetParam().policy};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return arguments;
  }
};

INSTANTIATE_TEST_SUITE_P(Ways, FastPath, testing::ValuesIn(all_ways()), [](const auto& way) {
  return way.param.backend + "_" + way.param.mode + "_" + way.param.policy;
});

TEST_P(FastPath, RelaysEveryDatagramOnceAndInOrder) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), with({}));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 10'000}),
                 10'000);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  if (GetParam().mode == "throughput") {
    EXPECT_EQ(report["mode"], "throughput");
  }
  EXPECT_LT(report["outputs"][0]["sends"], 9'000) << "datagrams leave together: " << report;
}

TEST_P(FastPath, KeepsTheOrderWhereTheSocketIsFull) {
  const HostRow row(1);
  if (!slow_down(row, "200mbit")) GTEST_SKIP() << "tc cannot slow an interface down here";
  RelayProgram relay(row.relay(0), with({"--send-buffer", "8192"}));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1),
                         {.count = 2'000, .window_datagrams = 60}),
                 2'000);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_GT(report["outputs"][0]["refused"], 0) << report;
}

TEST_P(FastPath, StopsWithAnOutputBlockedForEverAndCountsWhatWaited) {
  const HostRow row(1);
  value_of(traffic::create_veth_pair({&row.relay(0), "out2", {}}, {&row.sink(), "in2", {}}));
  if (!command_inside(row.relay(0),
                      "tc qdisc add dev out2 root tbf rate 8kbit burst 2kb limit 1mb"))
    GTEST_SKIP() << "tc cannot slow an interface down here";
  RelayProgram relay(row.relay(0), with({"239.1.9.9:5000%out2"}));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 5'000}),
                 5'000);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_GT(drops_in(report["outputs"][1]), 0U) << report;
}

using Throughput = SystemTest;

std::vector<std::string> throughput(const std::vector<std::string>& more = {}) {
  std::vector<std::string> arguments{HostRow::received_on(0), HostRow::sent_on(1), "--mode",
                                     "throughput"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return arguments;
}

TEST_F(Throughput, RelaysPayloadsOfEverySize) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), throughput());
  for (const std::uint32_t bytes : {40U, 41U, 64U, 512U, 1399U, 1471U, 1472U}) {
    SCOPED_TRACE(bytes);
    expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1),
                           {.count = 500, .payload_bytes = bytes}),
                   500);
  }
  expect_nothing_lost_inside(relay.stop());
}

TEST_F(Throughput, RelaysJumboFrames) {
  const HostRow row(1, {.mtu_bytes = 9000});
  RelayProgram relay(row.relay(0), throughput());
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1),
                         {.count = 3'000, .payload_bytes = 8'900}),
                 3'000);
  expect_nothing_lost_inside(relay.stop());
}

TEST_F(Throughput, GoesOnWhereTheOutputsDeviceCannotSegment) {
  const HostRow row(1);
  inside(row.relay(0), [] { value_of(traffic::switch_off_offloads("out")); });
  RelayProgram relay(row.relay(0), throughput());
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 10'000}),
                 10'000);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_LT(report["outputs"][0]["sends"], 9'000) << report;
}

TEST_F(Throughput, SegmentsThatThePathDoesNotTakeLeaveOneByOne) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), throughput());
  ASSERT_TRUE(command_inside(row.relay(0), "ip link set out mtu 1000"));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1),
                         {.count = 2'000, .payload_bytes = 900}),
                 2'000);
  traffic::GeneratorOptions generator;
  generator.destination = endpoint_of(HostRow::sent_on(0));
  generator.count = 20;
  traffic::Child source = start_source(row.source(), generator);
  EXPECT_EQ(result_of(source)["sent"], 20);
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1),
                         {.count = 2'000, .payload_bytes = 900}),
                 2'000);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["outputs"][0]["dropped"].value("too_large", 0), 20) << report;
  EXPECT_GT(report["outputs"][0]["unsegmented"], 0) << report;
}

TEST_F(Throughput, WithoutSegmentationEachDatagramIsASend) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), throughput({"--segmentation", "off"}));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 2'000}),
                 2'000);
  const nlohmann::json report = relay.stop();
  EXPECT_EQ(report["outputs"][0]["sends"], 2'000) << report;
}

TEST_F(Throughput, ThreeRelaysInARowPartWhatTheOneBeforeMerged) {
  const HostRow row(3);
  std::vector<std::unique_ptr<RelayProgram>> relays;
  for (std::size_t hop = 0; hop < 3; ++hop) {
    relays.push_back(std::make_unique<RelayProgram>(
        row.relay(hop),
        std::vector<std::string>{HostRow::received_on(hop), HostRow::sent_on(hop + 1), "--mode",
                                 hop == 1 ? "latency" : "throughput"}));
  }
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(3), {.count = 20'000}),
                 20'000);
  for (const auto& relay : relays) expect_nothing_lost_inside(relay->stop());
}

TEST_F(Throughput, AccountsForEverythingWhenTheRingIsFull) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), throughput({"--packet-ring", "524288"}));
  traffic::ReceiverOptions receiver;
  receiver.input = endpoint_of(HostRow::received_on(1));
  receiver.idle_before_first = engine::seconds(5);
  receiver.idle_after_first = engine::milliseconds(500);
  traffic::Child sink = start_sink(row.sink(), receiver);
  ASSERT_EQ(::kill(relay.pid(), SIGSTOP), 0);
  traffic::GeneratorOptions generator;
  generator.destination = endpoint_of(HostRow::sent_on(0));
  generator.count = 5'000;
  traffic::Child source = start_source(row.source(), generator);
  EXPECT_EQ(result_of(source)["sent"], 5'000);
  ASSERT_EQ(::kill(relay.pid(), SIGCONT), 0);
  const nlohmann::json arrived = result_of(sink);
  expect_intact(arrived);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_GT(report["kernel_drops"], 0);
  EXPECT_GT(report["received"], 0);
  EXPECT_EQ(report["received"].get<std::uint64_t>() + report["kernel_drops"].get<std::uint64_t>(),
            5'000U);
  EXPECT_EQ(report["sent"], arrived["received"]);
}

using ModeSwitch = SystemTest;

/// Numbered traffic at a rate that changes again and again: what the switch of the modes must not
/// show in.
TEST_F(ModeSwitch, LosesAndReordersNothing) {
  const HostRow row(1);
  // Many sends for each datagram, so that the relay is busy on any host.
  std::vector<std::string> arguments{HostRow::received_on(0), HostRow::sent_on(1), "--segmentation",
                                     "off"};
  for (int output = 0; output < 30; ++output)
    arguments.push_back("239.1.9." + std::to_string(output) + ":5000%out");
  RelayProgram relay(row.relay(0), arguments);
  const traffic::SharedCounters counters;
  traffic::ReceiverOptions receiver;
  receiver.input = endpoint_of(HostRow::received_on(1));
  receiver.published = &counters->received;
  receiver.idle_before_first = engine::seconds(5);
  receiver.idle_after_first = engine::seconds(3);
  traffic::Child sink = start_sink(row.sink(), receiver);
  std::uint64_t sent = 0;
  for (int round = 0; round < 2; ++round) {
    // As much as is under way for a while, then little for longer than it takes to go back.
    for (const bool is_busy : {true, false}) {
      traffic::GeneratorOptions generator;
      generator.destination = endpoint_of(HostRow::sent_on(0));
      generator.first_sequence = sent;
      generator.count = is_busy ? 6'000 : 150;
      generator.rate_per_second = is_busy ? 0 : 100;
      generator.window = {
          .received = &counters->received, .received_before = sent, .datagrams = 512};
      traffic::Child source = start_source(row.source(), generator);
      sent += result_of(source)["sent"].get<std::uint64_t>();
    }
  }
  const nlohmann::json arrived = result_of(sink);
  const nlohmann::json report = relay.stop();
  SCOPED_TRACE(report.dump());
  expect_nothing_lost_inside(report);
  EXPECT_EQ(arrived["received"], sent);
  expect_intact(arrived);
  EXPECT_GE(report["mode_switches"], 2) << "the test saw no switch";
}

class Workers : public SystemTest, public testing::WithParamInterface<const char*> {};
INSTANTIATE_TEST_SUITE_P(Each, Workers, testing::Values("auto", "latency", "throughput"),
                         [](const auto& mode) { return std::string(mode.param); });

TEST_P(Workers, ShareTheFlowsAndKeepEachInOrder) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1), "--workers", "3",
                                    "--mode", GetParam()});
  constexpr std::uint64_t kFlows = 8;
  constexpr std::uint64_t kCount = 2'000;
  const traffic::SharedCounters counters;
  traffic::ReceiverOptions receiver;
  receiver.input = endpoint_of(HostRow::received_on(1));
  receiver.count = kFlows * kCount;
  receiver.published = &counters->received;
  receiver.idle_before_first = engine::seconds(5);
  receiver.idle_after_first = engine::seconds(2);
  traffic::Child sink = start_sink(row.sink(), receiver);
  std::vector<traffic::Child> sources;
  for (std::uint32_t stream = 1; stream <= kFlows; ++stream) {
    traffic::GeneratorOptions generator;
    generator.destination = endpoint_of(HostRow::sent_on(0));
    generator.stream = stream;
    generator.count = kCount;
    generator.rate_per_second = 5'000;
    sources.push_back(start_source(row.source(), generator));
  }
  for (traffic::Child& source : sources) EXPECT_EQ(result_of(source)["sent"], kCount);
  const nlohmann::json arrived = result_of(sink);
  const nlohmann::json report = relay.stop();
  SCOPED_TRACE(report.dump());
  expect_nothing_lost_inside(report);
  EXPECT_EQ(arrived["received"], kFlows * kCount);
  expect_intact(arrived);
  EXPECT_EQ(report["workers"], 3);
}

}  // namespace
}  // namespace reprise::tests
