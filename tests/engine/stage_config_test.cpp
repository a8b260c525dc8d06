#include "reprise/engine/stage_config.hpp"

#include <gtest/gtest.h>

#include <string>

namespace reprise::engine {
namespace {

/// What check() says about one changed field.
std::string only_finding(std::uint32_t StageConfig::* field, std::uint32_t value) {
  StageConfig config;
  config.*field = value;
  const std::vector<Error> findings = check(config);
  return findings.empty() ? "none" : findings.front().message;
}

TEST(StageConfig, TheDefaultHasNoContradiction) { EXPECT_TRUE(check(StageConfig{}).empty()); }

TEST(StageConfig, AFindingNamesTheFieldTheValueAndTheRange) {
  EXPECT_EQ(only_finding(&StageConfig::batch, 65), "batch = 65: expected 1 to 64");
  EXPECT_EQ(only_finding(&StageConfig::pool, 0), "pool = 0: expected 1 to 32768");
  EXPECT_EQ(only_finding(&StageConfig::pool, 40'000), "pool = 40000: expected 1 to 32768");
  EXPECT_EQ(only_finding(&StageConfig::region_bytes, 127),
            "region_bytes = 127: expected 128 to 1048576");
  EXPECT_EQ(only_finding(&StageConfig::sends_max, 31), "sends_max = 31: expected 32 to 65536");
  EXPECT_EQ(only_finding(&StageConfig::output_queue, 31),
            "output_queue = 31: expected 32 to 65536");
  EXPECT_EQ(only_finding(&StageConfig::inputs_max, 0), "inputs_max = 0: expected 1 to 65536");
  EXPECT_EQ(only_finding(&StageConfig::rules_max, 0), "rules_max = 0: expected 1 to 1000000");
  EXPECT_NE(only_finding(&StageConfig::outputs_max, 0), "none");
}

TEST(StageConfig, HazardsHaveRangesToo) {
  StageConfig config;
  config.hazards.item_bytes = 15;
  config.hazards.nap_us = 1'000'001;
  config.spin_turns = 1'000'000'001;
  const std::vector<Error> findings = check(config);
  ASSERT_EQ(findings.size(), 3U);
  EXPECT_EQ(findings[0].message, "spin_turns = 1000000001: expected 0 to 1000000000");
  EXPECT_EQ(findings[1].message, "item_bytes = 15: expected 16 to 256");
  EXPECT_EQ(findings[2].message, "nap_us = 1000001: expected 0 to 1000000");
}

TEST(StageConfig, WithRoleChangesTheRoleAlone) {
  StageConfig config;
  config.pool = 77;
  StageConfig expected = config;
  expected.role = Role::egress;
  EXPECT_EQ(with_role(config, Role::egress), expected);
  EXPECT_EQ(with_role(with_role(config, Role::egress), Role::unified), config);
}

TEST(StageConfig, EveryContradictionIsFound) {
  StageConfig config;
  config.pool = 0;
  config.outputs_max = 0;
  config.batch = 0;
  EXPECT_GE(check(config).size(), 3U);
}

TEST(StageConfig, LandingComesOnTopOfThePoolOnlyWhereExhaustionDrops) {
  StageConfig config;
  config.pool = 100;
  config.landing = 7;
  EXPECT_EQ(config.region_count(), 100U);
  config.exhaustion = Exhaustion::drop;
  EXPECT_EQ(config.region_count(), 107U);
}

}  // namespace
}  // namespace reprise::engine
