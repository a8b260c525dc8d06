#include "reprise/lab/shrink.hpp"

#include <gtest/gtest.h>

#include <atomic>

#include "reprise/lab/replay.hpp"
#include "run_file_fixture.hpp"

namespace reprise::tests {
namespace {

using lab::RunFile;
using lab::Shrunk;

Shrunk shrunk(const RunFile& file, const lab::ShrinkOptions& options = {}) {
  auto done = lab::shrink(file, options);
  EXPECT_TRUE(done.has_value()) << done.error().message;
  return done ? std::move(*done) : Shrunk{};
}

TEST(Shrink, OfAFailureThatTakesTwoFaultsLeavesTheTwo) {
  const RunFile file = recorded(written(kTwoFaults)).file;
  ASSERT_EQ(file.failures.size(), 1U);
  EXPECT_GT(std::stoi(file.failures[0].found), 2) << "more than needed";
  const Shrunk small = shrunk(file);
  EXPECT_TRUE(small.complete) << lab::to_text(small);
  EXPECT_GT(small.before.picks_not_zero, 500U);
  EXPECT_EQ(small.after.picks_not_zero, 2U) << lab::to_text(small);
  EXPECT_LE(small.after.datagrams, 2U);
  EXPECT_EQ(small.file.failures.at(0).found, "2");
  EXPECT_EQ(small.file.scenario.traffic.size(), 1U);

  const auto necessary = lab::necessary_picks(small.file);
  ASSERT_TRUE(necessary.has_value()) << necessary.error().message;
  EXPECT_TRUE(necessary->complete);
  ASSERT_EQ(necessary->picks.size(), 2U) << lab::to_text(*necessary);
  for (const lab::NamedPick& each : necessary->picks) {
    EXPECT_EQ(each.site, "send_error");
    EXPECT_EQ(each.value, 980'000U) << "the lowest that is a fault, at 20,000 in a million";
    EXPECT_GT(each.time_ns, 0);
  }
}

TEST(Shrink, OfEqualFilesGivesEqualFilesThatReplay) {
  const RunFile file = recorded(written(kTwoFaults)).file;
  const lab::ShrinkOptions few{.attempts_max = 40, .stop = nullptr, .progress = {}};
  const Shrunk small = shrunk(file, few);
  EXPECT_FALSE(small.complete);
  EXPECT_EQ(small.attempts, 40U);
  EXPECT_LT(small.after.datagrams, small.before.datagrams);
  EXPECT_EQ(lab::to_toml(shrunk(file, few).file), lab::to_toml(small.file));
  const auto replay = lab::replay(small.file, {.goes_on = false, .is_silent = true, .run = {}});
  ASSERT_TRUE(replay.has_value()) << replay.error().message;
  EXPECT_EQ(replay->verdict, lab::ReplayVerdict::exact);
}

TEST(Shrink, StopsWhenToldToAndKeepsTheBestSoFar) {
  std::atomic<bool> flag = false;
  const lab::ShrinkOptions options{
      .attempts_max = 1000, .stop = &flag, .progress = [&](std::uint64_t attempts, std::uint64_t) {
        flag = attempts >= 30;
      }};
  const Shrunk small = shrunk(recorded(written(kTwoFaults)).file, options);
  EXPECT_FALSE(small.complete);
  EXPECT_LT(small.after.datagrams, small.before.datagrams);
  EXPECT_FALSE(small.file.failures.empty());
}

TEST(Shrink, OfTooLittleLeavesTheScenarioAsItIs) {
  const RunFile file = recorded(written("version = 1\n[traffic]\narrivals = \"poisson\"\n"
                                        "count = 50\n[faults]\nwire_loss_per_million = 500000\n"
                                        "[expect]\ndelivered_min = 50\n"))
                           .file;
  ASSERT_FALSE(file.failures.empty());
  const Shrunk small = shrunk(file);
  EXPECT_EQ(small.after.datagrams, 50U);
  EXPECT_EQ(small.after.picks_not_zero, 1U) << lab::to_text(small);
  EXPECT_EQ(small.file.failures.at(0).found, "49");
}

TEST(Shrink, RefusesARunInWhichNothingFailed) {
  const RunFile file = recorded(written("version = 1\n[traffic]\ncount = 9\n")).file;
  const auto done = lab::shrink(file);
  ASSERT_FALSE(done.has_value());
  EXPECT_NE(done.error().message.find("nothing failed"), std::string::npos);
}

constexpr const char* kRefusals = R"(version = 1
[traffic]
count = 300
[faults]
send_errors_per_million = 10_000
[expect]
)";

TEST(Necessary, NamesNothingWhereOtherPicksMakeUpForEachOne) {
  const RunFile file = recorded(written(kRefusals + std::string("send_drops_max = 0\n"))).file;
  const auto necessary = lab::necessary_picks(file);
  ASSERT_TRUE(necessary.has_value()) << necessary.error().message;
  EXPECT_TRUE(necessary->complete);
  EXPECT_GT(necessary->picks_not_zero, 100U);
  EXPECT_TRUE(necessary->picks.empty()) << lab::to_text(*necessary);
}

TEST(Necessary, NamesEachFaultWhereNoneCanBeMissed) {
  const RunFile file = recorded(written(kRefusals + std::string("send_drops_max = 0\n"))).file;
  const int drops = std::stoi(file.failures.at(0).found);
  ASSERT_GT(drops, 1);
  const std::string limit = "send_drops_max = " + std::to_string(drops - 1) + "\n";
  const auto necessary = lab::necessary_picks(recorded(written(kRefusals + limit)).file);
  ASSERT_TRUE(necessary.has_value()) << necessary.error().message;
  ASSERT_EQ(necessary->picks.size(), static_cast<std::size_t>(drops));
  for (std::size_t index = 0; index < necessary->picks.size(); ++index) {
    EXPECT_GE(necessary->picks[index].value, 990'000U);
    if (index > 0) {
      EXPECT_GT(necessary->picks[index].time_ns, necessary->picks[index - 1].time_ns);
    }
  }
  EXPECT_LT(necessary->attempts, 100U) << "harmless picks are set to 0 in blocks";
}

}  // namespace
}  // namespace reprise::tests
