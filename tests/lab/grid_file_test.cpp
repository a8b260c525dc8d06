#include "reprise/lab/grid_file.hpp"

#include <gtest/gtest.h>

#include <string>

namespace reprise::lab {
namespace {

const std::string kScenario = "version = 1\n[relay]\nthreads = 2\npool = 500\n";
const std::string kFirst = "[[row]]\nname = \"first\"\nfit = true\n";
const std::string kSecond = "[[row]]\nname = \"second\"\nset = [\"policy=deferred\", \"pool=7\"]\n";

void expect_refused(const std::string& text, int line, const std::string& words) {
  const auto refused = parse_grid(text, "grid.toml");
  ASSERT_FALSE(refused) << text;
  const std::string& message = refused.error().message;
  EXPECT_TRUE(message.starts_with("grid.toml:" + std::to_string(line) + ": ")) << message;
  EXPECT_NE(message.find(words), std::string::npos) << message;
}

TEST(GridFile, EachRowIsTheScenarioWithItsOwnSettings) {
  const auto grid = parse_grid(kScenario + kFirst + kSecond, "grid.toml");
  ASSERT_TRUE(grid) << grid.error().message;
  ASSERT_EQ(grid->rows.size(), 2U);
  EXPECT_EQ(grid->rows[0].name, "first");
  EXPECT_EQ(grid->rows[0].scenario.world.nodes[0].stage.pool, 500U);
  EXPECT_EQ(grid->rows[0].scenario.world.nodes[0].stage.policy, engine::Policy::adaptive);
  EXPECT_EQ(grid->rows[1].name, "second");
  EXPECT_EQ(grid->rows[1].scenario.world.nodes[0].stage.pool, 7U);
  EXPECT_EQ(grid->rows[1].scenario.world.nodes[0].stage.policy, engine::Policy::deferred);
}

TEST(GridFile, IsAScenarioToo) {
  const auto scenario = parse_scenario(kScenario + kFirst + kSecond, "grid.toml");
  ASSERT_TRUE(scenario) << scenario.error().message;
  EXPECT_EQ(scenario->world.nodes[0].stage.pool, 500U);
}

TEST(GridFile, TheReportsEmulationVariesWhatTheLoopsDifferedIn) {
  const auto grid =
      load_grid(REPRISE_SOURCE_FOLDER "/examples/scenarios/report_2025_11/emulation.toml");
  ASSERT_TRUE(grid) << grid.error().message;
  EXPECT_EQ(grid->rows.size(), 10U);
  const auto& fitted = grid->rows.front().scenario.world.nodes[0].stage;
  EXPECT_EQ(fitted.policy, engine::Policy::synchronous);
  EXPECT_EQ(fitted.hazards.backlog, engine::BacklogKind::ring);
  EXPECT_EQ(fitted.hazards.drain, engine::Drain::batch);
}

TEST(GridFile, OnlyTheFirstRowIsFitted) {
  expect_refused(kScenario + kSecond + kFirst, 5, "\"second\": fit = false");
  expect_refused(kScenario + kFirst + kFirst, 8, "\"first\": fit = true");
}

TEST(GridFile, NamesFileAndLineOfWhatIsWrong) {
  expect_refused(kScenario, 1, "0 rows; expected two or more");
  expect_refused(kScenario + kFirst, 1, "1 rows; expected two or more");
  expect_refused("version = 1\nrow = 3\n", 2, "row");
  expect_refused("version = 1\nrow = [3, 4]\n", 2, "expected tables, [[row]]");
  expect_refused("version = 1\n[relay]\npool = 0\n" + kFirst + kSecond, 3, "pool");
  expect_refused("version = 2\n" + kFirst + kSecond, 1, "version");
  const std::string row = kScenario + kFirst + "[[row]]\nname = \"other\"\n";  // up to line 9
  expect_refused(row + "fit = 1\n", 10, "fit = 1: expected true or false");
  expect_refused(row + "speed = 1\n", 10, "row.speed: unknown key");
  expect_refused(row + "set = \"pool=3\"\n", 10, "expected a list of settings");
  expect_refused(row + "set = [\"pool\"]\n", 10, "expected a list of settings");
  expect_refused(row + "set = [\n\"pool=3\",\n\"ring=0\"]\n", 12, "ring");
  expect_refused(row + "set = [\"colour=3\"]\n", 10, "colour");
  expect_refused(kScenario + kFirst + "[[row]]\nset = []\n", 8, "no name");
  expect_refused(kScenario + kFirst + "[[row]]\nname = \"\"\n", 9, "a text in quotes");
  expect_refused(kScenario + kFirst + "[[row]]\nname = \"first\"\n", 8, "a second one");
  const auto missing = load_grid("nowhere/grid.toml");
  ASSERT_FALSE(missing);
  EXPECT_NE(missing.error().message.find("nowhere/grid.toml: cannot be read"), std::string::npos);
}

TEST(GridFile, NamesTheRowWhoseSettingsContradictTheScenario) {
  expect_refused(kScenario + kFirst + "[[row]]\nname = \"narrow\"\nset = [\"batch=100\"]\n", 10,
                 "batch");
}

}  // namespace
}  // namespace reprise::lab
