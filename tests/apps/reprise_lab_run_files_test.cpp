// Run files on the command line: recorded, replayed, shrunk, refused.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "program.hpp"

namespace reprise::tests {
namespace {

/// A folder that lives as long as the test.
class RepriseLabRunFiles : public ::testing::Test {
 protected:
  RepriseLabRunFiles()
      : folder_(std::filesystem::temp_directory_path() /
                ("reprise-run-files-" + std::to_string(::getpid()))) {
    std::filesystem::create_directories(folder_);
  }
  ~RepriseLabRunFiles() override {
    std::error_code ignored;
    std::filesystem::remove_all(folder_, ignored);
  }
  RepriseLabRunFiles(const RepriseLabRunFiles&) = delete;
  RepriseLabRunFiles& operator=(const RepriseLabRunFiles&) = delete;

  [[nodiscard]] std::string path(const std::string& name) const { return folder_ / name; }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path(name), std::ios::binary) << text;
    return path(name);
  }
  static std::string text_of(const std::string& file) {
    std::stringstream text;
    text << std::ifstream(file).rdbuf();
    return text.str();
  }
  /// A run in which a send fails that must not.
  std::string failing_run() const {
    const std::string scenario = write("scenario.toml",
                                       "version = 1\n[traffic]\ncount = 400\n[faults]\n"
                                       "send_errors_per_million = 20000\n"
                                       "[expect]\nsend_drops = 0\n");
    const ProgramEnd end =
        run_program({"reprise-lab", "run", scenario, "--record", path("run.toml")});
    EXPECT_EQ(end.exit_status, 1) << end.errors;
    EXPECT_NE(end.errors.find("reprise-lab replay " + path("run.toml")), std::string::npos);
    return path("run.toml");
  }

 private:
  std::filesystem::path folder_;
};

TEST_F(RepriseLabRunFiles, ARecordedRunReplaysToItsDigest) {
  const ProgramEnd run =
      run_program({"reprise-lab", "run", REPRISE_SOURCE_FOLDER "/examples/scenarios/poisson.toml",
                   "--set", "count=5000", "--record", path("run.toml"), "--json"});
  EXPECT_EQ(run.exit_status, 0) << run.errors;
  EXPECT_EQ(run.errors, "");
  EXPECT_EQ(only_object(run)["run_file"], path("run.toml"));
  const ProgramEnd end = run_program({"reprise-lab", "replay", path("run.toml"), "--json"});
  EXPECT_EQ(end.exit_status, 0) << end.errors;
  const auto replay = only_object(end);
  EXPECT_EQ(replay["verdict"], "exact");
  EXPECT_EQ(replay["found"]["digest"], only_object(run)["digest"]);
}

TEST_F(RepriseLabRunFiles, AFailingRunIsKeptWithoutBeingAsked) {
  const std::string scenario = write("scenario.toml",
                                     "version = 1\nseed = 31337\n[traffic]\ncount = 9\n"
                                     "[expect]\nsent = 8\n");
  const ProgramEnd end = run_program(
      {"/bin/sh", "-c",
       "cd " + path("") + " && " REPRISE_PROGRAM_FOLDER "/reprise-lab run " + scenario});
  EXPECT_EQ(end.exit_status, 1) << end.errors;
  EXPECT_EQ(run_program({"reprise-lab", "replay", path("reprise-run-31337.toml")}).exit_status, 0);
}

TEST_F(RepriseLabRunFiles, AFailingRunShrinksToTheFaultThatItTakes) {
  const std::string run = failing_run();
  const ProgramEnd end = run_program(
      {"reprise-lab", "shrink", run, "-o", path("small.toml"), "--necessary", "--json"});
  EXPECT_EQ(end.exit_status, 0) << end.errors;
  const auto json = only_object(end);
  EXPECT_EQ(json["shrunk"]["after"]["picks_not_zero"], 1);
  EXPECT_EQ(json["shrunk"]["after"]["datagrams"], 1);
  ASSERT_EQ(json["necessary"]["necessary"].size(), 1U);
  EXPECT_EQ(json["necessary"]["necessary"][0]["site"], "send_error");
  EXPECT_EQ(run_program({"reprise-lab", "replay", path("small.toml")}).exit_status, 0);
}

TEST_F(RepriseLabRunFiles, ThatCannotBeUsedAreRefused) {
  const std::string run = failing_run();
  const std::string text = text_of(run);
  const std::string cut = write("cut.toml", text.substr(0, text.size() / 2));
  expect_refused({"reprise-lab", "replay", cut}, {cut + ":", "expected"});
  std::string edited = text;
  edited.replace(edited.find("count = 400"), 11, "count = 500");
  expect_refused({"reprise-lab", "replay", write("edited.toml", edited)},
                 {path("edited.toml") + ":", "checksum", "expected"});
  std::string newer = text;
  newer.replace(newer.find("[run]\nversion = 1"), 17, "[run]\nversion = 9");
  expect_refused({"reprise-lab", "shrink", write("newer.toml", newer), "--necessary"},
                 {path("newer.toml") + ":", "version = 9", "expected 1"});
  expect_refused({"reprise-lab", "replay", path("missing.toml")}, {"No such file", "expected"});
  expect_refused({"reprise-lab", "shrink", run}, {"expected -o SMALLER, --necessary or both"});
  expect_refused({"reprise-lab", "shrink", run, "-o", path("no/such/folder.toml")},
                 {"-o", "cannot be written"});
  const std::string held = path("held.toml");
  run_program({"reprise-lab", "run", REPRISE_SOURCE_FOLDER "/examples/scenarios/poisson.toml",
               "--set", "count=9", "--record", held});
  expect_refused({"reprise-lab", "shrink", held, "-o", path("x.toml")}, {held, "nothing failed"});
}

}  // namespace
}  // namespace reprise::tests
