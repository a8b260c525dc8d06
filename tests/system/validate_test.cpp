// `reprise-lab validate` as a program, on this machine's kernel. What it finds is not judged: a
// shared machine may be anything.
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "host_row.hpp"
#include "reprise/traffic/child.hpp"
#include "reprise/trial/core.hpp"

namespace reprise::tests {
namespace {

constexpr engine::Duration kPatience = engine::seconds(180);
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif

class Validate : public SystemTest {
 protected:
  void SetUp() override {
    if (trial::allowed_cores().size() < 2) GTEST_SKIP() << "needs two cores";
    SystemTest::SetUp();
    std::ofstream(costs_) << "[costs]\nsend_ns = 2000\n";
  }
  ~Validate() override {
    std::error_code ignored;
    std::filesystem::remove(costs_, ignored);
    std::filesystem::remove(grid_, ignored);
  }
  [[nodiscard]] traffic::Child start(std::vector<std::string> more,
                                     std::optional<unsigned> cpu = {}) const {
    std::vector<std::string> arguments{REPRISE_PROGRAM_FOLDER "/reprise-lab", "validate", "--costs",
                                       costs_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return value_of(traffic::Child::start_program({.name = "validate", .cpu = cpu}, arguments));
  }

  std::filesystem::path costs_ = std::filesystem::temp_directory_path() /
                                 ("reprise-validate-" + std::to_string(::getpid()) + ".toml");
  std::filesystem::path grid_ = std::filesystem::temp_directory_path() /
                                ("reprise-grid-" + std::to_string(::getpid()) + ".toml");
};

/// What must be true of any grid whose first row is the one that is fitted.
void expect_every_row(const traffic::ChildEnd* end, std::size_t rows) {
  ASSERT_NE(end, nullptr);
  ASSERT_LE(end->exit_status, 1) << end->notes;
  const auto json = nlohmann::json::parse(end->report);
  EXPECT_EQ(json["fitted"]["parameter"], "send_ns");
  EXPECT_EQ(json["fitted"]["row"], "synchronous, ring");
  EXPECT_GT(json["fitted"]["value"].get<double>(), 0);
  ASSERT_EQ(json["rows"].size(), rows);
  std::set<std::string> names;
  for (const auto& row : json["rows"]) {
    names.insert(row["name"]);
    EXPECT_GT(row["measured"].get<double>(), 0);
    EXPECT_EQ(row["least"], row["measured"]);
    EXPECT_EQ(row["most"], row["measured"]);
    EXPECT_GT(row["predicted"].get<double>(), 0);
    EXPECT_EQ(row["held_out"].get<bool>(), row["name"] != "synchronous, ring");
    EXPECT_TRUE(row["error_percent"].is_number());
  }
  EXPECT_EQ(names.size(), rows);
  EXPECT_EQ(json["limit_percent"], 15);
  EXPECT_EQ(json["held"].get<bool>(), json["mean_error_percent"].get<double>() <= 15);
  EXPECT_EQ(end->exit_status, json["held"].get<bool>() ? 0 : 1);
}

TEST_F(Validate, MeasuresAndPredictsEveryRowOfTheReportsGrid) {
  if (kIsSanitized)
    GTEST_SKIP() << "sanitized, rows with many buffers send next to nothing; the next takes four";
  traffic::Child child = start({"--rounds", "1", "--seconds", "1", "--json"});
  expect_every_row(child.wait(kPatience), 10);
}

TEST_F(Validate, MeasuresAndPredictsEveryRowOfAGridFile) {
  std::stringstream text;
  text << std::ifstream(REPRISE_SOURCE_FOLDER "/examples/scenarios/report_2025_11/emulation.toml")
              .rdbuf();
  const std::string grid = text.str();
  const std::size_t fifth_row = grid.find("[[row]]\nname = \"synchronous, erase-front + all\"");
  ASSERT_NE(fifth_row, std::string::npos);
  std::ofstream(grid_) << grid.substr(0, fifth_row);
  traffic::Child child = start({grid_, "--rounds", "1", "--seconds", "0.5", "--json"});
  expect_every_row(child.wait(kPatience), 4);
}

TEST_F(Validate, NeedsTwoCores) {
  traffic::Child child = start({}, trial::allowed_cores().front());
  const traffic::ChildEnd* end = child.wait(kPatience);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->exit_status, 2);
  EXPECT_NE(end->notes.find("expected two"), std::string::npos) << end->notes;
  EXPECT_EQ(std::ranges::count(end->notes, '\n'), 1) << end->notes;
}

TEST_F(Validate, NamesTheFileThatIsNoGrid) {
  traffic::Child child = start({REPRISE_SOURCE_FOLDER "/examples/scenarios/poisson.toml"});
  const traffic::ChildEnd* end = child.wait(kPatience);
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->exit_status, 2);
  EXPECT_NE(end->notes.find("poisson.toml:1: 0 rows"), std::string::npos) << end->notes;
}

}  // namespace
}  // namespace reprise::tests
