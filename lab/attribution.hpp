// Who is to blame for a change, exactly: factors are on or off, every combination (a corner) has a
// whole value.
//
// A dividend (Harsanyi; the Möbius transform of the corners) is what a group of factors adds beyond
// what the smaller groups within it do. A Shapley value is a factor's share: each dividend is split
// evenly among its group (L. S. Shapley, A Value for n-Person Games, 1953).
//
// 1. All dividends together are the change, all Shapley values together are it too.
// 2. A corner is its own first value plus the dividends of all groups within it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace reprise::lab {

inline constexpr std::size_t kFactorsMax = 10;
/// Every number up to kFactorsMax divides it, so that shares of dividends stay whole.
inline constexpr std::int64_t kShareParts = 2520;
/// A corner's value is at most so large either way; sums then stay exact.
inline constexpr std::int64_t kCornerMax = std::int64_t{1} << 50;

struct Attribution {
  std::int64_t change = 0;              ///< last corner less the first one
  std::vector<std::int64_t> dividends;  ///< by group: bit i for factor i; [0], no group, is 0
  std::vector<std::int64_t> parts;      ///< exact Shapley values, in parts of 1 / kShareParts
  /// The same rounded, by largest remainder: still sums to the change.
  std::vector<std::int64_t> shapley;
};

/// `corners`: 2^k values, k of 0…kFactorsMax, by the group that is on.
Attribution attribute(std::span<const std::int64_t> corners);

}  // namespace reprise::lab
