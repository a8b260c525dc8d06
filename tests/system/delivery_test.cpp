// What one relay delivers: to one output, to several, under each policy, over IPv6 and unicast.
#include <fstream>
#include <sstream>

#include "relay_program.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

using Relay = SystemTest;

TEST_F(Relay, DeliversEveryDatagramOnceIntactAndInOrder) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 30'000}),
                 30'000);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["accepted"], 30'000);
  EXPECT_EQ(report["sent"], 30'000);
  EXPECT_EQ(report["kernel_drops"], 0);
}

class RelayPolicy : public Relay, public testing::WithParamInterface<const char*> {};

TEST_P(RelayPolicy, DeliversEveryDatagram) {
  const HostRow row(1);
  for (const char* exhaustion : {"wait", "drop"}) {
    SCOPED_TRACE(exhaustion);
    RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1), "--policy",
                                      GetParam(), "--exhaustion", exhaustion});
    expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 5'000}),
                   5'000);
    expect_nothing_lost_inside(relay.stop());
  }
}

INSTANTIATE_TEST_SUITE_P(Each, RelayPolicy,
                         testing::Values("synchronous", "deferred", "eager", "adaptive"),
                         [](const auto& policy) { return std::string(policy.param); });

TEST_F(Relay, DeliversWithTheSmallestPoolRingAndBatch) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1), "--pool", "1",
                                    "--ring", "1", "--batch", "1"});
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 2'000}),
                 2'000);
  expect_nothing_lost_inside(relay.stop());
}

TEST_F(Relay, FansOutToThreeOutputsOnTwoInterfaces) {
  const HostRow row(1);
  value_of(traffic::create_veth_pair({&row.relay(0), "out2", {}}, {&row.sink(), "in2", {}}));
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1),
                                    "239.1.9.2:5002%out", "239.1.9.3:5003%out2"});
  constexpr std::uint64_t kCount = 10'000;
  traffic::ReceiverOptions other;
  other.count = kCount;
  other.idle_before_first = engine::seconds(5);
  other.idle_after_first = engine::seconds(2);
  other.input = endpoint_of("239.1.9.2:5002%in");
  traffic::Child second = start_sink(row.sink(), other);
  other.input = endpoint_of("239.1.9.3:5003%in2");
  traffic::Child third = start_sink(row.sink(), other);
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = kCount}),
                 kCount);
  for (traffic::Child* sink : {&second, &third}) {
    const nlohmann::json result = result_of(*sink);
    EXPECT_EQ(result["received"], kCount) << result;
    expect_intact(result);
  }
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["sent"], 3 * kCount);
}

TEST_F(Relay, RelaysSeveralRules) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0),
                     {HostRow::received_on(0), HostRow::sent_on(1), "+", "239.1.9.1:5000%in",
                      "239.1.9.2:5002%out", "239.1.9.3:5003%out"});
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 1'000}),
                 1'000);
  expect_perfect(deliver(row, "239.1.9.1:5000%out", "239.1.9.3:5003%in", {.count = 1'000}), 1'000);
  EXPECT_EQ(relay.stop()["sent"], 3'000);
}

TEST_F(Relay, DeliversOverIpv6) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {"[ff18::1]:5000%in", "[ff18::2]:5001%out"});
  expect_perfect(deliver(row, "[ff18::1]:5000%out", "[ff18::2]:5001%in", {.payload_bytes = 1452}),
                 10'000);
  expect_nothing_lost_inside(relay.stop());
}

TEST_F(Relay, TurnsIpv4IntoIpv6AndBack) {
  const HostRow row(2);
  RelayProgram to_ipv6(row.relay(0), {HostRow::received_on(0), "[ff18::1]:5000%out"});
  RelayProgram to_ipv4(row.relay(1), {"[ff18::1]:5000%in", HostRow::sent_on(2)});
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(2), {.count = 5'000}),
                 5'000);
  expect_nothing_lost_inside(to_ipv6.stop());
  expect_nothing_lost_inside(to_ipv4.stop());
}

/// ICMP destination unreachable messages that a host has sent.
std::uint64_t unreachables_sent_by(const traffic::Namespace& host) {
  std::uint64_t sent = 0;
  inside(host, [&] {
    std::ifstream table("/proc/thread-self/net/snmp");  // a line of names, then one of values
    std::string name;
    std::string value;
    for (std::string names; std::getline(table, names);) {
      std::string values;
      std::getline(table, values);
      std::istringstream all_names(names);
      std::istringstream all_values(values);
      if (!names.starts_with("Icmp:")) continue;
      while (all_names >> name && all_values >> value) {
        if (name == "OutDestUnreachs") sent = std::stoull(value);
      }
    }
  });
  return sent;
}

TEST_F(Relay, TakesUnicastInAndTurnsMulticastBackIntoIt) {
  const HostRow row(2);
  RelayProgram from_unicast(row.relay(0), {"198.18.0.2:5000%in", HostRow::sent_on(1)});
  RelayProgram to_unicast(row.relay(1), {HostRow::received_on(1), "198.18.2.2:6000"});
  const Delivery delivery = deliver(row, "198.18.0.2:5000", "198.18.2.2:6000", {.count = 5'000});
  expect_perfect(delivery, 5'000);
  // The sender would take a port unreachable for a reason to stop.
  EXPECT_EQ(unreachables_sent_by(row.relay(0)), 0U);
  expect_nothing_lost_inside(from_unicast.stop());
  expect_nothing_lost_inside(to_unicast.stop());
}

TEST_F(Relay, LetsOnlyTheWantedSourcePass) {
  const HostRow row(1);
  ASSERT_TRUE(command_inside(row.source(), "ip address add 198.18.0.77/24 dev out"));
  RelayProgram relay(row.relay(0), {"198.18.0.1@232.1.1.1:5000%in", HostRow::sent_on(1)});
  traffic::GeneratorOptions unwanted;
  unwanted.destination = endpoint_of("198.18.0.77@232.1.1.1:5000%out");
  unwanted.count = 500;
  traffic::Child other = start_source(row.source(), unwanted);
  EXPECT_EQ(result_of(other)["sent"], 500);
  expect_perfect(
      deliver(row, "198.18.0.1@232.1.1.1:5000%out", HostRow::received_on(1), {.count = 500}), 500);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["accepted"], 500);
  // Where the kernel's filter is too coarse to keep them out, the relay counts them.
  EXPECT_EQ(report["dropped"].value("wrong_source", 0), drops_in(report)) << report;
}

}  // namespace
}  // namespace reprise::tests
