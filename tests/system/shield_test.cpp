// `--shield`: the relay relays, and its own host hears nothing of what is relayed.
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <array>
#include <cinttypes>
#include <cstdio>
#include <memory>
#include <tuple>

#include "relay_program.hpp"
#include "reprise/engine/packet.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/traffic/udp_socket.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

using traffic::Namespace;

/// A program on a host that listens to a group as any program does.
class Listener {
 public:
  Listener(const Namespace& host, const std::string& input) {
    inside(host, [&] {
      socket_ = value_of(traffic::open_udp_sink(
          {.input = endpoint_of(input), .receive_timeout = engine::milliseconds(20)}));
    });
  }
  /// Whether anything has come by now; takes all of it.
  bool has_heard() {
    std::array<char, 2048> bytes{};
    bool heard = false;
    while (::recv(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT) >= 0) heard = true;
    return heard;
  }

 private:
  posix::Descriptor socket_;
};

class Sender {
 public:
  Sender(const Namespace& host, const std::string& destination) {
    inside(host, [&] {
      socket_ = value_of(traffic::open_udp_sender({.destination = endpoint_of(destination)}));
    });
  }
  void send() { ASSERT_EQ(::send(socket_.get(), "hello", 5, 0), 5); }

 private:
  posix::Descriptor socket_;
};

/// Sends until the listener hears.
bool reaches(Sender& sender, Listener& listener) {
  return eventually([&] {
    sender.send();
    return listener.has_heard();
  });
}

bool has_filter(const Namespace& host) {
  return command_inside(host, "tc filter show dev in ingress | grep -q bytecode");
}
bool has_qdisc(const Namespace& host) {
  return command_inside(host, "tc qdisc show dev in | grep -q clsact");
}

class RelayShield : public SystemTest {
 protected:
  void SetUp() override {
    SystemTest::SetUp();
    if (IsSkipped()) return;
    const HostRow row(1);
    if (!command_inside(row.relay(0),
                        "tc qdisc add dev in clsact && tc filter add dev in ingress "
                        "bpf bytecode '1,6 0 0 2,' da")) {
      GTEST_SKIP() << "this kernel has no sch_ingress or no cls_bpf";
    }
  }
};

/// The host of a relay hears `sent` before and after, and nothing while the relay relays it.
void expect_silence_while_shielded(const std::string& group, int signal) {
  SCOPED_TRACE(group);
  const HostRow row(1);
  Listener local(row.relay(0), group + "%in");
  Sender sender(row.source(), group + "%out");
  ASSERT_TRUE(reaches(sender, local));
  RelayProgram relay(row.relay(0), {group + "%in", HostRow::sent_on(1), "--shield"});
  local.has_heard();  // what came before the relay
  expect_perfect(deliver(row, group + "%out", HostRow::received_on(1), {.count = 5'000}), 5'000);
  EXPECT_FALSE(local.has_heard());
  const nlohmann::json report = relay.stop(signal);
  expect_nothing_lost_inside(report);
  EXPECT_TRUE(report["shield"].get<bool>());
  EXPECT_NE(relay.notes().find("shielded"), std::string::npos) << relay.notes();
  EXPECT_TRUE(reaches(sender, local));
  EXPECT_FALSE(has_filter(row.relay(0)));
  EXPECT_FALSE(has_qdisc(row.relay(0)));
}

TEST_F(RelayShield, KeepsAnIpv4GroupFromTheHostUntilTheRelayIsTerminated) {
  expect_silence_while_shielded("239.1.0.1:5000", SIGTERM);
}

TEST_F(RelayShield, KeepsAnIpv6GroupFromTheHostUntilTheRelayIsInterrupted) {
  expect_silence_while_shielded("[ff3e::1]:5000", SIGINT);
}

TEST_F(RelayShield, IsOffUnlessItIsAskedFor) {
  const HostRow row(1);
  Listener local(row.relay(0), HostRow::received_on(0));
  RelayProgram relay(row.relay(0), {HostRow::received_on(0), HostRow::sent_on(1)});
  EXPECT_FALSE(has_qdisc(row.relay(0)));
  expect_perfect(deliver(row, HostRow::sent_on(0), HostRow::received_on(1), {.count = 100}), 100);
  EXPECT_TRUE(local.has_heard());
  EXPECT_FALSE(relay.stop()["shield"].get<bool>());
}

TEST_F(RelayShield, LetsTheHostHearEverythingElse) {
  const HostRow row(1);
  const Namespace& host = row.relay(0);
  RelayProgram relay(host, {"198.18.0.1@232.1.0.1:5000%in", HostRow::sent_on(1), "--shield"});
  const auto expect_heard = [&](const std::string& input, const Namespace& from,
                                const std::string& destination) {
    Listener local(host, input);
    Sender sender(from, destination);
    EXPECT_TRUE(reaches(sender, local)) << destination;
  };
  expect_heard("232.1.0.1:5001%in", row.source(), "232.1.0.1:5001%out");
  expect_heard("232.1.0.2:5000%in", row.source(), "232.1.0.2:5000%out");
  expect_heard("198.18.0.2:5000", row.source(), "198.18.0.2:5000");
  // Another source of the same group, and what the host itself sends to it.
  ASSERT_TRUE(command_inside(row.source(), "ip address add 198.18.0.9/24 dev out"));
  expect_heard("232.1.0.1:5000%in", row.source(), "198.18.0.9@232.1.0.1:5000%out");
  expect_heard("232.1.0.1:5000%in", host, "232.1.0.1:5000%in");
  relay.stop();
}

TEST_F(RelayShield, LetsTheSameGroupOfAVlanThrough) {
  const HostRow row(1);
  const Namespace& host = row.relay(0);
  for (const auto& [where, interface, address] :
       {std::tuple(&row.source(), "out", "198.18.70.1/24"),
        std::tuple(&host, "in", "198.18.70.2/24")}) {
    const std::string name(interface);
    if (!command_inside(*where, "ip link add link " + name +
                                    " name vlan7 type vlan id 7 && "
                                    "ip address add " +
                                    address + " dev vlan7 && ip link set vlan7 up"))
      GTEST_SKIP() << "no VLAN interfaces here";
  }
  RelayProgram relay(host, {HostRow::received_on(0), HostRow::sent_on(1), "--shield"});
  Listener local(host, "239.1.0.1:5000%vlan7");
  Sender sender(row.source(), "239.1.0.1:5000%vlan7");
  EXPECT_TRUE(reaches(sender, local));
  relay.stop();
}

/// Frames that the filters of an interface's hook have dropped.
std::uint64_t shielded_frames(const Namespace& host) {
  std::uint64_t frames = 0;
  inside(host, [&] {
    const std::unique_ptr<FILE, int (*)(FILE*)> output(
        ::popen("tc -s qdisc show dev in | sed -n 's/.*(dropped \\([0-9]*\\),.*/\\1/p' | tail -1",
                "r"),
        ::pclose);
    if (output == nullptr || std::fscanf(output.get(), "%" SCNu64, &frames) != 1)
      throw std::runtime_error("tc tells no counters");
  });
  return frames;
}

TEST_F(RelayShield, DropsAGroupWithoutATagOrWithAPriorityTagAndNotInAVlan) {
  const HostRow row(1);
  const Namespace& host = row.relay(0);
  RelayProgram relay(host, {HostRow::received_on(0), HostRow::sent_on(1), "--shield"});
  posix::Descriptor raw;
  sockaddr_ll out{};
  inside(row.source(), [&] {
    raw = posix::Descriptor(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
    out.sll_family = AF_PACKET;
    out.sll_ifindex = static_cast<int>(::if_nametoindex("out"));
  });
  engine::FrameHeader header;
  header.destination_mac = {1, 0, 0x5e, 1, 0, 1};
  header.source = engine::Address::ipv4(198, 18, 0, 1);
  header.destination = engine::Address::ipv4(239, 1, 0, 1);
  header.destination_port = 5000;
  const auto send = [&](std::uint8_t tags, std::uint16_t tci) {
    header.vlan_count = tags;
    header.vlan_tci[0] = tci;
    const std::array<std::byte, 32> payload{};
    std::array<std::byte, 128> frame{};
    const std::size_t length = engine::build_frame(header, payload, frame);
    EXPECT_EQ(
        ::sendto(raw.get(), frame.data(), length, 0, reinterpret_cast<sockaddr*>(&out), sizeof out),
        static_cast<ssize_t>(length));
  };
  send(1, 7);       // VLAN 7
  send(1, 0xe007);  // VLAN 7, with a priority
  send(1, 0xe000);  // a priority alone
  send(0, 0);
  // A cable keeps the order: what was sent first has been decided first.
  EXPECT_TRUE(eventually([&] { return shielded_frames(host) >= 2; }));
  EXPECT_EQ(shielded_frames(host), 2U);
  const nlohmann::json report = relay.stop();
  EXPECT_EQ(report["accepted"], 2) << report;
  EXPECT_EQ(report["dropped"].value("other_vlan", 0), 2) << report;
}

TEST_F(RelayShield, OfAKilledRelayIsRemovedByTheNextOneWithOrWithoutAShield) {
  const HostRow row(1);
  const Namespace& host = row.relay(0);
  const std::vector<std::string> plain{HostRow::received_on(0), HostRow::sent_on(1)};
  std::vector<std::string> shielded = plain;
  shielded.emplace_back("--shield");
  for (const auto& next : {plain, shielded}) {
    {  // ends, and is reaped
      RelayProgram killed(host, shielded);
      ::kill(killed.pid(), SIGKILL);
    }
    EXPECT_TRUE(has_filter(host)) << "nobody has removed it yet";
    RelayProgram relay(host, next);
    EXPECT_EQ(has_filter(host), next.size() == shielded.size());
    relay.stop();
    EXPECT_FALSE(has_filter(host));
    EXPECT_FALSE(has_qdisc(host));
  }
}

TEST_F(RelayShield, OfAnotherRelayOnTheInterfaceStays) {
  const HostRow row(1);
  const Namespace& host = row.relay(0);
  Listener first_group(host, "239.1.0.1:5000%in");
  Listener second_group(host, "239.1.0.2:5000%in");
  RelayProgram first(host, {"239.1.0.1:5000%in", "239.1.1.1:5000%out", "--shield"});
  RelayProgram second(host, {"239.1.0.2:5000%in", "239.1.1.2:5000%out", "--shield"});
  Sender to_first(row.source(), "239.1.0.1:5000%out");
  Sender to_second(row.source(), "239.1.0.2:5000%out");
  first.stop();
  EXPECT_TRUE(reaches(to_first, first_group));
  expect_perfect(deliver(row, "239.1.0.2:5000%out", "239.1.1.2:5000%in", {.count = 1'000}), 1'000);
  EXPECT_FALSE(second_group.has_heard());
  second.stop();
  EXPECT_TRUE(reaches(to_second, second_group));
  EXPECT_FALSE(has_qdisc(host));
}

TEST_F(RelayShield, LeavesSomebodyElsesFilterAlone) {
  const HostRow row(1);
  const Namespace& host = row.relay(0);
  ASSERT_TRUE(command_inside(host,
                             "tc qdisc add dev in clsact && tc filter add dev in ingress "
                             "pref 9 protocol ip u32 match ip dst 239.9.9.9"));
  const auto is_there = [&] {
    return command_inside(host, "tc filter show dev in ingress pref 9 | grep -q ef090909");
  };
  RelayProgram relay(host, {HostRow::received_on(0), HostRow::sent_on(1), "--shield"});
  EXPECT_TRUE(is_there());
  relay.stop();
  EXPECT_TRUE(is_there());
  EXPECT_FALSE(has_filter(host));
}

TEST_F(RelayShield, WithoutThePrivilegeIsRefusedBeforeAnythingIsOpened) {
  const HostRow row(1);
  const Namespace& host = row.relay(0);
  if (!command_inside(host, "setpriv --bounding-set -net_admin true"))
    GTEST_SKIP() << "setpriv cannot drop a capability here";
  const std::vector<std::string> call{
      "setpriv", "--bounding-set",        "-net_admin",        REPRISE_PROGRAM_FOLDER "/reprise",
      "run",     HostRow::received_on(0), HostRow::sent_on(1), "--shield"};
  auto relay = value_of(traffic::Child::start_program({.name = "relay", .where = &host}, call));
  const traffic::ChildEnd* end = relay.wait(engine::seconds(10));
  ASSERT_NE(end, nullptr);
  EXPECT_FALSE(end->succeeded());
  EXPECT_EQ(end->signal, 0);
  EXPECT_NE(end->notes.find("--shield needs the capability cap_net_admin"), std::string::npos)
      << end->notes;
  EXPECT_FALSE(has_qdisc(host));
}

TEST_F(RelayShield, OfAKilledRelayIsNamedByARelayThatMayNotRemoveIt) {
  const HostRow row(1);
  const Namespace& host = row.relay(0);
  if (!command_inside(host, "setpriv --bounding-set -net_admin true"))
    GTEST_SKIP() << "setpriv cannot drop a capability here";
  {
    RelayProgram killed(host, {HostRow::received_on(0), HostRow::sent_on(1), "--shield"});
    ::kill(killed.pid(), SIGKILL);
  }
  auto relay = value_of(traffic::Child::start_program(
      {.name = "relay", .where = &host},
      {"setpriv", "--bounding-set", "-net_admin", REPRISE_PROGRAM_FOLDER "/reprise", "run",
       HostRow::received_on(0), HostRow::sent_on(1)}));
  value_of(relay.wait_for_note("relaying", engine::seconds(10)));
  const traffic::ChildEnd& end = relay.stop();
  EXPECT_TRUE(end.succeeded()) << end.notes;
  EXPECT_NE(end.notes.find("tc filter del dev in ingress pref 65000"), std::string::npos)
      << end.notes;
  EXPECT_TRUE(has_filter(host));
}

}  // namespace
}  // namespace reprise::tests
