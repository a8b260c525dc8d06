#include "reprise/lab/seed_ranges.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>

namespace reprise::lab {
namespace {

using Variables = std::map<std::string, std::string>;

engine::Expected<Shard> shard_in(const Variables& variables,
                                 std::optional<std::uint64_t> shards = {}) {
  return shard_from_environment(shards, [&](const char* name) {
    const auto found = variables.find(name);
    return found == variables.end() ? nullptr : found->second.c_str();
  });
}

/// "2/8", as people write it.
std::string written(const engine::Expected<Shard>& shard) {
  if (!shard) return shard.error().message;
  return std::to_string(shard->index + 1) + "/" + std::to_string(shard->count);
}

TEST(SeedRanges, JoinNeighboursInAnyOrderAndRefuseOverlaps) {
  std::mt19937_64 random(5);
  for (int round = 0; round < 100; ++round) {
    std::vector<std::uint64_t> seeds(50);
    for (std::size_t index = 0; index < seeds.size(); ++index) seeds[index] = 10 + index;
    std::shuffle(seeds.begin(), seeds.end(), random);
    SeedRanges ranges;
    for (const std::uint64_t seed : seeds) EXPECT_TRUE(add(ranges, {seed, seed}));
    EXPECT_EQ(ranges, (SeedRanges{{10, 59}}));
    EXPECT_FALSE(add(ranges, {59, 70}));
    EXPECT_FALSE(add(ranges, {1, 10}));
    EXPECT_TRUE(add(ranges, {61, 70}));
    EXPECT_EQ(count(ranges), 60U);
  }
}

TEST(SeedRanges, AreReadAsFirstToLast) {
  EXPECT_EQ(*parse_seed_range("3..9"), (SeedRange{3, 9}));
  EXPECT_EQ(*parse_seed_range("7"), (SeedRange{7, 7}));
  for (const char* text : {"", "..", "1..", "9..3", "a..b", "1...3", "-1..3", "1..99999999999999"})
    EXPECT_FALSE(parse_seed_range(text)) << text;
}

TEST(Shard, PartsAreTheWholeWithoutGapsOrOverlaps) {
  for (const std::uint64_t seeds : {1U, 7U, 1000U}) {
    for (const std::uint64_t shards : {1U, 2U, 3U, 16U}) {
      SeedRanges together;
      for (std::uint64_t index = 0; index < shards; ++index)
        EXPECT_TRUE(add(together, part_of({5, 4 + seeds}, {index, shards, ""})));
      EXPECT_EQ(together, (SeedRanges{{5, 4 + seeds}}));
    }
  }
}

TEST(Shard, IsWrittenFromOneOn) {
  EXPECT_EQ(parse_shard("1/4")->index, 0U);
  EXPECT_EQ(parse_shard("4/4")->index, 3U);
  for (const char* text : {"", "4", "0/4", "5/4", "1/0", "1/", "/4", "1/4/4"})
    EXPECT_FALSE(parse_shard(text)) << text;
}

TEST(Shard, OfASlurmArrayComesFromItsTask) {
  EXPECT_EQ(written(shard_in({{"SLURM_ARRAY_TASK_ID", "12"},
                              {"SLURM_ARRAY_TASK_MIN", "10"},
                              {"SLURM_ARRAY_TASK_MAX", "13"},
                              {"SLURM_ARRAY_TASK_COUNT", "4"}})),
            "3/4");
  EXPECT_EQ(written(shard_in({{"SLURM_ARRAY_TASK_ID", "8"},
                              {"SLURM_ARRAY_TASK_MIN", "0"},
                              {"SLURM_ARRAY_TASK_MAX", "12"},
                              {"SLURM_ARRAY_TASK_STEP", "4"},
                              {"SLURM_ARRAY_TASK_COUNT", "4"}})),
            "3/4");
}

TEST(Shard, OfASlurmArrayWithGapsIsRefused) {
  EXPECT_EQ(written(shard_in({{"SLURM_ARRAY_TASK_ID", "7"},
                              {"SLURM_ARRAY_TASK_MIN", "1"},
                              {"SLURM_ARRAY_TASK_MAX", "7"},
                              {"SLURM_ARRAY_TASK_COUNT", "3"}})),
            "SLURM_ARRAY_TASK_ID=7 of 1 to 7, 3 tasks: expected an array without gaps, as "
            "--array=1-3; or give --shard i/n");
}

TEST(Shard, OfAnIndexedJobNeedsTheNumberOfCompletions) {
  EXPECT_EQ(written(shard_in({{"JOB_COMPLETION_INDEX", "0"}, {"JOB_COMPLETIONS", "8"}})), "1/8");
  EXPECT_EQ(written(shard_in({{"JOB_COMPLETION_INDEX", "7"}}, 8)), "8/8");
  EXPECT_FALSE(shard_in({{"JOB_COMPLETION_INDEX", "7"}}));
  EXPECT_FALSE(shard_in({{"JOB_COMPLETION_INDEX", "8"}}, 8));
  EXPECT_FALSE(shard_in({{"JOB_COMPLETION_INDEX", "one"}}, 8));
}

TEST(Shard, UnderGnuParallelIsTakenWhereTheirNumberIsGiven) {
  EXPECT_EQ(written(shard_in({{"PARALLEL_SEQ", "8"}}, 8)), "8/8");
  EXPECT_EQ(written(shard_in({{"PARALLEL_SEQ", "3"}})), "1/1") << "another use of parallel";
  EXPECT_FALSE(shard_in({{"PARALLEL_SEQ", "9"}}, 8));
  EXPECT_FALSE(shard_in({}, 8));
  EXPECT_EQ(written(shard_in({})), "1/1");
}

}  // namespace
}  // namespace reprise::lab
