#include "reprise/lab/parallel.hpp"

#include <gtest/gtest.h>

#include <latch>
#include <numeric>
#include <thread>

namespace reprise::lab {
namespace {

std::vector<std::size_t> squares(std::size_t count, const ParallelControl& control) {
  std::vector<std::size_t> results(count);
  for_each_in_parallel(count, control, [&](std::size_t index, const Progress&) {
    results[index] = index * index + 1;
  });
  return results;
}

TEST(Parallel, RunsEachJobOnceAndKeepsResultsInTheirOrder) {
  const std::vector<std::size_t> expected = squares(200, {.jobs = 1, .progress = {}});
  for (const std::uint32_t jobs : {0U, 2U, 5U, 500U})
    EXPECT_EQ(squares(200, {.jobs = jobs, .progress = {}}), expected) << jobs;
}

TEST(Parallel, WithoutJobsReturnsAtOnce) {
  for_each_in_parallel(0, {}, [](std::size_t, const Progress&) { FAIL(); });
}

TEST(Parallel, RunsAsManyJobsAtATimeAsItWasTold) {
  std::latch all_are_running(3);
  for_each_in_parallel(3, {.jobs = 3, .progress = {}},
                       [&](std::size_t, const Progress&) { all_are_running.arrive_and_wait(); });
  EXPECT_TRUE(all_are_running.try_wait());
}

TEST(Parallel, WithOneJobStaysOnTheCallingThread) {
  const std::thread::id caller = std::this_thread::get_id();
  for_each_in_parallel(4, {.jobs = 1, .progress = {}}, [&](std::size_t, const Progress&) {
    EXPECT_EQ(std::this_thread::get_id(), caller);
  });
}

TEST(Parallel, StartsNoFurtherJobOnceStopped) {
  std::atomic<bool> stop = false;
  std::atomic<std::size_t> started = 0;
  for_each_in_parallel(1'000, {.jobs = 4, .stop = &stop, .progress = {}},
                       [&](std::size_t, const Progress&) {
                         const std::size_t number = ++started;
                         if (number == 10) stop = true;
                         while (number > 10 && !stop) std::this_thread::yield();
                       });
  EXPECT_GE(started, 10U);
  EXPECT_LE(started, 13U);  // three others may have started before it stopped
}

TEST(Parallel, ProgressOnlyGrowsAndEndsAtAll) {
  std::uint64_t last = 0;
  std::uint64_t all = 0;
  for_each_in_parallel(30,
                       {.jobs = 3,
                        .progress =
                            [&](std::uint64_t done, std::uint64_t of) {
                              EXPECT_GT(done, last);
                              last = done;
                              all = of;
                            }},
                       [](std::size_t, const Progress& progress) {
                         for (std::uint64_t done = 0; done <= 7; ++done) progress(done, 7);
                       });
  EXPECT_GT(all, 0U);
  EXPECT_EQ(last, all);
}

TEST(RunAll, LeavesOutRunsThatDidNotEnd) {
  const auto scenario = parse_scenario("version = 1\n[traffic]\ncount = 200_000\n", "long.toml");
  ASSERT_TRUE(scenario);
  std::atomic<bool> stop = false;
  const auto results = run_all(
      {{&*scenario, 1}, {&*scenario, 2}},
      {.jobs = 1, .stop = &stop, .progress = [&](std::uint64_t, std::uint64_t) { stop = true; }});
  ASSERT_EQ(results.size(), 2U);
  EXPECT_EQ(finished_count(results), 0U);
}

}  // namespace
}  // namespace reprise::lab
