// explain, size and swarm as people call them.
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "program.hpp"

namespace reprise::tests {
namespace {

const std::string kSource = REPRISE_SOURCE_FOLDER;
const std::string kFaults = kSource + "/examples/scenarios/faults.toml";
const std::string kThreshold = kSource + "/examples/scenarios/pool_threshold.toml";
const std::string kLab = REPRISE_PROGRAM_FOLDER "/reprise-lab";

class LabCampaign : public testing::Test {
 protected:
  LabCampaign() { std::filesystem::create_directories(folder_); }
  ~LabCampaign() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  [[nodiscard]] std::string path(std::string_view name) const { return folder_ / name; }
  [[nodiscard]] std::string write(std::string_view name, std::string_view text) const {
    std::ofstream(path(name)) << text;
    return path(name);
  }

 private:
  std::filesystem::path folder_ =
      std::filesystem::temp_directory_path() / ("reprise-campaign-" + std::to_string(::getpid()));
};

std::vector<std::string> swarm_call(std::vector<std::string> more = {}) {
  std::vector<std::string> call{"reprise-lab", "swarm",     kFaults, "--seeds", "1..12",
                                "--set",       "count=300", "--set", "flows=1", "--json"};
  call.insert(call.end(), more.begin(), more.end());
  return call;
}

TEST_F(LabCampaign, ExplainPrintsTheSentenceFirstAndSumsInJson) {
  const std::string from = write("from.toml", "version = 1\n[traffic]\ncount = 2000\n");
  const std::string to = write(
      "to.toml", "version = 1\n[traffic]\ncount = 2000\nrate = 50_000\n[costs]\nsend_ns = 9000\n");
  const ProgramEnd text = run_program({"reprise-lab", "explain", from, to});
  EXPECT_EQ(text.exit_status, 0) << text.errors;
  EXPECT_TRUE(text.output.starts_with("traffic alone costs ")) << text.output;
  const ProgramEnd end = run_program({"reprise-lab", "explain", from, to, "--jobs", "3", "--json"});
  EXPECT_EQ(end.exit_status, 0) << end.errors;
  const auto json = only_object(end);
  for (const char* key : {"metric", "from", "to", "corners", "factors", "dividends", "sentence"})
    EXPECT_TRUE(json.contains(key)) << key;
  EXPECT_EQ(json["corners"].size(), 4U);
}

TEST_F(LabCampaign, ExplainRefusesWhatItCannotExplain) {
  expect_refused({"reprise-lab", "explain", kFaults, kFaults}, {"no key differs"});
  expect_refused({"reprise-lab", "explain", kFaults, "missing.toml"}, {"missing.toml"});
  expect_refused({"reprise-lab", "explain", kFaults, kThreshold, "--metric", "speed"},
                 {"--metric speed", "ns_per_datagram"});
  expect_refused({"reprise-lab", "explain", kFaults, kThreshold, "--jobs", "0"}, {"--jobs", "0"});
}

TEST_F(LabCampaign, SizeFindsTheThreshold) {
  const ProgramEnd end =
      run_program({"reprise-lab", "size", kThreshold, "--of", "pool", "--vary",
                   "policy=synchronous,deferred", "--set", "count=1600", "--json"});
  EXPECT_EQ(end.exit_status, 0) << end.errors;
  const auto frontier = only_object(end)["frontier"];
  ASSERT_EQ(frontier.size(), 2U);
  EXPECT_EQ(frontier[0]["smallest_safe"], 32);
  EXPECT_EQ(frontier[1]["smallest_safe"], 64);
  expect_refused({"reprise-lab", "size", kThreshold, "--of", "luck"}, {"luck", "pool"});
}

TEST_F(LabCampaign, SwarmMergesShardsIntoTheWhole) {
  const ProgramEnd whole = run_program(swarm_call());
  EXPECT_EQ(whole.exit_status, 0) << whole.errors;
  std::vector<std::string> merge{"reprise-lab", "swarm", "--json", "--merge"};
  for (const char* shard : {"2/3", "3/3", "1/3"}) {
    const ProgramEnd end = run_program(swarm_call({"--shard", shard}));
    EXPECT_EQ(end.exit_status, 0) << end.errors;
    EXPECT_EQ(end.errors,
              "reprise-lab: shard " + std::string(shard, 1) + " of 3 (--shard), 4 seeds\n");
    merge.push_back(write(std::string("shard") + shard[0], end.output));
  }
  const ProgramEnd merged = run_program(merge);
  EXPECT_EQ(merged.exit_status, 0) << merged.errors;
  EXPECT_EQ(merged.output, whole.output);
}

TEST_F(LabCampaign, SwarmTakesItsShardFromTheClusterEngine) {
  const auto shard = [&](const std::vector<std::string>& environment) {
    std::vector<std::string> call{"/usr/bin/env"};
    call.insert(call.end(), environment.begin(), environment.end());
    std::vector<std::string> swarm = swarm_call();
    swarm[0] = kLab;
    call.insert(call.end(), swarm.begin(), swarm.end());
    return only_object(run_program(call))["asked"].dump();
  };
  EXPECT_EQ(shard({"SLURM_ARRAY_TASK_ID=2", "SLURM_ARRAY_TASK_MIN=1", "SLURM_ARRAY_TASK_MAX=4",
                   "SLURM_ARRAY_TASK_COUNT=4"}),
            "[[4,6]]");
  EXPECT_EQ(shard({"JOB_COMPLETION_INDEX=0", "JOB_COMPLETIONS=6"}), "[[1,2]]");
}

TEST_F(LabCampaign, SwarmExitsWithOneWhereARunFailsAndLeavesItsRunFile) {
  const ProgramEnd end =
      run_program(swarm_call({"--set", "expect.reordered=1_000_000", "--save-failures", path("")}));
  EXPECT_EQ(end.exit_status, 1) << end.errors;
  const auto json = only_object(end);
  EXPECT_EQ(json["failed"], 12);
  const auto& failure = json["failures"][0];
  EXPECT_EQ(failure["seed"], 1);
  EXPECT_EQ(failure["failed"][0]["field"], "reordered");
  EXPECT_TRUE(std::filesystem::exists(failure["run_file"].get<std::string>()));
}

TEST_F(LabCampaign, SwarmRefusesACallThatMakesNoSense) {
  expect_refused({"reprise-lab", "swarm", kFaults}, {"--seeds"});
  expect_refused({"reprise-lab", "swarm", kFaults, "--seeds", "9..3"}, {"--seeds 9..3"});
  expect_refused(swarm_call({"--shard", "5/4"}), {"--shard 5/4", "1/n"});
  expect_refused({"reprise-lab", "swarm", "--merge", path("missing.json")}, {"missing.json"});
}

/// GNU parallel, not the other program of that name.
bool has_gnu_parallel() {
  return std::system("parallel --version 2>/dev/null | grep -q '^GNU parallel'") == 0;
}

TEST_F(LabCampaign, RunsUnderGnuParallelAsTheExampleShows) {
  if (!has_gnu_parallel()) GTEST_SKIP() << "GNU parallel is not installed";
  const std::string scenario = write(
      "short.toml",
      "version = 1\n[traffic]\narrivals = \"poisson\"\ncount = 300\n[faults]\nswarm = true\n");
  const ProgramEnd end =
      run_program({"/usr/bin/env", "REPRISE_LAB=" + kLab, kSource + "/examples/swarm/parallel.sh",
                   scenario, "1..12", path("").substr(0, path("").size() - 1), "4"});
  const ProgramEnd whole =
      run_program({"reprise-lab", "swarm", scenario, "--seeds", "1..12", "--json"});
  EXPECT_EQ(end.exit_status, whole.exit_status) << end.errors;
  EXPECT_EQ(end.output, whole.output) << end.errors;
}

}  // namespace
}  // namespace reprise::tests
