#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "reprise/lab/compare.hpp"
#include "reprise/lab/scenario.hpp"

namespace reprise::lab {
namespace {

/// A file of --costs that lives as long as the test.
class CostsFile : public testing::Test {
 protected:
  ~CostsFile() override {
    std::error_code ignored;
    std::filesystem::remove(path_, ignored);
  }
  void write(std::string_view text) { std::ofstream(path_) << text; }
  [[nodiscard]] std::string path() const { return path_.string(); }

  [[nodiscard]] engine::Expected<Scenario> scenario(
      const std::string& text, const std::vector<Setting>& settings = {}) const {
    return parse_scenario("version = 1\n" + text, "test.toml", settings, path());
  }
  void expect_refused(std::string_view text, int line, const std::string& words) {
    write(text);
    const auto refused = scenario("");
    ASSERT_FALSE(refused) << text;
    EXPECT_TRUE(refused.error().message.starts_with(path() + ":" + std::to_string(line) + ": "))
        << refused.error().message;
    EXPECT_NE(refused.error().message.find(words), std::string::npos) << refused.error().message;
  }

 private:
  std::filesystem::path path_ = std::filesystem::temp_directory_path() /
                                ("reprise-costs-" + std::to_string(::getpid()) + ".toml");
};

TEST_F(CostsFile, ComesBehindTheScenariosOwnCostsAndBeforeSettings) {
  write("# measured\n[costs]\ncall_ns = 11\nsend_ns = 12\n");
  const auto read =
      scenario("[costs]\ncall_ns = 1\nsend_ns = 2\nreceive_ns = 3\n", {{"costs.send_ns", "22"}});
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->world.costs.call_ns, 11);
  EXPECT_EQ(read->world.costs.send_ns, 22);
  EXPECT_EQ(read->world.costs.receive_ns, 3);
  EXPECT_EQ(read->world.costs.turn_ns, sim::CostProfile{}.turn_ns);
}

TEST_F(CostsFile, ThatIsWrongIsRefusedWithItsOwnNameAndLine) {
  expect_refused("[costs]\ncall_ns = 1\nwings_ns = 2\n", 3, "costs.wings_ns: unknown key");
  expect_refused("[costs]\n\ncall_ns = -1\n", 3, "call_ns = -1: expected");
  expect_refused("[costs]\ncall_ns = 1.5\n", 2, "call_ns = 1.5: expected");
  expect_refused("[costs]\ncall_ns = \n", 2, "");
  expect_refused("[costs]\ncall_ns = 1\n[relay]\npool = 3\n", 3,
                 "relay: expected the table [costs]");
  expect_refused("version = 1\n[costs]\n", 1, "version: expected the table [costs]");
  expect_refused("costs = 3\n", 1, "expected the table [costs]");
  expect_refused("", 1, "no costs; expected the table [costs]");
}

TEST_F(CostsFile, ThatCannotBeReadIsNamedWithTheReason) {
  const auto refused = parse_scenario("version = 1\n", "test.toml", {}, "nosuch.toml");
  ASSERT_FALSE(refused);
  EXPECT_TRUE(refused.error().message.starts_with("nosuch.toml: cannot be read: No such file"))
      << refused.error().message;
}

TEST_F(CostsFile, CountsAtEveryPointOfAComparison) {
  write("[costs]\nsend_ns = 1000000\n");
  CompareRequest request;
  request.scenario_path = REPRISE_SOURCE_FOLDER "/examples/scenarios/poisson.toml";
  request.settings = {{"count", "200"}};
  request.variations = {{"policy", {"deferred", "eager"}}};
  const auto usual = compare(request);
  request.costs_path = path();
  const auto slow = compare(request);
  ASSERT_TRUE(usual && slow);
  ASSERT_EQ(slow->points.size(), 2U);
  for (std::size_t point = 0; point < 2; ++point) {
    EXPECT_GT(slow->points[point].result.duration_ns, 2 * usual->points[point].result.duration_ns);
  }
}

}  // namespace
}  // namespace reprise::lab
