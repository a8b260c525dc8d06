#include "reprise/lab/run_file.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>

#include "reprise/engine/assert.hpp"
#include "run_file_fixture.hpp"

namespace reprise::tests {
namespace {

using lab::RunFile;

std::string error_of(const std::string& text) {
  const auto file = lab::parse_run_file(text, "run.toml");
  return file ? "none" : file.error().message;
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  const std::size_t at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return at == std::string::npos ? text : text.replace(at, from.size(), to);
}

std::string line_count(const std::string& text) {
  return std::to_string(std::ranges::count(text, '\n'));
}

TEST(RunFile, ReadsBackFromItsOwnText) {
  for (const bool lists_picks : {false, true}) {
    lab::RecordControl control;
    control.lists_picks = lists_picks;
    const RunFile file = recorded(written(kTwoFaults), control).file;
    EXPECT_EQ(file.picks.has_value(), lists_picks);
    ASSERT_EQ(file.failures.size(), 1U);
    EXPECT_EQ(file.failures[0].what, "send_drops_max");
    EXPECT_FALSE(file.checkpoints.empty());
    const std::string text = lab::to_toml(file);
    const auto read = lab::parse_run_file(text, "run.toml");
    ASSERT_TRUE(read.has_value()) << read.error().message;
    EXPECT_EQ(lab::to_toml(*read), text);
    EXPECT_EQ(read->picks, file.picks);
    EXPECT_EQ(read->failures, file.failures);
    EXPECT_EQ(read->end, file.end);
    EXPECT_TRUE(lab::is_from_here(*read));
  }
}

TEST(RunFile, KeepsSeedsThatTomlHasNoNumberFor) {
  lab::WrittenScenario scenario = written("version = 1\n[traffic]\ncount = 9\n");
  scenario.seed = 18'446'744'073'709'551'615U;
  const auto read = lab::parse_run_file(lab::to_toml(recorded(scenario).file), "run.toml");
  ASSERT_TRUE(read.has_value()) << read.error().message;
  EXPECT_EQ(read->scenario.seed, scenario.seed);
}

TEST(RunFile, IsAScenarioFileToo) {
  const RunFile file = recorded(written(kTwoFaults)).file;
  const auto scenario = lab::parse_scenario(lab::to_toml(file), "run.toml");
  ASSERT_TRUE(scenario.has_value()) << scenario.error().message;
  EXPECT_EQ(lab::run(*scenario, scenario->seed).digest, file.end.digest);
}

TEST(RunFile, IsSmallForManyPicks) {
  const RunFile file = recorded(written("version = 1\n[traffic]\narrivals = \"poisson\"\n"
                                        "count = 50000\n"))
                           .file;
  EXPECT_GE(file.order.size(), 50'000U);
  EXPECT_LT(lab::to_toml(file).size(), 20'000U);
}

TEST(RunFile, CutOffAnywhereIsRefusedWithFileAndLine) {
  const std::string text = lab::to_toml(recorded(written(kTwoFaults)).file);
  for (std::size_t part = 0; part < 100; ++part) {
    const std::string cut = text.substr(0, text.size() * part / 100);
    const std::string error = error_of(cut);
    EXPECT_TRUE(error.starts_with("run.toml:")) << error;
    EXPECT_NE(error.find("expected"), std::string::npos) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
  }
}

TEST(RunFile, EditedOrDamagedIsRefused) {
  const std::string text = lab::to_toml(recorded(written(kTwoFaults)).file);
  const std::string error = error_of(replaced(text, "hops = 2", "hops = 3"));
  EXPECT_TRUE(error.starts_with("run.toml:" + line_count(text) + ": checksum = ")) << error;
  EXPECT_NE(error.find("expected \""), std::string::npos) << error;
}

TEST(RunFile, OfANewerFormatIsRefusedAndNamesItsVersion) {
  const std::string text = lab::to_toml(recorded(written(kTwoFaults)).file);
  const std::size_t before = text.find("[run]\nversion = 1");
  ASSERT_NE(before, std::string::npos);
  const auto line = std::count(text.begin(), text.begin() + static_cast<long>(before), '\n') + 2;
  EXPECT_EQ(error_of(replaced(text, "[run]\nversion = 1", "[run]\nversion = 2")),
            "run.toml:" + std::to_string(line) +
                ": version = 2: expected 1, the version that this program reads");
}

TEST(RunFile, WithoutARunIsRefused) {
  const std::string error = error_of("version = 1\n");
  EXPECT_TRUE(error.starts_with("run.toml:1: no table [run]; expected")) << error;
}

/// Fails an assertion at its 700th event.
class Failing final : public lab::RunObserver {
 public:
  void see(const sim::World&, const lab::Measurement& measured, const sim::Event&) override {
    REPRISE_ASSERT(measured.events() < 700);
  }
};

/// Leaves what an assertion hands over in a file, and ends the process well.
[[noreturn]] void record_until_the_assertion(const std::string& path) {
  Failing failing;
  lab::RecordControl control;
  control.run.observers = {&failing};
  control.on_assertion = [&](const lab::RecordedRun& run) {
    std::exit(lab::write_run_file(run.file, path) ? 0 : 1);
  };
  recorded(written(kTwoFaults), control);
  std::exit(2);
}

TEST(RunFileDeathTest, OfAFailedAssertionIsHandedOverBeforeTheEnd) {
  const std::string path = ::testing::TempDir() + "/reprise-assertion.toml";
  EXPECT_EXIT(record_until_the_assertion(path), ::testing::ExitedWithCode(0), "events\\(\\) < 700");
  const auto file = lab::read_run_file(path);
  ASSERT_TRUE(file.has_value()) << file.error().message;
  ASSERT_EQ(file->failures.size(), 1U);
  EXPECT_EQ(file->failures[0].what, lab::kAssertion);
  EXPECT_EQ(file->failures[0].expected, "measured.events() < 700");
  EXPECT_NE(file->failures[0].found.find("run_file_test.cpp:"), std::string::npos);
  EXPECT_GT(file->order.size(), 0U);
  std::filesystem::remove(path);
}

}  // namespace
}  // namespace reprise::tests
