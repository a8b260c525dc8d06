#include "reprise/lab/seed_ranges.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

namespace reprise::lab {
namespace {

using engine::Expected;
using engine::failure;

constexpr std::uint64_t kShardsMax = 1'000'000;

std::optional<std::uint64_t> number_in(std::string_view text) {
  std::uint64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stopped_at != end || value > kSeedMax) return std::nullopt;
  return value;
}

/// Reads numbers out of the environment.
class Environment {
 public:
  explicit Environment(const std::function<const char*(const char*)>& variable)
      : variable_(variable) {}

  /// None where it is not set.
  [[nodiscard]] Expected<std::optional<std::uint64_t>> number(const char* name) const {
    const char* text = variable_(name);
    if (text == nullptr || *text == '\0') return std::nullopt;
    const auto value = number_in(text);
    if (value) return value;
    return failure(fmt::format("{}={}: expected a whole number; or give --shard i/n", name, text));
  }

 private:
  const std::function<const char*(const char*)>& variable_;
};

Expected<Shard> checked(Shard shard, std::uint64_t shown) {
  if (shard.count >= 1 && shard.count <= kShardsMax && shard.index < shard.count) return shard;
  return failure(
      fmt::format("{}={}: that is no shard of {}; expected one of them, or give --shard i/n",
                  shard.source, shown, shard.count));
}

/// A job array: its tasks are numbered from MIN to MAX in steps.
Expected<Shard> slurm_shard(std::uint64_t id, std::optional<std::uint64_t> shards,
                            const Environment& environment) {
  std::uint64_t values[4] = {0, id, 1, 1};
  const char* const names[4] = {"SLURM_ARRAY_TASK_MIN", "SLURM_ARRAY_TASK_MAX",
                                "SLURM_ARRAY_TASK_STEP", "SLURM_ARRAY_TASK_COUNT"};
  for (std::size_t index = 0; index < 4; ++index) {
    const auto value = environment.number(names[index]);
    if (!value) return std::unexpected(value.error());
    if (*value) values[index] = **value;
  }
  const auto [least, most, step, count] = values;
  if (step == 0 || id < least || id > most || (id - least) % step != 0 ||
      (!shards && (most - least) / step + 1 != count)) {
    return failure(fmt::format(
        "SLURM_ARRAY_TASK_ID={} of {} to {}, {} tasks: expected an array without gaps, as "
        "--array=1-{}; or give --shard i/n",
        id, least, most, count, count));
  }
  return checked({(id - least) / step, shards.value_or(count), "SLURM_ARRAY_TASK_ID"}, id);
}

}  // namespace

Expected<SeedRange> parse_seed_range(std::string_view text) {
  const std::size_t dots = text.find("..");
  const auto first = number_in(text.substr(0, dots));
  const auto last = dots == std::string_view::npos ? first : number_in(text.substr(dots + 2));
  if (first && last && *first <= *last) return SeedRange{*first, *last};
  return failure(fmt::format(
      "--seeds {}: expected FIRST..LAST, whole numbers up to 2^40, for example 1..1000", text));
}

bool add(SeedRanges& ranges, SeedRange range) {
  if (range.count() == 0) return true;
  const auto next = std::ranges::lower_bound(ranges, range.first, {}, &SeedRange::first);
  if (next != ranges.end() && next->first <= range.last) return false;
  if (next != ranges.begin() && std::prev(next)->last >= range.first) return false;
  const bool joins_next = next != ranges.end() && next->first == range.last + 1;
  const bool joins_previous = next != ranges.begin() && std::prev(next)->last + 1 == range.first;
  if (joins_previous) {
    std::prev(next)->last = joins_next ? next->last : range.last;
    if (joins_next) ranges.erase(next);
  } else if (joins_next) {
    next->first = range.first;
  } else {
    ranges.insert(next, range);
  }
  return true;
}

std::uint64_t count(const SeedRanges& ranges) {
  std::uint64_t count = 0;
  for (const SeedRange& range : ranges) count += range.count();
  return count;
}

Expected<Shard> parse_shard(std::string_view text) {
  const std::size_t slash = text.find('/');
  const auto number = number_in(text.substr(0, slash));
  const auto count =
      slash == std::string_view::npos ? std::nullopt : number_in(text.substr(slash + 1));
  if (number && count && *number >= 1 && *number <= *count && *count <= kShardsMax)
    return Shard{*number - 1, *count, "--shard"};
  return failure(fmt::format("--shard {}: expected i/n, from 1/n to n/n, for example 1/4", text));
}

Expected<Shard> shard_from_environment(std::optional<std::uint64_t> shards,
                                       const std::function<const char*(const char*)>& variable) {
  const Environment environment(variable);
  const auto task = environment.number("SLURM_ARRAY_TASK_ID");
  if (!task) return std::unexpected(task.error());
  if (*task) return slurm_shard(**task, shards, environment);
  const auto index = environment.number("JOB_COMPLETION_INDEX");
  if (!index) return std::unexpected(index.error());
  if (*index) {
    const auto completions = environment.number("JOB_COMPLETIONS");
    if (!completions) return std::unexpected(completions.error());
    if (!shards && !*completions) {
      return failure(
          fmt::format("JOB_COMPLETION_INDEX={}: expected the number of shards in "
                      "JOB_COMPLETIONS or --shards; or give --shard i/n",
                      **index));
    }
    return checked({**index, shards ? *shards : **completions, "JOB_COMPLETION_INDEX"}, **index);
  }
  if (!shards) return Shard{};
  const auto sequence = environment.number("PARALLEL_SEQ");
  if (!sequence) return std::unexpected(sequence.error());
  if (!*sequence) {
    return failure(
        fmt::format("--shards {}: which of them? expected --shard i/{}, or "
                    "SLURM_ARRAY_TASK_ID, JOB_COMPLETION_INDEX or PARALLEL_SEQ",
                    *shards, *shards));
  }
  return checked({**sequence - 1, *shards, "PARALLEL_SEQ"}, **sequence);
}

SeedRange part_of(SeedRange range, const Shard& shard) {
  const std::uint64_t count = range.count();
  const std::uint64_t begin = count * shard.index / shard.count;
  const std::uint64_t end = count * (shard.index + 1) / shard.count;
  if (begin == end) return {};
  return {range.first + begin, range.first + end - 1};
}

}  // namespace reprise::lab
