#include "reprise/engine/route.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>
#include <tuple>
#include <vector>

namespace reprise::engine {
namespace {

struct RouteValue {
  RouteTable table;
  void place(FlatLayout& layout, std::uint32_t routes) { table.place(layout, routes); }
  void start(std::uint32_t) { table.start(); }
};

const Address kAlice = Address::ipv4(10, 0, 0, 1);
const Address kBob = Address::ipv4(10, 0, 0, 2);
const Address kGroup = Address::ipv4(239, 1, 1, 1);
constexpr InputIndex kInput{0};

Datagram datagram(const Address& source, const Address& destination, std::uint16_t port) {
  Datagram made;
  made.source = source;
  made.destination = destination;
  made.destination_port = port;
  return made;
}

TEST(RouteTable, MatchesInputDestinationAndPort) {
  Flat<RouteValue> value(8U);
  RouteTable& table = value->table;
  const RouteIndex route = table.add({{}, kGroup, kInput, 5000}, OutputIndex{3});
  ASSERT_NE(route, kNoRoute);
  EXPECT_EQ(table.match(kInput, datagram(kAlice, kGroup, 5000)).route, route);
  EXPECT_EQ(table.first_output(route), OutputIndex{3});
  EXPECT_EQ(table.match(InputIndex{1}, datagram(kAlice, kGroup, 5000)).route, kNoRoute);
  EXPECT_EQ(table.match(kInput, datagram(kAlice, kGroup, 5001)).route, kNoRoute);
  EXPECT_EQ(table.match(kInput, datagram(kAlice, kBob, 5000)).route, kNoRoute);
  EXPECT_FALSE(table.match(kInput, datagram(kAlice, kBob, 5000)).wrong_source);
}

TEST(RouteTable, AnExactSourceWinsOverAnySourceWhateverCameFirst) {
  for (const bool exact_first : {true, false}) {
    Flat<RouteValue> value(8U);
    RouteTable& table = value->table;
    const RouteIndex first =
        table.add({exact_first ? kAlice : Address{}, kGroup, kInput, 5000}, OutputIndex{0});
    const RouteIndex second =
        table.add({exact_first ? Address{} : kAlice, kGroup, kInput, 5000}, OutputIndex{1});
    const RouteIndex exact = exact_first ? first : second;
    const RouteIndex any = exact_first ? second : first;
    EXPECT_EQ(table.match(kInput, datagram(kAlice, kGroup, 5000)).route, exact);
    EXPECT_EQ(table.match(kInput, datagram(kBob, kGroup, 5000)).route, any);
    EXPECT_FALSE(table.match(kInput, datagram(kBob, kGroup, 5000)).wrong_source);
  }
}

TEST(RouteTable, SaysWhenOnlyTheSourceIsWrong) {
  Flat<RouteValue> value(8U);
  ASSERT_NE(value->table.add({kAlice, kGroup, kInput, 5000}, OutputIndex{0}), kNoRoute);
  const RouteMatch match = value->table.match(kInput, datagram(kBob, kGroup, 5000));
  EXPECT_EQ(match.route, kNoRoute);
  EXPECT_TRUE(match.wrong_source);
}

TEST(RouteTable, RefusesAKeyTwiceAndOneTooMany) {
  Flat<RouteValue> value(2U);
  RouteTable& table = value->table;
  const RouteIndex route = table.add({{}, kGroup, kInput, 1}, OutputIndex{0});
  EXPECT_EQ(table.add({{}, kGroup, kInput, 1}, OutputIndex{1}), kNoRoute);
  ASSERT_NE(table.add({{}, kGroup, kInput, 2}, OutputIndex{1}), kNoRoute);
  EXPECT_EQ(table.add({{}, kGroup, kInput, 3}, OutputIndex{2}), kNoRoute);
  table.remove(route);
  EXPECT_NE(table.add({{}, kGroup, kInput, 3}, OutputIndex{2}), kNoRoute);
}

TEST(RouteTable, ARemovedKeyMayComeBackWithOtherOutputs) {
  Flat<RouteValue> value(4U);
  RouteTable& table = value->table;
  const RouteIndex old_route = table.add({{}, kGroup, kInput, 1}, OutputIndex{0});
  table.remove(old_route);
  EXPECT_FALSE(table.is_active(old_route));
  const RouteIndex new_route = table.add({{}, kGroup, kInput, 1}, OutputIndex{1});
  EXPECT_EQ(table.match(kInput, datagram(kAlice, kGroup, 1)).route, new_route);
  EXPECT_EQ(table.first_output(new_route), OutputIndex{1});
}

TEST(RouteTable, AgreesWithAMapUnderRandomOperations) {
  using Key = std::tuple<Address, Address, std::uint32_t, std::uint32_t>;
  std::mt19937 random(4);
  Flat<RouteValue> value(40U);
  RouteTable& table = value->table;
  std::map<Key, RouteIndex> model;
  const auto some_source = [&] {
    const auto choice = random() % 4;
    return choice == 0 ? Address{} : Address::ipv4(10, 0, 0, static_cast<std::uint8_t>(choice));
  };
  for (int step = 0; step < 20'000; ++step) {
    const Address source = some_source();
    const Address destination = Address::ipv4(239, 0, 0, static_cast<std::uint8_t>(random() % 4));
    const InputIndex input{static_cast<std::uint32_t>(random() % 2)};
    const std::uint32_t port = 5000 + static_cast<std::uint32_t>(random() % 2);
    const Key key{source, destination, static_cast<std::uint32_t>(input), port};
    const auto known = model.find(key);
    if (random() % 2 == 0) {
      const RouteIndex added = table.add({source, destination, input, port}, OutputIndex{0});
      ASSERT_EQ(added == kNoRoute, known != model.end() || model.size() == 40);
      if (added != kNoRoute) model[key] = added;
    } else if (known != model.end()) {
      table.remove(known->second);
      model.erase(known);
    }
    const Address sender = Address::ipv4(10, 0, 0, static_cast<std::uint8_t>(1 + random() % 3));
    const RouteMatch match =
        table.match(input, datagram(sender, destination, static_cast<std::uint16_t>(port)));
    const auto exact = model.find({sender, destination, static_cast<std::uint32_t>(input), port});
    const auto any = model.find({Address{}, destination, static_cast<std::uint32_t>(input), port});
    const RouteIndex expected = exact != model.end() ? exact->second
                                : any != model.end() ? any->second
                                                     : kNoRoute;
    ASSERT_EQ(match.route, expected);
    const bool others = std::ranges::any_of(model, [&](const auto& entry) {
      return std::get<1>(entry.first) == destination &&
             std::get<2>(entry.first) == static_cast<std::uint32_t>(input) &&
             std::get<3>(entry.first) == port;
    });
    ASSERT_EQ(match.wrong_source, expected == kNoRoute && others);
  }
}

TEST(RouteTable, HoldsTenThousandRoutes) {
  constexpr std::uint32_t kRoutes = 10'000;
  Flat<RouteValue> value(kRoutes);
  RouteTable& table = value->table;
  const auto destination_of = [](std::uint32_t number) {
    return Address::ipv4(239, 1, static_cast<std::uint8_t>(number >> 8),
                         static_cast<std::uint8_t>(number));
  };
  std::set<RouteIndex> routes;
  for (std::uint32_t number = 0; number < kRoutes; ++number) {
    routes.insert(table.add({{}, destination_of(number), kInput, 5000}, OutputIndex{number}));
  }
  EXPECT_EQ(routes.size(), kRoutes);
  EXPECT_FALSE(routes.contains(kNoRoute));
  for (std::uint32_t number = 0; number < kRoutes; ++number) {
    const RouteMatch match = table.match(kInput, datagram(kAlice, destination_of(number), 5000));
    ASSERT_EQ(table.first_output(match.route), OutputIndex{number});
    if (number % 2 == 1) continue;
    table.remove(match.route);
  }
  for (std::uint32_t number = 0; number < kRoutes; ++number) {
    const RouteMatch match = table.match(kInput, datagram(kAlice, destination_of(number), 5000));
    ASSERT_EQ(match.route != kNoRoute, number % 2 == 1);
  }
}

TEST(RouteTable, TellsIpv6FromIpv4WithTheSameBytes) {
  Flat<RouteValue> value(4U);
  Address six;
  six.family = Family::ipv6;
  six.bytes = kGroup.bytes;
  ASSERT_NE(value->table.add({{}, kGroup, kInput, 5000}, OutputIndex{0}), kNoRoute);
  EXPECT_EQ(value->table.match(kInput, datagram(six, six, 5000)).route, kNoRoute);
}

}  // namespace
}  // namespace reprise::engine
