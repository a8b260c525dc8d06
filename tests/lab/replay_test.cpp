#include "reprise/lab/replay.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "run_file_fixture.hpp"

namespace reprise::tests {
namespace {

using lab::Replay;
using lab::ReplayVerdict;
using lab::RunFile;

Replay replayed(RunFile file, bool goes_on = false) {
  auto replay = lab::replay(std::move(file), {.goes_on = goes_on, .is_silent = true, .run = {}});
  EXPECT_TRUE(replay.has_value()) << replay.error().message;
  return replay ? std::move(*replay) : Replay{};
}

/// As if another engine had recorded it.
RunFile of_another_engine(RunFile file) {
  file.engine = "0123456789abcdef";
  return file;
}

TEST(Replay, OfAnyRecordedRunIsExact) {
  const std::filesystem::path folder = REPRISE_SOURCE_FOLDER "/examples/scenarios";
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".toml") continue;
    for (const std::uint64_t seed : {1U, 2U}) {
      auto scenario = lab::read_scenario(entry.path().string(), {{"count", "600"}});
      ASSERT_TRUE(scenario.has_value()) << scenario.error().message;
      scenario->seed = seed;
      for (const bool lists_picks : {false, true}) {
        lab::RecordControl control;
        control.lists_picks = lists_picks;
        const Replay replay = replayed(recorded(*scenario, control).file);
        EXPECT_EQ(replay.verdict, ReplayVerdict::exact) << entry.path() << lab::to_text(replay);
      }
    }
  }
}

TEST(Replay, OfAnotherEngineThatDoesTheSameIsExact) {
  const Replay replay = replayed(of_another_engine(recorded(written(kTwoFaults)).file));
  EXPECT_EQ(replay.verdict, ReplayVerdict::exact);
  EXPECT_FALSE(replay.is_from_here);
  EXPECT_NE(lab::to_text(replay).find("engine 0123456789abcdef, here "), std::string::npos);
}

TEST(Replay, ThatDiffersThoughNothingChangedIsNotDeterministic) {
  RunFile file = recorded(written(kTwoFaults)).file;
  file.end.digest ^= 1;
  const Replay replay = replayed(file);
  EXPECT_EQ(replay.verdict, ReplayVerdict::not_deterministic);
  EXPECT_FALSE(replay.held());
  EXPECT_NE(lab::to_text(replay).find("NOT DETERMINISTIC"), std::string::npos);
}

/// A scenario that asks something else stands for an engine that does.
RunFile that_asks_otherwise() {
  RunFile file = of_another_engine(recorded(written(kTwoFaults)).file);
  file.scenario.draft.faults.rate(sim::FaultKind::receive_end) = 0;
  return file;
}

TEST(Replay, OfAnEngineThatAsksOtherwiseNamesTheFirstDivergence) {
  const Replay replay = replayed(that_asks_otherwise());
  EXPECT_EQ(replay.verdict, ReplayVerdict::diverged);
  ASSERT_TRUE(replay.found.divergence.has_value());
  EXPECT_EQ(replay.found.divergence->expected, (lab::Ask{"receive_end", 1'000'000}));
  ASSERT_TRUE(replay.found.divergence->found.has_value());
  EXPECT_LT(replay.found.end.events, replay.recorded.end.events) << "it ended there";
  const auto json = lab::to_json(replay);
  EXPECT_EQ(json["verdict"], "diverged");
  EXPECT_EQ(json["divergence"]["expected"]["site"], "receive_end");
  EXPECT_EQ(json["divergence"]["expected"]["count"], 1'000'000);
  EXPECT_NE(lab::to_text(replay).find("expected receive_end of 1000000, found "),
            std::string::npos);
}

TEST(Replay, GoesOnBeyondADivergenceAndFindsTheFailureThere) {
  const Replay replay = replayed(that_asks_otherwise(), true);
  EXPECT_EQ(replay.verdict, ReplayVerdict::reproduced) << lab::to_text(replay);
  EXPECT_TRUE(replay.found.complete);
  EXPECT_TRUE(replay.found.divergence.has_value());
}

TEST(Replay, GoesOnBeyondADivergenceAndMissesTheFailure) {
  RunFile file = that_asks_otherwise();
  file.scenario.draft.faults.rate(sim::FaultKind::send_unreachable) = 0;
  const Replay replay = replayed(file, true);
  EXPECT_EQ(replay.verdict, ReplayVerdict::differs) << lab::to_text(replay);
  EXPECT_FALSE(replay.held());
}

TEST(Replay, OfEventsThatDifferWhereAllPicksFitSaysBetweenWhichTheyDo) {
  RunFile file =
      of_another_engine(recorded(written("version = 1\n[traffic]\ncount = 5000\n")).file);
  file.scenario.draft.costs.send_ns += 1;
  const Replay replay = replayed(file);
  EXPECT_EQ(replay.verdict, ReplayVerdict::differs);
  EXPECT_FALSE(replay.found.divergence.has_value());
  ASSERT_TRUE(replay.found.differs_at.has_value());
  EXPECT_EQ(replay.found.differs_at->events, file.checkpoints.front().events);
  EXPECT_NE(lab::to_text(replay).find("between event 0 ("), std::string::npos);
}

/// Fails an assertion at its 700th event.
class Failing final : public lab::RunObserver {
 public:
  void see(const sim::World&, const lab::Measurement& measured, const sim::Event&) override {
    REPRISE_ASSERT(measured.events() < 700);
  }
};

TEST(Replay, OfAFailedAssertionFailsInItAgain) {
  Failing failing;
  lab::AttemptControl attempt;
  attempt.record.run.observers = {&failing};
  attempt.keeps = [](const RunFile&) { return true; };
  const auto first = lab::attempt_run(written(kTwoFaults), {}, attempt);
  ASSERT_TRUE(first.has_value()) << first.error().message;
  ASSERT_TRUE(first->file.has_value());
  lab::ReplayOptions options{.goes_on = false, .is_silent = true, .run = {}};
  options.run.observers = {&failing};
  const auto again = lab::replay(*first->file, options);
  ASSERT_TRUE(again.has_value()) << again.error().message;
  EXPECT_EQ(again->verdict, ReplayVerdict::exact) << lab::to_text(*again);
  const Replay repaired = replayed(of_another_engine(*first->file));
  EXPECT_EQ(repaired.verdict, ReplayVerdict::diverged) << "more is asked than until the assertion";
  EXPECT_EQ(repaired.found.divergence->expected, std::nullopt);
}

/// Of an interrupted run, as far as it went.
TEST(Replay, OfAnInterruptedRunEndsWhereItDid) {
  RunFile file = recorded(written(kTwoFaults)).file;
  ASSERT_GT(file.checkpoints.size(), 1U);
  file.end = file.checkpoints[0];
  file.complete = false;
  const Replay replay = replayed(file);
  EXPECT_EQ(replay.found.end, file.end) << lab::to_text(replay);
}

/// docs/RUN_FILES.md says what is asked of files from earlier commits.
TEST(RunFilesOfOld, AreReadAndReproduceOrNameWhereTheyDiverge) {
  const std::filesystem::path folder = REPRISE_SOURCE_FOLDER "/tests/lab/run_files";
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".toml") continue;
    ++count;
    const auto file = lab::read_run_file(entry.path().string());
    ASSERT_TRUE(file.has_value()) << file.error().message;
    const Replay replay = replayed(*file);
    SCOPED_TRACE(entry.path().string() + '\n' + lab::to_text(replay));
    if (lab::is_from_here(*file)) {
      EXPECT_EQ(replay.verdict, ReplayVerdict::exact);
    } else if (!replay.held()) {
      EXPECT_TRUE(replay.found.divergence.has_value() || replay.found.differs_at.has_value());
      const Replay on = replayed(*file, true);
      EXPECT_TRUE(on.verdict == ReplayVerdict::differs || on.verdict == ReplayVerdict::reproduced);
    }
  }
  EXPECT_GE(count, 3U);
}

}  // namespace
}  // namespace reprise::tests
