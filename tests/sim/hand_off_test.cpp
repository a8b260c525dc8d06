#include "reprise/sim/hand_off.hpp"

#include <gtest/gtest.h>

#include <array>
#include <vector>

namespace reprise::sim {
namespace {

using engine::OutputIndex;
using engine::RegionIndex;
using engine::ReturnItem;
using engine::Role;
using engine::WorkItem;

WorkItem datagram(std::uint32_t region) { return {{RegionIndex{region}, 0, 1}, OutputIndex{0}}; }

engine::StageConfig small_pool() {
  engine::StageConfig config;
  config.pool = 3;
  config.outputs_max = 2;
  return config;
}

struct HandOffValue {
  HandOffState state;
  void place(engine::FlatLayout& layout, const engine::StageConfig& config) {
    state.place(layout, config);
  }
  void start(const engine::StageConfig&) {}
};

struct SimulatedHandOff : testing::Test {
  engine::Flat<HandOffValue> value{small_pool()};
  CostProfile costs;
  PhaseDetail detail;
  SimHandOff hand_off{value->state, costs, detail};
};

TEST_F(SimulatedHandOff, IsTwoQueuesFirstInFirstOut) {  // H2
  hand_off.hand_over(std::vector{datagram(1), WorkItem::removal(OutputIndex{1}), datagram(2)});
  hand_off.hand_over(std::vector{datagram(0), WorkItem::end()});
  std::array<WorkItem, 4> items;
  ASSERT_EQ(hand_off.drain(items), 4U);
  EXPECT_EQ(items[0], datagram(1));
  EXPECT_EQ(items[1], WorkItem::removal(OutputIndex{1}));
  EXPECT_EQ(items[3], datagram(0));
  ASSERT_EQ(hand_off.drain(items), 1U);
  EXPECT_TRUE(items[0].is_end());
  EXPECT_EQ(hand_off.drain(items), 0U);
  hand_off.give_back(std::vector{ReturnItem{RegionIndex{2}, 1}, ReturnItem{RegionIndex{1}, 7}});
  std::array<ReturnItem, 4> returns;
  ASSERT_EQ(hand_off.take_back(returns), 2U);
  EXPECT_EQ(returns[1], (ReturnItem{RegionIndex{1}, 7}));
  EXPECT_EQ(detail.handed_over, detail.drained);
  EXPECT_EQ(detail.given_back, detail.taken_back);
}

TEST_F(SimulatedHandOff, HasRoomForAllThatCanBeOnItsWay) {  // H1
  const std::uint32_t items_max = engine::HandOff::items_max(small_pool());
  EXPECT_EQ(items_max, 6U) << "three datagrams, a removal for each output, the end";
  for (std::uint32_t item = 0; item < items_max; ++item) {
    hand_off.hand_over(std::vector{datagram(item % 3)});
  }
  EXPECT_TRUE(value->state.items.full());
}

TEST_F(SimulatedHandOff, WakesOnlyWhoHasAnnouncedItAndOnlyOnce) {  // H3
  hand_off.wake(Role::egress);
  EXPECT_FALSE(hand_off.woke_peer());
  hand_off.announce(Role::ingress);
  hand_off.wake(Role::egress);
  EXPECT_FALSE(hand_off.woke_peer()) << "the other one announced it";
  hand_off.announce(Role::egress);
  hand_off.wake(Role::egress);
  EXPECT_TRUE(hand_off.woke_peer());
  EXPECT_EQ(value->state.sleeping[1], 0U);
  EXPECT_EQ(value->state.sleeping[0], 1U);
}

TEST_F(SimulatedHandOff, TellsEachWhetherItsOwnQueueHasItems) {
  hand_off.hand_over(std::vector{datagram(1)});
  EXPECT_TRUE(hand_off.has_items_for(Role::egress));
  EXPECT_FALSE(hand_off.has_items_for(Role::ingress));
  hand_off.give_back(std::vector{ReturnItem{RegionIndex{1}, 1}});
  EXPECT_TRUE(hand_off.has_items_for(Role::ingress));
}

TEST_F(SimulatedHandOff, CostsEachAccessEachItemAndTheCallThatWakes) {
  hand_off.hand_over(std::vector{datagram(1), datagram(2)});
  EXPECT_EQ(detail.cost_ns, costs.shared_ns + 2 * costs.crossing_ns);
  detail.cost_ns = 0;
  hand_off.wake(Role::egress);
  EXPECT_EQ(detail.cost_ns, costs.shared_ns);
  detail.cost_ns = 0;
  hand_off.announce(Role::egress);
  hand_off.wake(Role::egress);
  EXPECT_EQ(detail.cost_ns, 2 * costs.shared_ns + costs.wake_call_ns);
}

}  // namespace
}  // namespace reprise::sim
