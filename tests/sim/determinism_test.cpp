// A run is its configuration and its seed: neither the environment nor the address layout of the
// process matters.
#include <gtest/gtest.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "world_fixture.hpp"

namespace reprise::sim {
namespace {

constexpr const char* kSeedVariable = "REPRISE_DETERMINISM_SEED";
constexpr const char* kDigestMark = "digest of the run: ";

/// Has every kind of choice.
WorldConfig config_with_choices() {
  WorldConfig config = random_config(17);
  config.traffic[0].arrivals = Arrivals::poisson;
  config.kernel.chain_pauses_per_million = 100'000;
  config.faults.rate(FaultKind::send_unreachable) = 50'000;
  return config;
}

std::uint64_t digest_of(std::uint64_t seed) {
  World world(checked(config_with_choices()));
  Hashed choices(seed);
  return run_to_the_end(world, choices, Timing::timed, false);
}

/// The digest that another process prints, started with this environment and nothing else.
std::string digest_in_another_process(std::vector<std::string> environment) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return "no pipe";
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  posix_spawn_file_actions_addclose(&actions, ends[0]);
  std::string program = "/proc/self/exe";
  std::string filter = "--gtest_filter=Determinism.PrintsTheDigestOfTheSeedInItsEnvironment";
  std::array<char*, 3> arguments{program.data(), filter.data(), nullptr};
  std::vector<char*> variables;
  variables.reserve(environment.size() + 1);
  for (std::string& variable : environment) variables.push_back(variable.data());
  variables.push_back(nullptr);
  pid_t child = 0;
  const int failed =
      posix_spawn(&child, program.c_str(), &actions, nullptr, arguments.data(), variables.data());
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  std::string output;
  std::array<char, 4096> buffer{};
  for (ssize_t got = 0; (got = read(ends[0], buffer.data(), buffer.size())) > 0;) {
    output.append(buffer.data(), static_cast<std::size_t>(got));
  }
  close(ends[0]);
  if (failed != 0) return "not started";
  int status = 0;
  waitpid(child, &status, 0);
  const std::size_t mark = output.find(kDigestMark);
  if (status != 0 || mark == std::string::npos) return "failed: " + output;
  const std::size_t first = mark + std::string(kDigestMark).size();
  return output.substr(first, output.find('\n', first) - first);
}

TEST(Determinism, PrintsTheDigestOfTheSeedInItsEnvironment) {
  const char* seed = std::getenv(kSeedVariable);
  const std::uint64_t digest = digest_of(seed == nullptr ? 1 : std::strtoull(seed, nullptr, 10));
  std::printf("%s%016llx\n", kDigestMark, static_cast<unsigned long long>(digest));
  EXPECT_NE(digest, 0U);
}

TEST(Determinism, ARunIsTheSameInEveryProcess) {
  const std::string seed = std::string(kSeedVariable) + "=42";
  const std::string first = digest_in_another_process({seed});
  ASSERT_EQ(first.size(), 16U) << first;
  // What is allocated or freed is filled with another byte, and everything on the stack has moved.
  EXPECT_EQ(digest_in_another_process({seed, "MALLOC_PERTURB_=165", "LANG=de_DE.UTF-8",
                                       "PADDING=" + std::string(5000, 'x')}),
            first);
  EXPECT_EQ(digest_in_another_process({"MALLOC_PERTURB_=90", "TZ=Asia/Tokyo", seed}), first);
}

TEST(Determinism, AnotherSeedGivesAnotherRun) {
  const std::string variable = std::string(kSeedVariable) + "=";
  const std::string one = digest_in_another_process({variable + "1"});
  const std::string two = digest_in_another_process({variable + "2"});
  ASSERT_EQ(one.size(), 16U) << one;
  EXPECT_NE(one, two);
  EXPECT_NE(digest_of(1), digest_of(3));
}

TEST(Determinism, ARunIsTheSameTwiceInOneProcess) { EXPECT_EQ(digest_of(5), digest_of(5)); }

TEST(Determinism, AStateHasTheSameBytesWheneverItIsMade) {
  const auto bytes_after = [](std::uint64_t seed) {
    World world(checked(config_with_choices()));
    Hashed choices(seed);
    for (int step = 0; step < 700; ++step) world.step(choices);
    return std::vector<std::byte>(world.bytes().begin(), world.bytes().end());
  };
  const std::vector<std::byte> first = bytes_after(1);
  const std::vector<char> between(1'000'003, 'x');
  EXPECT_EQ(between.back(), 'x');
  EXPECT_EQ(bytes_after(1), first);
  EXPECT_NE(bytes_after(2), first);
}

}  // namespace
}  // namespace reprise::sim
