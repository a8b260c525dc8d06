// `reprise-lab calibrate` as a program, on this machine's kernel.
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "program.hpp"
#include "reprise/traffic/child.hpp"
#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/trial/core.hpp"
#include "reprise/trial/cost_list.hpp"

namespace reprise::tests {
namespace {

/// Where the host allows it: asked in a process of its own, since asking may change the process.
class Calibrate : public testing::Test {
 protected:
  void SetUp() override {
    if (trial::allowed_cores().size() < 2) GTEST_SKIP() << "needs two cores";
    auto child = traffic::Child::start({.name = "asking"}, [](const traffic::ChildContext& to) {
      const auto allowed = traffic::allow_namespaces();
      if (!allowed) to.report(allowed.error().message);
      return 0;
    });
    ASSERT_TRUE(child);
    const traffic::ChildEnd* end = child->wait(engine::seconds(10));
    ASSERT_NE(end, nullptr);
    if (!end->report.empty()) GTEST_SKIP() << end->report;
  }
  ~Calibrate() override { std::filesystem::remove(toml_); }

  std::filesystem::path toml_ = std::filesystem::temp_directory_path() /
                                ("reprise-calibrate-" + std::to_string(::getpid()) + ".toml");
};

TEST_F(Calibrate, WritesCostsThatTheOtherCommandsTake) {
  const ProgramEnd end = run_program({"reprise-lab", "calibrate", "--rounds", "1", "--json",
                                      "--toml", toml_, "--date", "2026-01-02"});
  ASSERT_EQ(end.exit_status, 0) << end.errors;
  EXPECT_EQ(end.errors, "");
  const auto json = only_object(end);
  EXPECT_EQ(json["date"], "2026-01-02");
  EXPECT_EQ(json["costs"].size(), trial::kCosts.size());
  std::stringstream text;
  text << std::ifstream(toml_).rdbuf();
  EXPECT_NE(text.str().find("send_ns = " + json["costs"]["send_ns"]["value"].dump()),
            std::string::npos)
      << text.str();
  const std::string scenario = REPRISE_SOURCE_FOLDER "/examples/scenarios/poisson.toml";
  const std::vector<std::string> run{"reprise-lab", "run",   scenario,
                                     "--json",      "--set", "count=2000"};
  std::vector<std::string> with_costs = run;
  with_costs.insert(with_costs.end(), {"--costs", toml_});
  const ProgramEnd other = run_program(with_costs);
  ASSERT_EQ(other.exit_status, 0) << other.errors;
  EXPECT_NE(only_object(other), only_object(run_program(run)));
}

/// Whether a process has a handler for SIGINT by now (proc(5), SigCgt).
bool catches_interrupts(pid_t process) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (!line.starts_with("SigCgt:")) continue;
    return (std::stoull(line.substr(7), nullptr, 16) >> (SIGINT - 1U) & 1U) != 0;
  }
  return false;
}

TEST_F(Calibrate, EndsCleanlyWhenItIsInterrupted) {
  auto child = traffic::Child::start_program(
      {.name = "calibrate"},
      {REPRISE_PROGRAM_FOLDER "/reprise-lab", "calibrate", "--rounds", "40", "--toml", toml_});
  ASSERT_TRUE(child);
  const engine::Instant patience = traffic::monotonic_now() + engine::seconds(10);
  while (!catches_interrupts(child->pid())) {
    ASSERT_EQ(child->wait(engine::milliseconds(1)), nullptr);
    ASSERT_LT(traffic::monotonic_now(), patience);
  }
  ::kill(child->pid(), SIGINT);
  const traffic::ChildEnd* end = child->wait(engine::seconds(10));
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->exit_status, 1);
  EXPECT_EQ(end->report, "");
  EXPECT_NE(end->notes.find("interrupted"), std::string::npos) << end->notes;
  EXPECT_FALSE(std::filesystem::exists(toml_));
}

}  // namespace
}  // namespace reprise::tests
