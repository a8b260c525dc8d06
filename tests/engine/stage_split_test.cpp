// An ingress and an egress stage, without their runners: what crosses between them.
#include <gtest/gtest.h>

#include <vector>

#include "engine_fixture.hpp"
#include "reprise/engine/stage.hpp"

namespace reprise::engine {
namespace {

using played::small_config;

StageConfig config_of(Role role) { return with_role(small_config(), role); }

WorkItem datagram(std::uint32_t region, OutputIndex first) {
  return {{RegionIndex{region}, 0, 32}, first};
}

TEST(IngressStage, HasRoomForARemovalOfEachOutput) {
  StageConfig config = config_of(Role::ingress);
  config.pool = 1;
  config.rules_max = 1;
  config.outputs_max = 8;
  Flat<Stage> stage(config);
  const InputIndex input = stage->add_input(SocketIndex{0}).value();
  // Its peer is slow: every list of outputs is new.
  for (std::uint32_t output = 0; output < config.outputs_max; ++output) {
    const auto route =
        stage->add_route({{}, played::group(1), input, played::kPort}, OutputIndex{output});
    ASSERT_TRUE(route.has_value());
    ASSERT_TRUE(stage->remove_route(*route).has_value());
  }
  stage->stop();
  stage->prepare({});
  ASSERT_EQ(stage->handing_over().size(), 9U);
  EXPECT_EQ(stage->handing_over()[7], WorkItem::removal(OutputIndex{7}));
  EXPECT_TRUE(stage->handing_over()[8].is_end()) << "no receive was armed";
  EXPECT_FALSE(stage->is_stopped()) << "the end is still to be handed over";
  stage->handed_over();
  EXPECT_EQ(stage->crossed(), 0U) << "no datagram";
  EXPECT_TRUE(stage->is_stopped());
}

TEST(IngressStage, SaysNothingOfARouteThatIsRemovedAfterTheEnd) {
  Flat<Stage> stage(config_of(Role::ingress));
  const InputIndex input = stage->add_input(SocketIndex{0}).value();
  const auto route = stage->add_route({{}, played::group(1), input, played::kPort}, OutputIndex{0});
  stage->stop();
  stage->prepare({});
  stage->handed_over();
  ASSERT_TRUE(stage->is_stopped());
  EXPECT_TRUE(stage->remove_route(*route).has_value());
  EXPECT_TRUE(stage->handing_over().empty()) << "behind the end nothing follows";
  EXPECT_TRUE(stage->is_stopped());
}

TEST(EgressStage, DrainsNothingWhileARegionWaitsToBeGivenBack) {
  Flat<Stage> stage(config_of(Role::egress));
  const OutputIndex first = stage->add_outputs(std::vector{SocketIndex{1}}).value();
  EXPECT_EQ(stage->drain_room(), 4U) << "a batch";
  stage->take_over(std::vector{datagram(3, first), datagram(3, first), datagram(5, first)});
  EXPECT_EQ(stage->drain_room(), 1U);
  stage->abandon();
  EXPECT_TRUE(stage->has_returns());
  EXPECT_EQ(stage->drain_room(), 0U);
  EXPECT_EQ(stage->give_back(), (ReturnItem{RegionIndex{3}, 2}));
  EXPECT_EQ(stage->give_back(), (ReturnItem{RegionIndex{5}, 1}));
  EXPECT_EQ(stage->drain_room(), 4U);
  EXPECT_TRUE(stage->laws_hold());
}

TEST(EgressStage, DrainsAllThatItHasRoomForWhereTheHazardSaysSo) {
  StageConfig config = config_of(Role::egress);
  config.hazards.drain = Drain::all;
  Flat<Stage> stage(config);
  EXPECT_EQ(stage->drain_room(), 32U);
}

TEST(EgressStage, DropsWhatComesAfterTheAbandonAndStopsAtTheEnd) {
  Flat<Stage> stage(config_of(Role::egress));
  const OutputIndex first = stage->add_outputs(std::vector{SocketIndex{1}}).value();
  stage->abandon();
  EXPECT_FALSE(stage->is_stopped()) << "its peer has not ended";
  stage->take_over(std::vector{datagram(3, first), WorkItem::removal(first), WorkItem::end()});
  EXPECT_EQ(stage->closable().size(), 1U);
  EXPECT_FALSE(stage->is_stopped()) << "a region is to be given back";
  EXPECT_EQ(stage->give_back(), (ReturnItem{RegionIndex{3}, 1}));
  EXPECT_TRUE(stage->is_stopped());
  EXPECT_EQ(stage->output_total().dropped[static_cast<std::size_t>(EgressDrop::stopped)], 1U);
}

TEST(EgressStageDeathTest, TakesNothingBehindTheEnd) {
  Flat<Stage> stage(config_of(Role::egress));
  stage->take_over(std::vector{WorkItem::end()});
  EXPECT_DEATH(stage->take_over(std::vector{WorkItem::end()}), "ended");
}

}  // namespace
}  // namespace reprise::engine
