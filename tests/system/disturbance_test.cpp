// What goes wrong at run time is counted where it happens and disturbs nothing else.
#include <sys/socket.h>

#include <array>

#include "relay_program.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/traffic/udp_socket.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

using RelayDisturbance = SystemTest;

TEST_F(RelayDisturbance, AClosedPortTakesNothingFromTheOtherOutput) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0),
                     {HostRow::received_on(0), "198.18.1.2:5999", HostRow::sent_on(1)});
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 3'000}),
                 3'000);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  const auto& closed = report["outputs"][0];
  EXPECT_GT(closed["errors"].value("ECONNREFUSED", 0), 0) << closed;
  EXPECT_EQ(closed["errors"].value("ECONNREFUSED", 0),
            closed["dropped"].value("connection_refused", -1))
      << closed;
  EXPECT_EQ(report["outputs"][1]["sent"], 3'000);
  EXPECT_TRUE(report["outputs"][1]["errors"].empty()) << report;
}

TEST_F(RelayDisturbance, ASmallSendBufferRefusesAndKeepsTheOrder) {
  const HostRow row(1);
  if (!slow_down(row, "200mbit")) GTEST_SKIP() << "tc cannot slow an interface down here";
  for (const char* policy : {"synchronous", "deferred", "eager", "adaptive"}) {
    SCOPED_TRACE(policy);
    RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1), "--policy",
                                      policy, "--send-buffer", "8192"});
    expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1),
                           {.count = 2'000, .window_datagrams = 60}),
                   2'000);
    const nlohmann::json report = relay.stop();
    expect_nothing_lost_inside(report);
    EXPECT_GT(report["outputs"][0]["refused"], 0) << report;
  }
}

/// Sends datagrams one by one.
class Prober {
 public:
  explicit Prober(const HostRow& row) {
    inside(row.source(), [&] {
      sender_ =
          value_of(traffic::open_udp_sender({.destination = endpoint_of(HostRow::sent_on(0))}));
    });
    inside(row.sink(), [&] {
      sink_ = value_of(traffic::open_udp_sink({.input = endpoint_of(HostRow::received_on(1)),
                                               .receive_timeout = engine::milliseconds(20)}));
    });
  }

  void send() {
    ASSERT_EQ(::send(sender_.get(), &next_, sizeof next_, 0), ssize_t{sizeof next_});
    ++next_;
  }

  /// Sends until one arrives.
  bool arrives() {
    std::uint32_t number = 0;
    return eventually([&] {
      send();
      return ::recv(sink_.get(), &number, sizeof number, 0) == ssize_t{sizeof number};
    });
  }

 private:
  posix::Descriptor sender_;
  posix::Descriptor sink_;
  std::uint32_t next_ = 0;
};

TEST_F(RelayDisturbance, AnOutputInterfaceThatGoesDownAndUpIsSentToAgain) {
  const HostRow row(1);
  value_of(traffic::create_veth_pair({&row.relay(0), "out2", {}}, {&row.sink(), "in2", {}}));
  RelayProgram relay(row.relay(0),
                     {HostRow::received_on(0), HostRow::sent_on(1), "239.1.9.9:5000%out2"});
  Prober prober(row);
  ASSERT_TRUE(prober.arrives());
  ASSERT_TRUE(command_inside(row.relay(0), "ip link set out down"));
  // What the other output delivers, the relay has tried on this one.
  expect_perfect(deliver(row, HostRow::sent_on(0), "239.1.9.9:5000%in2", {.count = 100}), 100);
  ASSERT_TRUE(command_inside(row.relay(0), "ip link set out up"));
  EXPECT_TRUE(prober.arrives());
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  const auto& output = report["outputs"][0];
  EXPECT_GE(drops_in(output), 100U) << report;
  EXPECT_GT(output["dropped"].value("unreachable", 0), 0) << report;
  EXPECT_FALSE(output["errors"].empty()) << report;
  EXPECT_TRUE(report["outputs"][1]["errors"].empty()) << report;
}

TEST_F(RelayDisturbance, AnInputInterfaceThatGoesDownAndUpIsReceivedFromAgain) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  Prober prober(row);
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(prober.arrives()) << round;
    ASSERT_TRUE(command_inside(row.relay(0), "ip link set in down"));
    ASSERT_TRUE(command_inside(row.relay(0), "ip link set in up"));
  }
  EXPECT_TRUE(prober.arrives());
  expect_nothing_lost_inside(relay.stop());
}

TEST_F(RelayDisturbance, AnInputInterfaceThatIsRemovedDoesNotEndTheRelay) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  Prober prober(row);
  ASSERT_TRUE(prober.arrives());
  ASSERT_TRUE(command_inside(row.relay(0), "ip link delete in"));
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
}

TEST_F(RelayDisturbance, ADatagramAboveTheOutputsMtuIsCountedAndTheNextOneSent) {
  const HostRow row(1);
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  ASSERT_TRUE(command_inside(row.relay(0), "ip link set out mtu 1000"));
  traffic::GeneratorOptions generator;
  generator.destination = endpoint_of(HostRow::sent_on(0));
  generator.count = 5;
  traffic::Child source = start_source(row.source(), generator);
  EXPECT_EQ(result_of(source)["sent"], 5);
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1),
                         {.count = 5, .payload_bytes = 900}),
                 5);
  const nlohmann::json report = relay.stop();
  expect_nothing_lost_inside(report);
  EXPECT_EQ(report["outputs"][0]["dropped"].value("too_large", 0), 5) << report;
  EXPECT_EQ(report["outputs"][0]["errors"].value("EMSGSIZE", 0), 5) << report;
}

}  // namespace
}  // namespace reprise::tests
