#include "reprise/traffic/namespaces.hpp"

#include <fcntl.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <netpacket/packet.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstring>
#include <string>

#include "namespace_test.hpp"
#include "reprise/traffic/child.hpp"
#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/traffic/udp_socket.hpp"

namespace reprise::traffic {
namespace {

constexpr engine::Duration kPatience = engine::seconds(30);

ino_t identity(const Namespace& where) {
  struct stat status{};
  EXPECT_EQ(fstat(where.descriptor(), &status), 0);
  return status.st_ino;
}

ino_t here() { return identity(value_of(Namespace::current())); }

/// Runs something that cannot fail inside a namespace.
template <class Action>
void inside(const Namespace& where, const Action& action) {
  const auto visited = where.visit([&]() -> engine::Expected<void> {
    action();
    return {};
  });
  ASSERT_TRUE(visited) << visited.error().message;
}

/// A number that an interface request of ioctl gives: the MTU, or an ethtool setting.
int interface_mtu(const char* name) {
  const posix::Descriptor socket(::socket(AF_INET, SOCK_DGRAM, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, name);
  EXPECT_EQ(ioctl(socket.get(), SIOCGIFMTU, &request), 0);
  return request.ifr_mtu;
}

std::uint32_t ethtool_setting(const char* name, std::uint32_t command) {
  const posix::Descriptor socket(::socket(AF_INET, SOCK_DGRAM, 0));
  ethtool_value value{command, 0};
  ifreq request{};
  std::strcpy(request.ifr_name, name);
  request.ifr_data = reinterpret_cast<char*>(&value);
  EXPECT_EQ(ioctl(socket.get(), SIOCETHTOOL, &request), 0) << std::strerror(errno);
  return value.data;
}

using Namespaces = NamespaceTest;
using Cable = CableTest;

TEST_F(Namespaces, AreMadeWithoutMovingTheCaller) {
  const ino_t home = here();
  const Namespace first = value_of(Namespace::create());
  const Namespace second = value_of(Namespace::create());
  EXPECT_EQ(here(), home);
  EXPECT_NE(identity(first), home);
  EXPECT_NE(identity(first), identity(second));
}

TEST_F(Namespaces, AreVisitedThereAndBack) {
  const ino_t home = here();
  const Namespace away = value_of(Namespace::create());
  inside(away, [&] { EXPECT_EQ(here(), identity(away)); });
  EXPECT_EQ(here(), home);
}

TEST_F(Namespaces, AreLeftAlsoWhenTheVisitFails) {
  const ino_t home = here();
  const Namespace away = value_of(Namespace::create());
  const auto visited =
      away.visit([] { return engine::Expected<void>(engine::failure("no luck")); });
  ASSERT_FALSE(visited);
  EXPECT_EQ(visited.error().message, "no luck");
  EXPECT_EQ(here(), home);
}

TEST_F(Namespaces, HaveAWorkingLoopback) {
  const Namespace where = value_of(Namespace::create());
  inside(where, [] {
    const engine::Endpoint endpoint = value_of(engine::parse_endpoint("127.0.0.1:5000"));
    const posix::Descriptor sink = value_of(open_udp_sink({.input = endpoint}));
    const posix::Descriptor sender = value_of(open_udp_sender({.destination = endpoint}));
    EXPECT_EQ(send(sender.get(), "x", 1, 0), 1);
    char byte = 0;
    EXPECT_EQ(recv(sink.get(), &byte, 1, 0), 1);
  });
}

TEST_F(Namespaces, AreAllowedToAUserWithoutPrivileges) {
  if (geteuid() != 0) GTEST_SKIP() << "the test runs without privileges already";
  Child child = value_of(Child::start({.name = "user"}, [](const ChildContext& context) {
    constexpr uid_t kNobody = 65'534;
    if (setresgid(kNobody, kNobody, kNobody) != 0 || setresuid(kNobody, kNobody, kNobody) != 0) {
      return 2;
    }
    prctl(PR_SET_DUMPABLE, 1);  // as a process is that started without privileges
    const auto allowed = allow_namespaces();
    context.report(allowed ? "" : allowed.error().message);
    if (!allowed) return 3;
    return Namespace::create() && allow_namespaces() && geteuid() == 0 ? 0 : 1;
  }));
  const ChildEnd* end = child.wait(kPatience);
  ASSERT_NE(end, nullptr);
  if (end->exit_status == 3) GTEST_SKIP() << end->report;
  EXPECT_TRUE(end->succeeded()) << describe(*end);
}

TEST_F(Namespaces, RefusedByALimitNameTheSetting) {
  Child child = value_of(Child::start({.name = "limited"}, [](const ChildContext& context) {
    if (unshare(CLONE_NEWUSER) != 0) return 3;
    const posix::Descriptor limit(open("/proc/sys/user/max_net_namespaces", O_WRONLY));
    if (write(limit.get(), "0", 1) != 1) return 3;
    const auto created = Namespace::create();
    context.report(created ? "created" : created.error().message);
    return 0;
  }));
  const ChildEnd* end = child.wait(kPatience);
  ASSERT_NE(end, nullptr);
  if (end->exit_status == 3) GTEST_SKIP() << "the host allows no user namespaces";
  EXPECT_NE(end->report.find("user.max_net_namespaces"), std::string::npos) << end->report;
}

TEST_F(Cable, JoinsTwoNamespacesAtOnce) {
  for (const char* text : {"192.0.2.2:5000", "[2001:db8::2]:5000"}) {
    const engine::Endpoint endpoint = value_of(engine::parse_endpoint(text));
    posix::Descriptor sink;
    posix::Descriptor sender;
    inside(*right_, [&] { sink = value_of(open_udp_sink({.input = endpoint})); });
    inside(*left_, [&] { sender = value_of(open_udp_sender({.destination = endpoint})); });
    ASSERT_EQ(send(sender.get(), "x", 1, 0), 1) << text;
    timeval timeout{30, 0};
    setsockopt(sink.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
    char byte = 0;
    EXPECT_EQ(recv(sink.get(), &byte, 1, 0), 1) << text;
  }
}

TEST_F(Cable, IsSeenFromItsOwnEndsOnly) {
  EXPECT_EQ(if_nametoindex("left0"), 0U);
  inside(*left_, [] {
    EXPECT_NE(if_nametoindex("left0"), 0U);
    EXPECT_EQ(if_nametoindex("right0"), 0U);
  });
  inside(*right_, [] { EXPECT_NE(if_nametoindex("right0"), 0U); });
}

TEST_F(Cable, VanishesWithEitherNamespace) {
  right_.reset();
  // The kernel takes a namespace down in the background.
  const engine::Instant deadline = monotonic_now() + kPatience;
  inside(*left_, [&] {
    while (if_nametoindex("left0") != 0 && monotonic_now() < deadline) {
      sleep_until(monotonic_now() + engine::milliseconds(5));
    }
    EXPECT_EQ(if_nametoindex("left0"), 0U);
  });
}

TEST_F(Cable, HasTheMtuAskedForAtBothEnds) {
  const auto made = create_veth_pair({&*left_, "jumbo0", {}}, {&*right_, "jumbo1", {}},
                                     {.mtu_bytes = 9000, .offloads = true});
  ASSERT_TRUE(made) << made.error().message;
  inside(*left_, [] { EXPECT_EQ(interface_mtu("jumbo0"), 9000); });
  inside(*right_, [] { EXPECT_EQ(interface_mtu("jumbo1"), 9000); });
}

/// How long the first frame is that a packet socket on `right` sees when four datagrams of 100
/// bytes are sent from `left` as one segmented send.
ssize_t first_frame_of_segmented_send(const Namespace& left_host, const std::string& left,
                                      const Namespace& right_host, const std::string& right) {
  posix::Descriptor watcher;
  inside(right_host, [&] {
    watcher = posix::Descriptor(::socket(AF_PACKET, SOCK_RAW, htons(ETH_P_IP)));
    sockaddr_ll address{};
    address.sll_family = AF_PACKET;
    address.sll_protocol = htons(ETH_P_IP);
    address.sll_ifindex = static_cast<int>(if_nametoindex(right.c_str()));
    EXPECT_EQ(bind(watcher.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    const timeval timeout{30, 0};
    setsockopt(watcher.get(), SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout);
  });
  inside(left_host, [&] {
    const posix::Descriptor sender = value_of(open_udp_sender(
        {.destination = value_of(engine::parse_endpoint("239.1.1.1:5000%" + left))}));
    const int segment_bytes = 100;
    EXPECT_EQ(setsockopt(sender.get(), SOL_UDP, UDP_SEGMENT, &segment_bytes, sizeof segment_bytes),
              0);
    const std::array<char, 400> payload{};
    EXPECT_EQ(send(sender.get(), payload.data(), payload.size(), 0), 400);
  });
  std::array<char, 2048> frame{};
  return recv(watcher.get(), frame.data(), frame.size(), 0);
}

TEST_F(Cable, CarriesSingleDatagramsWhereNoOffloadsAreWanted) {
  const auto made = create_veth_pair({&*left_, "plain0", {{address_of("198.51.100.1"), 24}}},
                                     {&*right_, "plain1", {{address_of("198.51.100.2"), 24}}},
                                     {.mtu_bytes = 1500, .offloads = false});
  ASSERT_TRUE(made) << made.error().message;
  constexpr ssize_t kHeaders = 14 + 20 + 8;
  EXPECT_EQ(first_frame_of_segmented_send(*left_, "plain0", *right_, "plain1"), kHeaders + 100);
  EXPECT_EQ(first_frame_of_segmented_send(*left_, "left0", *right_, "right0"), kHeaders + 400);
  inside(*left_, [] {
    for (const std::uint32_t command : {std::uint32_t{ETHTOOL_GGSO}, std::uint32_t{ETHTOOL_GTSO}}) {
      EXPECT_EQ(ethtool_setting("plain0", command), 0U);
      EXPECT_EQ(ethtool_setting("left0", command), 1U);
    }
    EXPECT_EQ(ethtool_setting("plain0", ETHTOOL_GGRO), 0U);
  });
}

TEST_F(Cable, ThatExistsAlreadyIsAnErrorWithItsName) {
  const auto again = create_veth_pair({&*left_, "left0", {}}, {&*right_, "other0", {}});
  ASSERT_FALSE(again);
  EXPECT_NE(again.error().message.find("left0"), std::string::npos) << again.error().message;
}

}  // namespace
}  // namespace reprise::traffic
