// The shield on a real interface, in a namespace of the test's own. `tc` is the other one here.
#include "reprise/daemon/shield/shield.hpp"

#include <gtest/gtest.h>
#include <net/if.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <optional>
#include <stdexcept>
#include <vector>

#include "reprise/traffic/child.hpp"
#include "reprise/traffic/namespaces.hpp"
#include "reprise/traffic/veth.hpp"

namespace reprise::daemon {
namespace {

using engine::Address;
using engine::Expected;
using engine::WantedTraffic;

const std::vector<WantedTraffic> kWanted{{{}, Address::ipv4(239, 1, 1, 1), 5000}};
const std::vector<WantedTraffic> kOtherWanted{{{}, Address::ipv4(239, 2, 2, 2), 5000}};

template <class T>
T value_of(Expected<T> expected) {
  if (!expected) throw std::runtime_error(expected.error().message);
  if constexpr (!std::is_void_v<T>) return *std::move(expected);
}

/// An interface "in" of a host of its own.
class ShieldOnAnInterface : public testing::Test {
 protected:
  void SetUp() override {
    if (const auto allowed = traffic::allow_namespaces(); !allowed)
      GTEST_SKIP() << allowed.error().message;
    host_.emplace(value_of(traffic::Namespace::create()));
    value_of(traffic::create_veth_pair({&*host_, "out", {}}, {&*host_, "in", {}}));
    if (const auto possible = attach(kWanted); !possible) GTEST_SKIP() << possible.error().message;
  }

  template <class Action>
  auto inside(const Action& action) const {
    std::optional<decltype(action())> result;
    value_of(host_->visit([&]() -> Expected<void> {
      result.emplace(action());
      return {};
    }));
    return *std::move(result);
  }
  [[nodiscard]] Expected<Shield> attach(const std::vector<WantedTraffic>& wanted) const {
    return inside([&] { return Shield::attach("in", wanted); });
  }
  [[nodiscard]] Expected<std::uint32_t> remove_stale() const {
    return inside([] { return Shield::remove_stale("in"); });
  }
  [[nodiscard]] bool command(const std::string& text) const {
    return inside([&] { return std::system((text + " >/dev/null 2>&1").c_str()) == 0; });
  }
  /// Filters on the ingress, and whether anything can hang filters there.
  [[nodiscard]] std::size_t filters() const {
    return inside([] {
      auto control = value_of(TrafficControl::open());
      std::size_t count = 0;
      for (const FilterEntry& entry :
           value_of(control.filters(static_cast<int>(::if_nametoindex("in")), Direction::ingress)))
        count += entry.handle != 0 ? 1 : 0;
      return count;
    });
  }
  [[nodiscard]] bool has_qdisc() const { return command("tc qdisc show dev in | grep -q clsact"); }

  /// A relay on the interface that is killed.
  void attach_and_die() const {
    auto relay = traffic::Child::start({.name = "relay", .where = &*host_},
                                       [](const traffic::ChildContext& context) {
                                         const auto shield = Shield::attach("in", kWanted);
                                         if (!shield) return 1;
                                         context.ready();
                                         while (!context.stop()) ::pause();
                                         return 0;
                                       });
    value_of(relay->wait_until_ready(engine::seconds(10)));
    ::kill(relay->pid(), SIGKILL);
    ASSERT_NE(relay->wait(engine::seconds(10)), nullptr);
  }

  std::optional<traffic::Namespace> host_;
};

TEST_F(ShieldOnAnInterface, LeavesNothingBehind) {
  {
    const auto shield = value_of(attach(kWanted));
    EXPECT_EQ(filters(), 1U);
    EXPECT_TRUE(has_qdisc());
  }
  EXPECT_EQ(filters(), 0U);
  EXPECT_FALSE(has_qdisc());
}

TEST_F(ShieldOnAnInterface, LeavesTheOtherRelaysShieldAlone) {
  for (const bool first_goes_first : {true, false}) {
    std::optional<Shield> first(value_of(attach(kWanted)));
    std::optional<Shield> second(value_of(attach(kOtherWanted)));
    EXPECT_EQ(filters(), 2U);
    EXPECT_EQ(value_of(remove_stale()), 0U) << "both live";
    (first_goes_first ? first : second).reset();
    EXPECT_EQ(filters(), 1U);
    EXPECT_TRUE(has_qdisc());
    (first_goes_first ? second : first).reset();
    EXPECT_EQ(filters(), 0U);
    EXPECT_FALSE(has_qdisc()) << "the last one takes it away, whoever made it";
  }
}

TEST_F(ShieldOnAnInterface, IsRemovedByTheNextRelayWhenItsOwnWasKilled) {
  attach_and_die();
  EXPECT_EQ(filters(), 1U);
  EXPECT_EQ(value_of(remove_stale()), 1U);
  EXPECT_EQ(filters(), 0U);
  EXPECT_FALSE(has_qdisc());
  attach_and_die();
  {
    const auto next = value_of(attach(kOtherWanted));
    EXPECT_EQ(filters(), 1U);
  }
  EXPECT_FALSE(has_qdisc());
}

TEST_F(ShieldOnAnInterface, OfTheDeadGoesAndOfTheLivingStays) {
  std::optional<Shield> living(value_of(attach(kOtherWanted)));
  attach_and_die();
  EXPECT_EQ(filters(), 2U);
  EXPECT_EQ(value_of(remove_stale()), 1U);
  EXPECT_EQ(filters(), 1U);
  living.reset();
  EXPECT_FALSE(has_qdisc());
}

TEST_F(ShieldOnAnInterface, LeavesSomebodyElsesHookAndFiltersAlone) {
  ASSERT_TRUE(command("tc qdisc add dev in clsact"));
  {
    const auto shield = value_of(attach(kWanted));
  }
  EXPECT_TRUE(has_qdisc()) << "it was there before";
  attach_and_die();
  EXPECT_EQ(value_of(remove_stale()), 1U);
  EXPECT_TRUE(has_qdisc()) << "it was there before";
  // The same kind, priority and program but for the mark.
  ASSERT_TRUE(
      command("tc filter add dev in ingress pref 65000 protocol all "
              "bpf bytecode '1,6 0 0 4294967295,' da"));
  {
    const auto shield = value_of(attach(kWanted));
    EXPECT_EQ(filters(), 2U);
  }
  EXPECT_EQ(filters(), 1U);
  EXPECT_EQ(value_of(remove_stale()), 0U);
  EXPECT_EQ(filters(), 1U);
}

TEST_F(ShieldOnAnInterface, LeavesItsHookToWhoeverHasAFilterOnIt) {
  for (const char* side : {"ingress", "egress"}) {
    SCOPED_TRACE(side);
    const std::string there = std::string(" dev in ") + side + " pref 9";
    {
      const auto shield = value_of(attach(kWanted));
      ASSERT_TRUE(command("tc filter add" + there + " protocol ip u32 match ip dst 239.9.9.9"));
    }
    EXPECT_TRUE(has_qdisc());
    EXPECT_TRUE(command("tc filter show" + there + " | grep -q ef090909"));
    ASSERT_TRUE(command("tc qdisc del dev in clsact"));
  }
}

TEST_F(ShieldOnAnInterface, FindsAFreePriority) {
  ASSERT_TRUE(command("tc qdisc add dev in clsact"));
  ASSERT_TRUE(
      command("tc filter add dev in ingress pref 65000 protocol ip u32 match ip dst 239.9.9.9"));
  {
    const auto shield = value_of(attach(kWanted));
    EXPECT_TRUE(command("tc filter show dev in ingress pref 65001 | grep -q bytecode"));
  }
  EXPECT_FALSE(command("tc filter show dev in ingress pref 65001 | grep -q bytecode"));
  EXPECT_TRUE(command("tc filter show dev in ingress pref 65000 | grep -q ef090909"));
}

TEST_F(ShieldOnAnInterface, HangsOnAnIngressQueueingDisciplineToo) {
  ASSERT_TRUE(command("tc qdisc add dev in ingress"));
  {
    const auto shield = value_of(attach(kWanted));
    EXPECT_EQ(filters(), 1U);
  }
  EXPECT_EQ(filters(), 0U);
  EXPECT_TRUE(command("tc qdisc show dev in | grep -q ingress"));
}

TEST_F(ShieldOnAnInterface, WithManyGroupsIsRemovedWhileSomebodyListensToChanges) {
  std::vector<WantedTraffic> wanted;
  for (std::uint8_t number = 0; number < 200; ++number)
    wanted.push_back({{}, Address::ipv4(239, 1, 2, number), 5000});
  auto monitor = value_of(
      traffic::Child::start_program({.name = "monitor", .where = &*host_}, {"tc", "monitor"}));
  {
    const auto shield = value_of(attach(wanted));
    EXPECT_GT(filters(), 1U);
  }
  EXPECT_EQ(filters(), 0U);
  EXPECT_FALSE(has_qdisc());
  monitor.stop();
}

TEST_F(ShieldOnAnInterface, GoesWithTheInterface) {
  const auto shield = value_of(attach(kWanted));
  ASSERT_TRUE(command("ip link delete in"));
}

TEST_F(ShieldOnAnInterface, SaysWhichInterfaceIsMissing) {
  const auto refused = inside([] { return Shield::attach("eth9", kWanted); });
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("eth9"), std::string::npos);
}

TEST_F(ShieldOnAnInterface, SaysWhatStandsInTheWay) {
  ASSERT_TRUE(command("tc qdisc add dev in ingress_block 7 clsact"));
  const auto refused = attach(kWanted);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("--shield"), std::string::npos) << refused.error().message;
  EXPECT_EQ(refused.error().message.find('\n'), std::string::npos);
}

}  // namespace
}  // namespace reprise::daemon
