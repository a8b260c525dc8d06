// The differential test itself: what it accepts, what it must not, and what it says of files.
#include "reprise/trial/differential/differential.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <vector>

#include "reprise/traffic/namespaces.hpp"
#include "reprise/trial/differential/beliefs.hpp"
#include "reprise/trial/differential/corruption.hpp"
#include "reprise/trial/differential/model_mutants.hpp"
#include "reprise/trial/differential/plan.hpp"
#include "reprise/trial/differential/recorder.hpp"
#include "reprise/trial/differential/reordering.hpp"
#include "reprise/trial/differential/trace_json.hpp"

namespace reprise::trial {
namespace {

const std::filesystem::path kTraces = REPRISE_SOURCE_FOLDER "/tests/trial/traces";

std::vector<std::filesystem::path> kept_traces() {
  std::vector<std::filesystem::path> paths;
  for (const auto& entry : std::filesystem::directory_iterator(kTraces)) {
    if (entry.path().extension() == ".jsonl") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

Trace kept(const std::filesystem::path& path) {
  auto trace = read_trace(path.string());
  EXPECT_TRUE(trace) << trace.error().message;
  return trace ? *std::move(trace) : Trace{};
}

TEST(Differential, AcceptsEveryKeptTraceOfTheRealKernel) {
  std::vector<sim::TaskRun> rings;
  for (const std::filesystem::path& path : kept_traces()) {
    const Trace trace = kept(path);
    ASSERT_TRUE(check(trace)) << path << ": " << check(trace).error().message;
    const Verdict verdict = judge(trace, profile_of(trace.setup));
    EXPECT_TRUE(verdict.admitted) << path << ", act " << verdict.act << ": " << verdict.reason;
    rings.push_back(trace.setup.task_run);
  }
  EXPECT_THAT(rings, testing::Contains(sim::TaskRun::plain));
  EXPECT_THAT(rings, testing::Contains(sim::TaskRun::cooperative));
  EXPECT_THAT(rings, testing::Contains(sim::TaskRun::deferred));
}

TEST(Differential, KnowsThatAFrameMayArriveBeforeAReceiveWaitsThatFoundNothing) {
  const Trace trace = kept(kTraces / "late_receive.jsonl");
  const Verdict with = judge(trace, profile_of(trace.setup));
  EXPECT_TRUE(with.admitted) << with.reason;
  const Verdict without =
      judge(trace, profile_of(trace.setup), kBeliefsMax, Alternative::receive_armed_too_late);
  EXPECT_FALSE(without.admitted);
}

TEST(Differential, RejectsEveryFalsificationOfThem) {
  std::uint64_t tried = 0;
  for (const std::filesystem::path& path : kept_traces()) {
    const Trace trace = kept(path);
    for (std::uint64_t draw = 1; draw <= 30; ++draw) {
      const auto corruption = corrupt(trace, draw * 0x9e37'79b9'7f4a'7c15ULL);
      if (!corruption) continue;
      ++tried;
      const Verdict verdict = judge(corruption->trace, profile_of(trace.setup));
      EXPECT_FALSE(verdict.admitted) << path << ": " << corruption->what;
    }
  }
  EXPECT_GT(tried, 50U);
}

TEST(Differential, ATraceFileReadsBackAsItWasWritten) {
  for (const std::filesystem::path& path : kept_traces()) {
    const Trace trace = kept(path);
    std::string text = to_json_line(trace.setup) + "\n";
    for (const Act& act : trace.acts) text += to_json_line(act) + "\n";
    std::ifstream file(path);
    const std::string written{std::istreambuf_iterator<char>(file), {}};
    EXPECT_EQ(text, written) << path;
  }
}

TEST(Differential, RefusesWhatItDoesNotKnowByName) {
  Trace trace = kept(kept_traces().front());
  const auto submit = std::ranges::find(trace.acts, ActKind::submit, &Act::kind);
  ASSERT_NE(submit, trace.acts.end());
  submit->entries.front().operation = engine::Operation::packet_ring_receive;
  const auto refused = check(trace);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("packet_ring_receive"));
  const auto nonsense = parse_trace("{\"trace\":1,\"wings\":2}\n");
  ASSERT_FALSE(nonsense);
  EXPECT_THAT(nonsense.error().message, testing::HasSubstr("1:"));
}

TEST(Differential, AcceptsWhatTheRealKernelDoesAndTellsWrongModelsFromRightOnes) {
  if (!traffic::allow_namespaces()) GTEST_SKIP() << "no network namespaces here";
  DifferentialRequest request;
  request.sequences = 150;
  request.corruptions = 300;
  request.seed = 7;
  request.folder = testing::TempDir();
  const auto result = run_differential(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->rejected, 0U) << testing::PrintToString(result->paths);
  EXPECT_EQ(result->exceeded, 0U);
  EXPECT_EQ(result->corrupted, 300U);
  EXPECT_EQ(result->corrupted_caught, 300U) << testing::PrintToString(result->corruptions_missed);
  EXPECT_GE(result->mutants_caught, 10U) << testing::PrintToString(result->mutants_missed);
}

TEST(Differential, UnlinkedSendsAreReorderedAndAChainIsNotOnBothKernels) {
  if (!traffic::allow_namespaces()) GTEST_SKIP() << "no network namespaces here";
  const auto result = run_reordering();
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->ways.size(), 3U);
  for (const ReorderedWay& way : result->ways) {
    SCOPED_TRACE(way.name);
    EXPECT_EQ(way.out_of_order == 0, way.is_linked);
    EXPECT_EQ(way.model_is_in_order, way.is_linked);
    EXPECT_FALSE(way.order.empty() || way.model_order.empty());
  }
}

}  // namespace
}  // namespace reprise::trial
