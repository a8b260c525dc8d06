// What `reprise-lab` prints for the scenario that every newcomer runs first.
#include <array>

#include "program.hpp"
#include "scenario_file.hpp"

namespace reprise::tests {
namespace {

const std::string kPoisson = REPRISE_SOURCE_FOLDER "/examples/scenarios/poisson.toml";
constexpr std::array kFigures{"offered",
                              "sent",
                              "no_buffer",
                              "no_buffer_fraction",
                              "egress_pps",
                              "outstanding_mean",
                              "outstanding_time_mean_ns",
                              "outstanding_time_p99_ns",
                              "in_flight_mean",
                              "in_flight_max",
                              "in_flight_time_mean_ns",
                              "digest"};

nlohmann::ordered_json run_poisson(const std::vector<std::string>& more,
                                   const std::vector<std::string>& environment = {}) {
  std::vector<std::string> arguments;
  if (!environment.empty()) {
    arguments = {"/usr/bin/env", "-i"};
    arguments.insert(arguments.end(), environment.begin(), environment.end());
    arguments.push_back(REPRISE_PROGRAM_FOLDER "/reprise-lab");
  } else {
    arguments = {"reprise-lab"};
  }
  arguments.insert(arguments.end(), {"run", kPoisson, "--json"});
  arguments.insert(arguments.end(), more.begin(), more.end());
  const ProgramEnd end = run_program(arguments);
  EXPECT_EQ(end.exit_status, 0) << end.errors;
  EXPECT_EQ(end.errors, "");
  return only_object(end);
}

TEST(RepriseLabRun, PrintsEveryFigureOnOneLine) {
  const auto result = run_poisson({"--seed", "11"});
  for (const char* key : kFigures) EXPECT_TRUE(result.contains(key)) << key;
  EXPECT_EQ(result["seed"], 11);
  EXPECT_EQ(result["offered"], 500'000);
  EXPECT_EQ(result["sent"].get<std::uint64_t>() + result["no_buffer"].get<std::uint64_t>() +
                result["kernel_drops"].get<std::uint64_t>() +
                result["send_drops"].get<std::uint64_t>(),
            500'000U);
  EXPECT_TRUE(result["laws_hold"].get<bool>());
}

TEST(RepriseLabRun, EndsWithOneWhereAnExpectationFailsAndSaysWhich) {
  const ScenarioFile record("");  // where the run goes, which is kept because it fails
  const std::vector<std::string> call{"reprise-lab",
                                      "run",
                                      kPoisson,
                                      "--set",
                                      "count=1000",
                                      "--set",
                                      "expect.offered=1000",
                                      "--set",
                                      "expect.sent_max=999",
                                      "--record",
                                      record.path()};
  const ProgramEnd text = run_program(call);
  EXPECT_EQ(text.exit_status, 1);
  EXPECT_NE(text.output.find("not as expected       sent_max: expected 999, found 1000\n"),
            std::string::npos)
      << text.output;
  std::vector<std::string> with_json = call;
  with_json.emplace_back("--json");
  const ProgramEnd json = run_program(with_json);
  EXPECT_EQ(json.exit_status, 1);
  EXPECT_EQ(only_object(json)["expectations"].dump(),
            R"([{"field":"offered","expected":1000,"found":1000,"held":true},)"
            R"({"field":"sent_max","expected":999,"found":1000,"held":false},)"
            R"({"field":"laws_hold","expected":true,"found":true,"held":true}])");
}

TEST(RepriseLabRun, GivesTheSameDigestInEveryProcessAndEnvironment) {
  const std::vector<std::string> call{"--seed", "7", "--set", "count=20000"};
  const auto first = run_poisson(call);
  const std::string long_value(20'000, 'x');
  for (const std::vector<std::string>& environment :
       {std::vector<std::string>{"LANG=de_DE.UTF-8", "TZ=Asia/Kathmandu"},
        std::vector<std::string>{"PADDING=" + long_value, "MALLOC_PERTURB_=85"}}) {
    EXPECT_EQ(run_poisson(call, environment), first);
  }
  const auto other = run_poisson({"--seed", "8", "--set", "count=20000"});
  EXPECT_NE(other["digest"], first["digest"]);
}

TEST(RepriseLabRun, PrintsAPageForPeopleWithoutJson) {
  const ProgramEnd end = run_program({"reprise-lab", "run", kPoisson, "--set", "count=1000"});
  EXPECT_EQ(end.exit_status, 0);
  for (const char* word : {"offered", "1000 datagrams", "outstanding", "in flight", "digest"})
    EXPECT_NE(end.output.find(word), std::string::npos) << word << " is not in: " << end.output;
}

TEST(RepriseLabCompare, GivesOneResultForEachValueInTheirOrder) {
  const ProgramEnd end =
      run_program({"reprise-lab", "compare", kPoisson, "--vary", "policy=synchronous,deferred",
                   "--set", "count=20000", "--seed", "7", "--json"});
  EXPECT_EQ(end.exit_status, 0) << end.errors;
  const auto results = only_object(end)["results"];
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(results[0].begin().key(), "vary");
  EXPECT_EQ(results[0]["vary"], nlohmann::ordered_json({{"policy", "synchronous"}}));
  EXPECT_EQ(results[1]["vary"], nlohmann::ordered_json({{"policy", "deferred"}}));
  for (const auto& result : results)
    for (const char* key : kFigures) EXPECT_TRUE(result.contains(key)) << key;
  EXPECT_NE(results[0]["digest"], results[1]["digest"]);
}

TEST(RepriseLabCompare, GivesWhatSeparateRunsGive) {
  const ProgramEnd end = run_program({"reprise-lab", "compare", kPoisson, "--vary", "pool=4,64",
                                      "--set", "count=5000", "--seed", "7", "--json"});
  const auto results = only_object(end)["results"];
  ASSERT_EQ(results.size(), 2U);
  for (const auto& result : results) {
    const std::string pool = result["vary"]["pool"];
    const auto alone = run_poisson({"--set", "count=5000", "--set", "pool=" + pool, "--seed", "7"});
    for (const auto& [key, value] : alone.items()) EXPECT_EQ(result[key], value) << key;
  }
}

TEST(RepriseLabCompare, PrintsARowForEachPointWithoutJson) {
  const ProgramEnd end = run_program({"reprise-lab", "compare", kPoisson, "--vary", "pool=64,128",
                                      "--vary", "batch=8,16", "--set", "count=1000"});
  EXPECT_EQ(end.exit_status, 0);
  for (const char* row :
       {"pool=64 batch=8 ", "pool=64 batch=16", "pool=128 batch=8 ", "pool=128 batch=16"})
    EXPECT_NE(end.output.find(row), std::string::npos) << row << " is not in: " << end.output;
}

}  // namespace
}  // namespace reprise::tests
