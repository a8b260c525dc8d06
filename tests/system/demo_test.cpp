// `reprise demo` as people run it, and what it leaves behind when it is interrupted: nothing.
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "relay_program.hpp"
#include "traffic_programs.hpp"

namespace reprise::tests {
namespace {

using RepriseDemo = SystemTest;

traffic::Child start_demo(const std::vector<std::string>& more) {
  std::vector<std::string> command{REPRISE_PROGRAM_FOLDER "/reprise", "demo", "--json"};
  command.insert(command.end(), more.begin(), more.end());
  return value_of(traffic::Child::start_program({.name = "demo"}, command));
}

nlohmann::json result_of_demo(const std::vector<std::string>& more) {
  traffic::Child demo = start_demo(more);
  const traffic::ChildEnd* end = demo.wait(engine::seconds(30));
  if (end == nullptr) throw std::runtime_error("the demo did not end");
  EXPECT_TRUE(end->succeeded()) << describe(*end) << '\n' << end->notes;
  EXPECT_EQ(end->report.find('\n'), end->report.size() - 1) << end->report;
  return nlohmann::json::parse(end->report);
}

void expect_nothing_lost(const nlohmann::json& result, int count) {
  EXPECT_EQ(result["sent"], count) << result;
  EXPECT_EQ(result["received"], count) << result;
  for (const char* fault : {"lost", "reordered", "duplicated", "corrupted"})
    EXPECT_EQ(result[fault], 0) << fault << " in " << result;
}

TEST_F(RepriseDemo, LosesNothingAndSaysSoOnOneLine) {
  expect_nothing_lost(result_of_demo({"--count", "30000"}), 30'000);
}

TEST_F(RepriseDemo, LosesNothingOverIpv6OrUnderAnotherPolicy) {
  expect_nothing_lost(result_of_demo({"--count", "5000", "--ipv6"}), 5'000);
  expect_nothing_lost(result_of_demo({"--count", "5000", "--policy", "deferred"}), 5'000);
}

/// The processes that a process started, and those that they started.
std::set<pid_t> descendants_of(pid_t pid) {
  std::set<pid_t> found;
  std::ifstream children("/proc/" + std::to_string(pid) + "/task/" + std::to_string(pid) +
                         "/children");
  for (pid_t child = 0; children >> child;) {
    found.insert(child);
    found.merge(descendants_of(child));
  }
  return found;
}

/// The network namespace that a process is in; 0 once it is gone.
ino_t network_namespace_of(pid_t pid) {
  struct stat status{};
  const std::string path = "/proc/" + std::to_string(pid) + "/ns/net";
  return ::stat(path.c_str(), &status) == 0 ? status.st_ino : 0;
}

/// Whether any process on this host is in one of the namespaces.
bool anyone_is_in(const std::set<ino_t>& namespaces) {
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string name = entry.path().filename();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    if (namespaces.contains(network_namespace_of(std::stoi(name)))) return true;
  }
  return false;
}

/// Gone, or dead and waiting for whoever collects orphans.
bool has_ended(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/stat");
  std::string text;
  std::getline(status, text);
  const std::size_t behind_name = text.rfind(')');
  return behind_name == std::string::npos || text.substr(behind_name + 2, 1) == "Z";
}

/// A demo that would run for long, caught while its three processes are at work.
struct RunningDemo {
  traffic::Child demo = start_demo({"--count", "1000000000"});
  std::set<pid_t> processes;
  std::set<ino_t> namespaces;

  RunningDemo() {
    EXPECT_TRUE(eventually([this] {
      processes = descendants_of(demo.pid());
      namespaces.clear();
      for (const pid_t pid : processes) namespaces.insert(network_namespace_of(pid));
      namespaces.erase(0);
      namespaces.erase(network_namespace_of(::getpid()));
      return processes.size() >= 3 && namespaces.size() >= 3;
    }));
  }

  void expect_nothing_left() const {
    EXPECT_TRUE(eventually([this] { return std::ranges::all_of(processes, has_ended); }));
    EXPECT_TRUE(eventually([this] { return !anyone_is_in(namespaces); }));
  }
};

TEST_F(RepriseDemo, InterruptedPrintsWhatWasAndLeavesNothingBehind) {
  for (const int signal : {SIGINT, SIGTERM}) {
    SCOPED_TRACE(signal);
    RunningDemo running;
    ::kill(running.demo.pid(), signal);
    const traffic::ChildEnd* end = running.demo.wait(engine::seconds(10));
    ASSERT_NE(end, nullptr);
    EXPECT_EQ(end->signal, 0);
    EXPECT_EQ(end->exit_status, 1);
    const auto result = nlohmann::json::parse(end->report);
    EXPECT_EQ(result["interrupted"], true) << result;
    EXPECT_EQ(result["corrupted"], 0) << result;
    running.expect_nothing_left();
  }
}

TEST_F(RepriseDemo, KilledLeavesNothingBehind) {
  RunningDemo running;
  ::kill(running.demo.pid(), SIGKILL);
  const traffic::ChildEnd* end = running.demo.wait(engine::seconds(10));
  ASSERT_NE(end, nullptr);
  EXPECT_EQ(end->signal, SIGKILL);
  running.expect_nothing_left();
}

}  // namespace
}  // namespace reprise::tests
