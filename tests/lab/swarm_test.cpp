#include "reprise/lab/swarm.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "reprise/lab/run.hpp"
#include "reprise/lab/run_file.hpp"

namespace reprise::lab {
namespace {

const std::string kFaults = REPRISE_SOURCE_FOLDER "/examples/scenarios/faults.toml";

/// Fails for some seeds: under some faults many sends are dropped.
SwarmRequest small_request() {
  return {.scenario_path = kFaults,
          .seeds = {1, 12},
          .settings = {{"count", "400"},
                       {"flows", "1"},
                       {"quiet_start_ns", "900_000_000"},
                       {"expect.send_drops_max", "200"}}};
}

class Folder {
 public:
  Folder()
      : path_(std::filesystem::temp_directory_path() /
              ("reprise-swarm-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(path_);
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::string file(std::string_view name) const { return path_ / name; }

 private:
  std::filesystem::path path_;
};

TEST(Swarm, FindsTheSeedsThatFailAndNoOthers) {
  const SwarmRequest request = small_request();
  const auto result = swarm(request);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->complete());
  EXPECT_FALSE(result->held());
  const auto scenario = load_scenario(kFaults, request.settings);
  ASSERT_TRUE(scenario);
  std::vector<std::uint64_t> expected;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    if (run(*scenario, seed).hops[0].send_drops + run(*scenario, seed).hops[1].send_drops > 200)
      expected.push_back(seed);
  }
  std::vector<std::uint64_t> found;
  for (const SwarmFailure& failure : result->failures) {
    found.push_back(failure.seed);
    EXPECT_EQ(failure.digest, run(*scenario, failure.seed).digest);
    ASSERT_EQ(failure.failed.size(), 1U);
    EXPECT_EQ(failure.failed[0].expectation.key(), "send_drops_max");
  }
  EXPECT_EQ(found, expected);
  EXPECT_FALSE(expected.empty()) << "the test shows nothing";
  EXPECT_LT(expected.size(), 12U) << "the test shows nothing";
}

TEST(Swarm, DoesNotDependOnTheNumberOfCores) {
  const auto one = to_json(*swarm(small_request(), {.jobs = 1}));
  for (const std::uint32_t jobs : {2U, 5U})
    EXPECT_EQ(to_json(*swarm(small_request(), {.jobs = jobs})), one) << jobs;
}

TEST(Swarm, MergedShardsAreTheWholeThroughTheirFilesInAnyOrder) {
  const Folder folder;
  SwarmRequest request = small_request();
  const auto whole = to_json(*swarm(request));
  for (std::uint64_t index = 0; index < 3; ++index) {
    request.shard = {index, 3, ""};
    std::ofstream(folder.file(std::to_string(index))) << to_json(*swarm(request)) << '\n';
  }
  auto merged = read_swarm_result(folder.file("2"));
  ASSERT_TRUE(merged) << merged.error().message;
  for (const char* name : {"0", "1"}) {
    const auto other = read_swarm_result(folder.file(name));
    ASSERT_TRUE(other) << other.error().message;
    ASSERT_TRUE(merge(*merged, *other, name));
  }
  EXPECT_EQ(to_json(*merged).dump(), whole.dump());
}

TEST(Swarm, MergesNoSeedTwiceAndNoOtherCampaign) {
  SwarmRequest request = small_request();
  request.seeds = {1, 2};
  auto first = *swarm(request);
  const auto twice = merge(first, *swarm(request), "b.json");
  ASSERT_FALSE(twice);
  EXPECT_EQ(twice.error().message,
            "b.json: seeds 1..2 are in the files before it, or some of them; expected each seed "
            "once");
  request.seeds = {3, 3};
  request.settings.push_back({"pool", "99"});
  const auto other = merge(first, *swarm(request), "c.json");
  ASSERT_FALSE(other);
  EXPECT_TRUE(other.error().message.starts_with("c.json: of another scenario"));
}

TEST(Swarm, RefusesADamagedResult) {
  const Folder folder;
  for (const char* text : {"", "{", "[]", "{\"scenario\":1}", "{\"scenario\":\"a\"}"}) {
    std::ofstream(folder.file("bad.json")) << text;
    const auto refused = read_swarm_result(folder.file("bad.json"));
    ASSERT_FALSE(refused) << text;
    EXPECT_TRUE(refused.error().message.starts_with(folder.file("bad.json") + ": damaged"));
    EXPECT_EQ(refused.error().message.find('\n'), std::string::npos);
  }
}

TEST(Swarm, LeavesARunFileOfEachFailure) {
  const Folder folder;
  SwarmRequest request = small_request();
  request.save_folder = folder.path();
  const auto result = swarm(request);
  ASSERT_TRUE(result);
  ASSERT_FALSE(result->failures.empty());
  for (const SwarmFailure& failure : result->failures) {
    const auto file = read_run_file(failure.run_file);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->scenario.seed, failure.seed);
    EXPECT_EQ(file->end.digest, failure.digest);
    ASSERT_FALSE(file->failures.empty());
    EXPECT_EQ(file->failures[0].what, "send_drops_max");
  }
  request.save_folder = folder.file("missing");
  const auto refused = swarm(request);
  ASSERT_FALSE(refused);
  EXPECT_NE(refused.error().message.find("is no folder"), std::string::npos);
}

TEST(Swarm, InterruptedSaysWhichSeedsAreLeft) {
  std::atomic<bool> stop = false;
  const auto result =
      swarm(small_request(), {.jobs = 1, .stop = &stop, .progress = [&](const SwarmResult& so_far) {
                                stop = so_far.runs() == 5;
                              }});
  ASSERT_TRUE(result);
  EXPECT_FALSE(result->complete());
  EXPECT_EQ(result->runs(), 5U);
  EXPECT_NE(to_text(*result).find("incomplete: 5 of 12 seeds ran; left: --seeds 6..12"),
            std::string::npos)
      << to_text(*result);
}

TEST(Coverage, CountsAlternativesOneByOneAndLargeRangesInParts) {
  Coverage coverage;
  const std::vector<std::uint32_t> picks{0, 1, 1, 0, 999'999};
  sim::Listed listed(picks);
  Covering covering(listed, coverage);
  sim::Choices& choices = covering;
  for (int asked = 0; asked < 3; ++asked) choices.pick(sim::Site::tie, 3);
  choices.pick(sim::Site::wire_loss, 1'000'000);
  choices.pick(sim::Site::wire_loss, 1'000'000);
  choices.pick(sim::Site::tie, 1);  // no choice
  const auto json = to_json(coverage);
  ASSERT_EQ(json.size(), 2U);
  EXPECT_EQ(json[0].dump(), R"({"site":"tie","asked":3,"seen":2,"of":3,"taken":[1,2,0]})");
  EXPECT_EQ(json[1]["range"], 1'000'000);
  EXPECT_EQ(json[1]["range_seen"], 2);
  EXPECT_EQ(json[1]["range_taken"][15], 1);
  EXPECT_EQ(to_json(coverage_from(json)), json);
  EXPECT_EQ(coverage.sites_asked(), 2U);
  EXPECT_EQ(coverage.seen(), 4U);
}

TEST(Coverage, WatchingChangesNoRun) {
  const auto scenario = load_scenario(kFaults, {{"count", "400"}});
  ASSERT_TRUE(scenario);
  Coverage coverage;
  sim::Hashed hashed(3);
  Covering covering(hashed, coverage);
  const RunResult watched =
      run(*scenario, 3, {.progress = {}, .observers = {}, .choices = &covering});
  EXPECT_EQ(watched.digest, run(*scenario, 3).digest);
  EXPECT_GT(coverage.seen(), 20U);
}

}  // namespace
}  // namespace reprise::lab
