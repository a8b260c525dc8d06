// A relay that is stopped in the middle of traffic sends what it accepted and loses no region.
#include "relay_program.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

using RelayStop = SystemTest;

/// Stops a relay after a few thousand datagrams of traffic that does not end by itself.
void expect_clean_stop(int signal, const std::vector<std::string>& flags) {
  const HostRow row(1);
  std::vector<std::string> arguments{HostRow::received_on(0), HostRow::sent_on(1)};
  arguments.insert(arguments.end(), flags.begin(), flags.end());
  RelayProgram relay(row.relay(0), arguments);
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
  const nlohmann::json report = relay.stop(signal);
  const nlohmann::json sent = stopped_result_of(source);
  const nlohmann::json arrived = result_of(sink);

  SCOPED_TRACE(report.dump());
  expect_nothing_lost_inside(report);
  // All that was accepted went out, and all that went out arrived.
  EXPECT_EQ(report["accepted"], report["sent"]);
  EXPECT_EQ(report["sent"], arrived["received"].get<std::uint64_t>() +
                                arrived["kernel_drops"].get<std::uint64_t>() +
                                interface_drops(row.sink(), "in"));
  EXPECT_GE(sent["sent"].get<std::uint64_t>(), report["received"].get<std::uint64_t>());
  expect_intact(arrived);
}

TEST_F(RelayStop, UnderTrafficBySigtermLosesNothing) { expect_clean_stop(SIGTERM, {}); }

TEST_F(RelayStop, UnderTrafficBySigintLosesNothing) { expect_clean_stop(SIGINT, {}); }

TEST_F(RelayStop, UnderTrafficLosesNothingUnderAnyPolicy) {
  for (const char* policy : {"synchronous", "deferred", "eager"})
    expect_clean_stop(SIGTERM, {"--policy", policy});
}

TEST_F(RelayStop, UnderTrafficWithAnExhaustedPoolLosesNothing) {
  expect_clean_stop(SIGTERM, {"--pool", "2", "--exhaustion", "drop"});
}

TEST_F(RelayStop, WithoutTrafficIsClean) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["received"], 0);
}

/// Groups that the host is a member of, by interface, as the kernel prints them.
bool is_member(const traffic::Namespace& host, const std::string& group) {
  return command_inside(host, "ip maddress show | grep -qw " + group);
}

TEST_F(RelayStop, LeavesTheGroupsThatItJoined) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  EXPECT_TRUE(is_member(row.relay(0), "239.1.0.1"));
  relay.stop();
  EXPECT_FALSE(is_member(row.relay(0), "239.1.0.1"));
}

TEST_F(RelayStop, WithAnOutputBlockedForEverEndsAndCountsWhatWaited) {
  const HostRow row(1);
  value_of(traffic::create_veth_pair({&row.relay(0), "out2", {}}, {&row.sink(), "in2", {}}));
  if (!command_inside(row.relay(0), "tc qdisc add dev out root tbf rate 8kbit burst 2kb limit 1mb"))
    GTEST_SKIP() << "tc cannot slow an interface down here";
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1),
                                    "239.1.9.9:5000%out2", "--send-buffer", "4608"});
  // What the free output delivers, the relay has accepted, for the blocked one too.
  expect_perfect(deliver(row, HostRow::sent_on(0), "239.1.9.9:5000%in2", {.count = 60}), 60);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["accepted"], 60);
  EXPECT_EQ(report["outputs"][1]["sent"], 60) << report;
  EXPECT_GT(report["outputs"][0]["refused"], 0) << report;
  EXPECT_GT(report["outputs"][0]["dropped"].value("stopped", 0), 0) << report;
}

}  // namespace
}  // namespace reprise::tests
