// Sets of seeds as ranges, and how a campaign's seeds are dealt to shards.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"

namespace reprise::lab {

/// All seeds from `first` to `last`, both included; empty where `last` is less.
struct SeedRange {
  std::uint64_t first = 1;
  std::uint64_t last = 0;
  [[nodiscard]] std::uint64_t count() const { return last < first ? 0 : last - first + 1; }
  friend bool operator==(const SeedRange&, const SeedRange&) = default;
};
inline constexpr std::uint64_t kSeedMax = std::uint64_t{1} << 40U;

/// "1..1000", or one number.
engine::Expected<SeedRange> parse_seed_range(std::string_view text);

/// In order, apart from one another by at least one seed.
using SeedRanges = std::vector<SeedRange>;
/// False, and nothing is added, where a seed of `range` is among them already.
bool add(SeedRanges& ranges, SeedRange range);
std::uint64_t count(const SeedRanges& ranges);

/// One of `count` parts of a campaign.
struct Shard {
  std::uint64_t index = 0;  ///< from 0; people and "1/4" count from 1
  std::uint64_t count = 1;
  std::string source;  ///< what named it: "--shard", or an environment variable; may be empty
};
/// "1/4" to "4/4".
engine::Expected<Shard> parse_shard(std::string_view text);

/// The shard that a cluster engine gave this process, from SLURM_ARRAY_TASK_ID,
/// JOB_COMPLETION_INDEX or PARALLEL_SEQ (docs/SWARM.md); the whole where there is none.
/// `shards`: how many there are, where the environment does not say. `variable` is getenv.
engine::Expected<Shard> shard_from_environment(
    std::optional<std::uint64_t> shards, const std::function<const char*(const char*)>& variable);

/// The shard's part of a range. The parts of all shards are the range, as equal as can be.
SeedRange part_of(SeedRange range, const Shard& shard);

}  // namespace reprise::lab
