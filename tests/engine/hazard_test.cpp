// Removals that wait behind datagrams, and egress with the hazard send_order = unlinked.
#include "reprise/engine/hazard.hpp"

#include <gtest/gtest.h>

#include <random>
#include <vector>

#include "engine_fixture.hpp"

namespace reprise::engine {
namespace {

using Numbers = std::vector<std::uint32_t>;
using played::small_config;
using played::StageOnPlayedKernel;

std::vector<std::uint32_t> closable(StageOnPlayedKernel& relay) {
  std::vector<std::uint32_t> sockets;
  for (const SocketIndex socket : relay.stage->closable().all()) {
    sockets.push_back(static_cast<std::uint32_t>(socket));
  }
  return sockets;
}

void remove(StageOnPlayedKernel& relay, RouteIndex route) {
  ASSERT_TRUE(relay.stage->remove_route(route).has_value());
  EXPECT_TRUE(relay.stage->laws_hold());
}

TEST(EgressRemoval, OfARouteWithNothingWaitingIsDoneAtOnce) {
  StageOnPlayedKernel relay;
  const RouteIndex route = relay.route(1, {1, 2});
  relay.hand_over();
  remove(relay, route);
  EXPECT_EQ(closable(relay), (Numbers{1, 2}));
}

TEST(EgressRemoval, KeepsItsPlaceBehindTheDatagramsBeforeIt) {
  StageOnPlayedKernel relay;
  const RouteIndex first = relay.route(1, {1});
  const RouteIndex second = relay.route(2, {2});
  relay.hand_over();
  relay.offer(1, 10, 3);
  relay.offer(2, 20, 1);
  remove(relay, second);
  remove(relay, first);
  EXPECT_EQ(closable(relay), (Numbers{})) << "datagrams for both wait before";
  relay.hand_over();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{10, 11, 12}));
  EXPECT_EQ(relay.numbers_on(2), (Numbers{20}));
  EXPECT_EQ(closable(relay), (Numbers{})) << "sends are in flight";
  relay.kernel.end_all_sends();
  relay.reap();
  EXPECT_EQ(closable(relay), (Numbers{1, 2}));
  EXPECT_EQ(relay.stage->output_total().sent, 4U);
}

TEST(EgressRemoval, FallsDueWhenTheBacklogIsAbandoned) {
  StageOnPlayedKernel relay;
  const RouteIndex route = relay.route(1, {1, 2});
  relay.hand_over();
  relay.offer(1, 10, 5);
  remove(relay, route);
  relay.stage->stop();
  relay.stage->abandon();
  EXPECT_EQ(closable(relay), (Numbers{1, 2}));
  EXPECT_EQ(relay.stage->output_total().dropped[static_cast<std::size_t>(EgressDrop::stopped)],
            10U);
  EXPECT_TRUE(relay.stage->laws_hold());
}

StageConfig unlinked() {
  StageConfig config = small_config();
  config.hazards.send_order = SendOrder::unlinked;
  return config;
}

TEST(UnlinkedSends, HaveNoChainsAndSeveralBatchesInFlight) {
  StageOnPlayedKernel relay(unlinked());
  relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 8);
  relay.hand_over_all();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{0, 1, 2, 3, 4, 5, 6, 7}));
  for (const played::InFlight& send : relay.kernel.sends) {
    EXPECT_FALSE(played::PlayedKernel::is_linked(send));
  }
}

TEST(UnlinkedSends, ThatAreRefusedComeBackBehindWhatWaits) {
  StageOnPlayedKernel relay(unlinked());
  const RouteIndex route = relay.route(1, {1});
  relay.hand_over();
  relay.offer(1, 0, 8);
  relay.hand_over_all();
  relay.kernel.end_all_sends(Outcome::refused);
  relay.reap();
  EXPECT_EQ(relay.counters(route).refused, 8U);
  EXPECT_EQ(relay.dropped(route, EgressDrop::queue_full), 4U) << "more than its queue holds";
  relay.hand_over_all();
  ASSERT_EQ(relay.kernel.waits.size(), 1U);
  EXPECT_TRUE(relay.kernel.sends.empty()) << "blocked until it is writable";
  relay.kernel.end_oldest(relay.kernel.waits, Outcome::ok);
  relay.reap();
  relay.hand_over_all();
  EXPECT_EQ(relay.numbers_on(1), (Numbers{0, 1, 2, 3}));
  relay.drain();
  EXPECT_EQ(relay.counters(route).sent, 4U);
  EXPECT_EQ(relay.stage->ledger().held_count(), 0U);
}

/// Ends one random send or wait, in any order, any way.
void answer_at_random(StageOnPlayedKernel& relay, std::mt19937& random) {
  constexpr Outcome kOutcomes[] = {Outcome::ok,      Outcome::ok,        Outcome::refused,
                                   Outcome::refused, Outcome::cancelled, Outcome::unreachable};
  auto& sends = relay.kernel.sends;
  if (!sends.empty()) {
    std::swap(sends.front(), sends[random() % sends.size()]);
    relay.kernel.end_oldest(sends, kOutcomes[random() % 6]);
  }
  if (!relay.kernel.waits.empty() && random() % 4 == 0) {
    relay.kernel.end_oldest(relay.kernel.waits, Outcome::ok);
  }
}

TEST(UnlinkedSends, KeepEveryLawWhateverBecomesOfThem) {
  for (std::uint32_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    std::mt19937 random(seed);
    StageConfig config = unlinked();
    config.hazards.backlog = BacklogKind{static_cast<std::uint32_t>(seed % 2)};
    config.pool = 1 + static_cast<std::uint32_t>(random() % 40);
    StageOnPlayedKernel relay(config);
    RouteIndex route = relay.route(1, {1, 2});
    relay.route(2, {3});
    relay.hand_over();
    for (std::uint32_t number = 0; number < 1500; ++number) {
      const std::vector<std::byte> bytes = played::numbered_frame(1 + number % 2, number);
      if (random() % 2 == 0) relay.kernel.deliver(bytes, played::whole_frame(bytes));
      if (random() % 2 == 0) relay.reap();
      if (random() % 2 == 0) relay.hand_over_once();
      answer_at_random(relay, random);
      if (random() % 200 == 0) {
        remove(relay, route);
        relay.drain();
        relay.stage->closable().clear();
        route = relay.route(1, {1, 2});
      }
      ASSERT_TRUE(relay.stage->laws_hold());
    }
    relay.drain();
    ASSERT_EQ(relay.stage->ledger().held_count(), 0U);
    relay.stage->stop();
    relay.stage->abandon();
    relay.drain();
    ASSERT_TRUE(relay.stage->is_stopped());
    EXPECT_GT(relay.stage->output_total().refused, 50U);
  }
}

}  // namespace
}  // namespace reprise::engine
