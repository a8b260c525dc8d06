#include "reprise/trial/calibrate.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <set>

#include "reprise/lab/scenario.hpp"
#include "reprise/lab/scenario_keys.hpp"
#include "reprise/traffic/namespaces.hpp"
#include "reprise/trial/calibration_text.hpp"
#include "reprise/trial/core.hpp"

namespace reprise::trial {
namespace {

/// Every cost a different number.
sim::CostProfile numbered_costs() {
  sim::CostProfile costs;
  std::int64_t number = 1000;
  for (const Cost& cost : kCosts) costs.*cost.member = ++number;
  return costs;
}

/// The costs, written and read back through --costs over other ones.
sim::CostProfile read_back(const Calibration& calibration) {
  const std::filesystem::path path = std::filesystem::temp_directory_path() /
                                     ("reprise-trial-" + std::to_string(::getpid()) + ".toml");
  std::ofstream(path) << to_toml(calibration);
  const auto scenario =
      lab::load_scenario(REPRISE_SOURCE_FOLDER "/examples/scenarios/poisson.toml", {}, path);
  std::filesystem::remove(path);
  EXPECT_TRUE(scenario) << scenario.error().message;
  return scenario ? scenario->world.costs : sim::CostProfile{};
}

TEST(CostList, HasEveryCostOnceUnderTheNameThatScenariosUse) {
  std::set<std::string_view> names;
  sim::CostProfile touched = numbered_costs();
  for (const Cost& cost : kCosts) {
    names.insert(cost.name);
    EXPECT_EQ(std::ranges::count(kCosts, cost.member, &Cost::member), 1) << cost.name;
    lab::ScenarioDraft draft;
    const auto table = std::ranges::find(lab::scenario_tables(), "costs", &lab::Table::name);
    const auto key = std::ranges::find(table->keys, cost.name, &lab::Key<lab::ScenarioDraft>::name);
    ASSERT_NE(key, table->keys.end()) << cost.name;
    ASSERT_TRUE(key->apply(draft, lab::Scalar{std::int64_t{77}}));
    EXPECT_EQ(draft.costs.*cost.member, 77) << cost.name;
    touched.*cost.member = 0;
  }
  EXPECT_EQ(names.size(), kCosts.size());
  const auto table = std::ranges::find(lab::scenario_tables(), "costs", &lab::Table::name);
  EXPECT_EQ(table->keys.size(), kCosts.size());
}

TEST(CalibrationText, AsAFileReadsBackEqual) {
  Calibration calibration;
  calibration.costs = numbered_costs();
  calibration.host = {"6.18.0", "A CPU # [model] \"quoted\"", "2026-01-02"};
  calibration.rounds = 9;
  EXPECT_EQ(read_back(calibration), calibration.costs);
  const std::string text = to_toml(calibration);
  for (const char* word : {"Linux 6.18.0", "A CPU #", "2026-01-02", "9 rounds"})
    EXPECT_NE(text.find(word), std::string::npos) << word << " is not in:\n" << text;
}

TEST(CalibrationText, GivesValueSpreadDefaultAndRatio) {
  Calibration calibration;
  calibration.costs.call_ns = 3 * sim::CostProfile{}.call_ns;
  calibration.spreads[0] = {1050, 900, 1200.04};
  calibration.figures.push_back({"extra_ns", {5, 4, 6}});
  const auto json = to_json(calibration);
  const auto& call = json["costs"]["call_ns"];
  EXPECT_EQ(call["value"], 3 * sim::CostProfile{}.call_ns);
  EXPECT_EQ(call["least"], 900);
  EXPECT_EQ(call["most"], 1200);
  EXPECT_EQ(call["default"], sim::CostProfile{}.call_ns);
  EXPECT_EQ(call["ratio"], 3.0);
  EXPECT_TRUE(json["costs"]["send_byte_ps"]["ratio"].is_null());  // its default is 0
  EXPECT_EQ(json["figures"]["extra_ns"]["value"], 5);
  EXPECT_EQ(json["costs"].size(), kCosts.size());
  const std::string text = to_text(calibration);
  for (const Cost& cost : kCosts)
    EXPECT_NE(text.find("\n" + std::string(cost.name) + " "), std::string::npos) << cost.name;
}

TEST(Calibrate, RefusesRoundsAndCoresThatCannotBe) {
  for (const std::uint32_t rounds : {0U, 41U}) {
    const auto refused = calibrate({.rounds = rounds});
    ASSERT_FALSE(refused);
    EXPECT_NE(refused.error().message.find("expected 1 to 40"), std::string::npos);
  }
  const auto refused = calibrate({.rounds = 1, .core = 1023});
  ASSERT_FALSE(refused);  // on one core alone for another reason
}

/// On this machine's kernel.
class CalibrateHere : public testing::Test {
 protected:
  void SetUp() override {
    if (auto allowed = traffic::allow_namespaces(); !allowed)
      GTEST_SKIP() << allowed.error().message;
    if (allowed_cores().size() < 2) GTEST_SKIP() << "needs two cores";
  }
};

TEST_F(CalibrateHere, MeasuresEveryCost) {
  const auto cores_before = allowed_cores();
  std::uint64_t steps = 0;
  const auto calibration = calibrate(
      {.rounds = 3, .date = "2026-01-02", .progress = [&](std::uint64_t done, std::uint64_t of) {
         EXPECT_EQ(done, ++steps);
         EXPECT_LE(done, of);
       }});
  ASSERT_TRUE(calibration) << calibration.error().message;
  EXPECT_GT(steps, 0U);
  EXPECT_EQ(allowed_cores(), cores_before) << "the calling thread stays pinned";
  // What is a difference of two measurements may vanish in their noise; everything else takes time.
  const std::set<std::string_view> differences{"send_byte_ps", "receive_byte_ps", "linked_ns",
                                               "datagram_ns",  "wake_ns",         "crossing_ns",
                                               "switch_ns"};
  for (std::size_t index = 0; index < kCosts.size(); ++index) {
    const Cost& cost = kCosts[index];
    const Spread& spread = calibration->spreads[index];
    EXPECT_LE(spread.least, spread.median) << cost.name;
    EXPECT_LE(spread.median, spread.most) << cost.name;
    EXPECT_GE(calibration->costs.*cost.member, differences.contains(cost.name) ? 0 : 1)
        << cost.name;
  }
  EXPECT_EQ(calibration->host.date, "2026-01-02");
  EXPECT_FALSE(calibration->host.kernel_release.empty());
  EXPECT_EQ(read_back(*calibration), calibration->costs);
}

TEST_F(CalibrateHere, EndsSoonWhenItIsStopped) {
  std::atomic<bool> stop = false;
  std::uint64_t steps = 0;
  const auto stopped =
      calibrate({.stop = &stop, .progress = [&](std::uint64_t done, std::uint64_t) {
                   steps = done;
                   if (done == 2) stop = true;
                 }});
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().errno_value, EINTR);
  EXPECT_EQ(steps, 2U);
}

}  // namespace
}  // namespace reprise::trial
