#include <cap-ng.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <cerrno>
#include <thread>

#include "network_namespace.hpp"
#include "reprise/posix/capability.hpp"
#include "reprise/posix/errno_outcome.hpp"
#include "reprise/posix/memberships.hpp"
#include "reprise/posix/network_interface.hpp"
#include "reprise/posix/packet_socket.hpp"
#include "reprise/posix/port_holder.hpp"
#include "reprise/posix/send_socket.hpp"
#include "reprise/posix/socket_address.hpp"

namespace reprise::tests {
namespace {

using engine::Address;
using engine::Outcome;
using ::testing::HasSubstr;

class PosixSocket : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!network_.add_cable()) GTEST_SKIP() << network_.why_not();
  }

  static int integer_option(const posix::Descriptor& socket, int level, int option) {
    int value = -1;
    socklen_t length_bytes = sizeof(value);
    EXPECT_EQ(::getsockopt(socket.get(), level, option, &value, &length_bytes), 0);
    return value;
  }

  static engine::SendSocketSpec multicast_spec() {
    engine::SendSocketSpec spec;
    spec.destination = Address::ipv4(239, 1, 1, 1);
    spec.port = 5000;
    spec.interface = "left";
    return spec;
  }

  static Address group(int index) {
    return Address::ipv4(239, 7, 0, static_cast<std::uint8_t>(index));
  }

  NetworkNamespace network_;
};

using NetworkInterface = PosixSocket;
using SendSocket = PosixSocket;
using Memberships = PosixSocket;
using PortHolder = PosixSocket;
using PacketSocket = PosixSocket;

TEST_F(NetworkInterface, TellsIndexMtuAndState) {
  ASSERT_TRUE(NetworkNamespace::run("ip link set right mtu 9000 down"));
  const auto left = posix::find_network_interface("left");
  const auto right = posix::find_network_interface("right");
  ASSERT_TRUE(left.has_value() && right.has_value());
  EXPECT_GT(left->index, 0);
  EXPECT_NE(left->index, right->index);
  EXPECT_EQ(left->mtu_bytes, 1500U);
  EXPECT_EQ(right->mtu_bytes, 9000U);
  EXPECT_TRUE(left->is_up);
  EXPECT_FALSE(right->is_up);
}

TEST_F(NetworkInterface, RefusesANameThatNoInterfaceCanHave) {
  for (const std::string& name : {std::string(), std::string(16, 'x'), std::string("a\nb")}) {
    const auto found = posix::find_network_interface(name);
    ASSERT_FALSE(found.has_value());
    EXPECT_THAT(found.error().message, HasSubstr("no such interface; this host has: "));
    EXPECT_EQ(found.error().message.find('\n'), std::string::npos);
  }
}

TEST_F(SendSocket, CarriesWhatItsSpecSays) {
  auto spec = multicast_spec();
  spec.hops = 7;
  spec.dscp = 46;
  spec.send_buffer_bytes = 100'000;
  spec.source = Address::ipv4(10, 9, 0, 1);
  const auto socket = posix::open_send_socket(spec);
  ASSERT_TRUE(socket.has_value()) << socket.error().message;
  EXPECT_EQ(integer_option(*socket, IPPROTO_IP, IP_MULTICAST_TTL), 7);
  EXPECT_EQ(integer_option(*socket, IPPROTO_IP, IP_TOS), 46 << 2);
  EXPECT_EQ(integer_option(*socket, IPPROTO_IP, IP_MULTICAST_LOOP), 0);
  EXPECT_EQ(integer_option(*socket, SOL_SOCKET, SO_SNDBUF), 200'000);
  sockaddr_storage local{};
  socklen_t length_bytes = sizeof(local);
  ASSERT_EQ(::getsockname(socket->get(), reinterpret_cast<sockaddr*>(&local), &length_bytes), 0);
  const auto source = posix::address_and_port(&local, length_bytes);
  ASSERT_TRUE(source.has_value());
  EXPECT_EQ(source->address, spec.source);
}

TEST_F(SendSocket, SendsMulticastWithoutARoute) {
  ASSERT_TRUE(NetworkNamespace::run("ip address del 10.9.0.1/24 dev left"));
  EXPECT_TRUE(posix::open_send_socket(multicast_spec()).has_value());
}

TEST_F(SendSocket, SendsIpv6Multicast) {
  if (!NetworkNamespace::run("ip address add fd00::1/64 dev left nodad")) {
    GTEST_SKIP() << "no IPv6";
  }
  auto spec = multicast_spec();
  spec.destination.family = engine::Family::ipv6;
  spec.destination.bytes = {0xff, 0x12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  spec.hops = 9;
  const auto socket = posix::open_send_socket(spec);
  ASSERT_TRUE(socket.has_value()) << socket.error().message;
  EXPECT_EQ(integer_option(*socket, IPPROTO_IPV6, IPV6_MULTICAST_HOPS), 9);
}

TEST_F(SendSocket, NamesWhatIsWrong) {
  auto unroutable = multicast_spec();
  unroutable.destination = Address::ipv4(192, 0, 2, 1);
  unroutable.interface.clear();
  const auto no_route = posix::open_send_socket(unroutable);
  ASSERT_FALSE(no_route.has_value());
  EXPECT_THAT(no_route.error().message, HasSubstr("192.0.2.1 port 5000: cannot connect"));
  EXPECT_EQ(no_route.error().errno_value, ENETUNREACH);

  auto foreign = multicast_spec();
  foreign.source = Address::ipv4(10, 9, 0, 77);
  const auto no_address = posix::open_send_socket(foreign);
  ASSERT_FALSE(no_address.has_value());
  EXPECT_THAT(no_address.error().message, HasSubstr("cannot send from 10.9.0.77"));

  auto no_port = multicast_spec();
  no_port.port = 0;
  EXPECT_FALSE(posix::open_send_socket(no_port).has_value());
}

TEST_F(SendSocket, ReceivesNothing) {
  engine::SendSocketSpec spec;
  spec.destination = Address::ipv4(127, 0, 0, 1);
  const posix::Descriptor peer(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto here = posix::socket_address(spec.destination, 6001);
  ASSERT_EQ(::bind(peer.get(), here.get(), here.length_bytes), 0);
  spec.port = 6001;
  const auto socket = posix::open_send_socket(spec);
  ASSERT_TRUE(socket.has_value()) << socket.error().message;
  sockaddr_storage local{};
  socklen_t length_bytes = sizeof(local);
  ASSERT_EQ(::getsockname(socket->get(), reinterpret_cast<sockaddr*>(&local), &length_bytes), 0);
  ASSERT_EQ(::sendto(peer.get(), "x", 1, 0, reinterpret_cast<sockaddr*>(&local), length_bytes), 1);
  char byte = 0;
  EXPECT_EQ(::recv(socket->get(), &byte, 1, MSG_DONTWAIT), -1);
  EXPECT_EQ(errno, EAGAIN);
}

TEST_F(Memberships, SpreadOverMoreSocketsThanOneHolds) {
  posix::Memberships memberships;
  for (int index = 0; index < 50; ++index) {
    const auto joined = memberships.join(group(index), {}, "right");
    ASSERT_TRUE(joined.has_value()) << joined.error().message;
  }
  EXPECT_GT(memberships.socket_count(), 1U);
  EXPECT_TRUE(NetworkNamespace::run("ip maddress show dev right | grep -q 239.7.0.49"));
  EXPECT_TRUE(NetworkNamespace::run("ip maddress show dev right | grep -q 239.7.0.0"));
}

TEST_F(Memberships, HoldAGroupFromSomeSourcesAndFromAny) {
  posix::Memberships memberships;
  for (const Address& source :
       {Address{}, Address::ipv4(10, 9, 0, 2), Address::ipv4(10, 9, 0, 3)}) {
    const auto joined = memberships.join(group(1), source, "right");
    EXPECT_TRUE(joined.has_value()) << joined.error().message;
  }
}

TEST_F(Memberships, LeaveAGroupWithItsLastJoin) {
  posix::Memberships memberships;
  constexpr auto kIsJoined = "ip maddress show dev right | grep -q 239.7.0.1";
  ASSERT_TRUE(memberships.join(group(1), {}, "right").has_value());
  ASSERT_TRUE(memberships.join(group(1), {}, "right").has_value());
  memberships.leave(group(1), {}, "right");
  EXPECT_TRUE(NetworkNamespace::run(kIsJoined));
  memberships.leave(group(1), {}, "right");
  EXPECT_FALSE(NetworkNamespace::run(kIsJoined));
}

TEST_F(Memberships, EndWithTheirOwner) {
  constexpr auto kIsJoined = "ip maddress show dev right | grep -q 239.7.0.1";
  {
    posix::Memberships memberships;
    ASSERT_TRUE(memberships.join(group(1), {}, "right").has_value());
    EXPECT_TRUE(NetworkNamespace::run(kIsJoined));
  }
  EXPECT_FALSE(NetworkNamespace::run(kIsJoined));
}

TEST_F(Memberships, RefuseAUnicastAddress) {
  posix::Memberships memberships;
  const auto joined = memberships.join(Address::ipv4(10, 9, 0, 1), {}, "right");
  ASSERT_FALSE(joined.has_value());
  EXPECT_THAT(joined.error().message, HasSubstr("expected a multicast group"));
}

TEST_F(PortHolder, KeepsTheHostFromAnsweringAndQueuesNothing) {
  const Address here = Address::ipv4(127, 0, 0, 1);
  const posix::Descriptor sender(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const auto destination = posix::socket_address(here, 6000);
  ASSERT_EQ(::connect(sender.get(), destination.get(), destination.length_bytes), 0);
  {
    const auto holder = posix::hold_port(here, 6000, "lo");
    ASSERT_TRUE(holder.has_value()) << holder.error().message;
    EXPECT_EQ(holder->hold, posix::PortHold::held);
    for (int count = 0; count < 3; ++count) EXPECT_EQ(::send(sender.get(), "x", 1, 0), 1);
    char byte = 0;
    EXPECT_EQ(::recv(holder->socket.get(), &byte, 1, MSG_DONTWAIT), -1);
    EXPECT_EQ(errno, EAGAIN);
  }
  EXPECT_EQ(::send(sender.get(), "x", 1, 0), 1);
  EXPECT_EQ(::send(sender.get(), "x", 1, 0), -1);
  EXPECT_EQ(errno, ECONNREFUSED);
}

TEST_F(PortHolder, LeavesAPortThatAnotherProgramHas) {
  const Address here = Address::ipv4(127, 0, 0, 1);
  const auto first = posix::hold_port(here, 6000, "lo");
  const auto second = posix::hold_port(here, 6000, "lo");
  ASSERT_TRUE(second.has_value()) << second.error().message;
  EXPECT_EQ(second->hold, posix::PortHold::by_other);
}

TEST_F(PortHolder, HasNothingToHoldForAnotherHostsAddress) {
  const auto holder = posix::hold_port(Address::ipv4(10, 9, 0, 55), 6000, "right");
  ASSERT_TRUE(holder.has_value()) << holder.error().message;
  EXPECT_EQ(holder->hold, posix::PortHold::not_local);
}

TEST_F(PacketSocket, NamesTheMissingCapability) {
  // Capabilities belong to a thread, so another one gives up what this one keeps.
  std::thread unprivileged([] {
    ::capng_get_caps_process();
    ::capng_update(CAPNG_DROP, static_cast<capng_type_t>(CAPNG_EFFECTIVE | CAPNG_PERMITTED),
                   CAP_NET_RAW);
    ASSERT_EQ(::capng_apply(CAPNG_SELECT_CAPS), 0);
    EXPECT_FALSE(posix::has_capability(posix::Capability::net_raw));
    const auto opened =
        posix::open_packet_socket({.interface = "right", .wanted = {}, .fanout = {}});
    ASSERT_FALSE(opened.has_value());
    EXPECT_EQ(opened.error().errno_value, EPERM);
    EXPECT_THAT(
        opened.error().message,
        HasSubstr("a packet socket on right needs the capability cap_net_raw; run as root"));
  });
  unprivileged.join();
}

TEST(ErrnoOutcome, KnowsWhatSocketsReport) {
  EXPECT_EQ(posix::outcome_of(0), Outcome::ok);
  EXPECT_EQ(posix::outcome_of(EAGAIN), Outcome::refused);
  EXPECT_EQ(posix::outcome_of(ECANCELED), Outcome::cancelled);
  EXPECT_EQ(posix::outcome_of(ENOBUFS), Outcome::no_buffer);
  EXPECT_EQ(posix::outcome_of(ENOMEM), Outcome::no_buffer);
  EXPECT_EQ(posix::outcome_of(EMSGSIZE), Outcome::too_large);
  EXPECT_EQ(posix::outcome_of(ENETUNREACH), Outcome::unreachable);
  EXPECT_EQ(posix::outcome_of(ENETDOWN), Outcome::unreachable);
  EXPECT_EQ(posix::outcome_of(ECONNREFUSED), Outcome::connection_refused);
  EXPECT_EQ(posix::outcome_of(EPERM), Outcome::not_permitted);
  EXPECT_EQ(posix::outcome_of(EBADF), Outcome::invalid);
  EXPECT_EQ(posix::outcome_of(ETIME), Outcome::expired);
  EXPECT_EQ(posix::outcome_of(EIO), Outcome::failed);
}

}  // namespace
}  // namespace reprise::tests
