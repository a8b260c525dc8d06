#include "reprise/lab/attribution.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

#include "reprise/engine/assert.hpp"

namespace reprise::lab {
namespace {

__extension__ using Wide = __int128;

/// Subtracts, factor by factor, what is there without it.
std::vector<std::int64_t> dividends_of(std::span<const std::int64_t> corners) {
  std::vector<std::int64_t> dividends(corners.begin(), corners.end());
  for (std::size_t factor = 1; factor < dividends.size(); factor <<= 1U) {
    for (std::size_t group = 0; group < dividends.size(); ++group) {
      if ((group & factor) != 0) dividends[group] -= dividends[group ^ factor];
    }
  }
  dividends[0] = 0;
  return dividends;
}

std::vector<std::int64_t> parts_of(const std::vector<std::int64_t>& dividends) {
  const auto factors = static_cast<std::size_t>(std::countr_zero(dividends.size()));
  std::vector<std::int64_t> parts;
  for (std::size_t factor = 0; factor < factors; ++factor) {
    Wide sum = 0;
    for (std::size_t group = 1; group < dividends.size(); ++group) {
      if ((group >> factor & 1U) == 0) continue;
      sum += Wide{dividends[group]} * (kShareParts / std::popcount(group));
    }
    parts.push_back(static_cast<std::int64_t>(sum));
  }
  return parts;
}

/// Rounds down, then hands what is missing to those that lost most.
std::vector<std::int64_t> rounded(const std::vector<std::int64_t>& parts, std::int64_t change) {
  std::vector<std::int64_t> values;
  std::vector<std::int64_t> lost;
  for (const std::int64_t part : parts) {
    const std::int64_t remainder = ((part % kShareParts) + kShareParts) % kShareParts;
    values.push_back((part - remainder) / kShareParts);
    lost.push_back(remainder);
  }
  std::vector<std::size_t> order(parts.size());
  std::iota(order.begin(), order.end(), 0U);
  std::ranges::stable_sort(order, std::ranges::greater(),
                           [&](std::size_t index) { return lost[index]; });
  std::int64_t missing = change - std::accumulate(values.begin(), values.end(), std::int64_t{0});
  for (const std::size_t index : order) {
    if (missing-- <= 0) break;
    ++values[index];
  }
  return values;
}

}  // namespace

Attribution attribute(std::span<const std::int64_t> corners) {
  REPRISE_ASSERT(std::has_single_bit(corners.size()));
  REPRISE_ASSERT(corners.size() <= std::size_t{1} << kFactorsMax);
  REPRISE_ASSERT(std::ranges::all_of(
      corners, [](std::int64_t value) { return value >= -kCornerMax && value <= kCornerMax; }));
  Attribution result;
  result.change = corners.back() - corners.front();
  result.dividends = dividends_of(corners);
  result.parts = parts_of(result.dividends);
  result.shapley = rounded(result.parts, result.change);
  return result;
}

}  // namespace reprise::lab
