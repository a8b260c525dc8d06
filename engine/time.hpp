// Instants and durations as types. The engine never reads a clock: an Instant reaches it only as
// data.
//
// On a real backend an Instant is CLOCK_MONOTONIC; in the simulation it is virtual time. Both count
// nanoseconds.
#pragma once

#include <compare>
#include <cstdint>
#include <limits>

namespace reprise::engine {

struct Duration {
  std::int64_t ns = 0;
  friend constexpr auto operator<=>(Duration, Duration) = default;
  friend constexpr Duration operator+(Duration a, Duration b) { return {a.ns + b.ns}; }
  friend constexpr Duration operator-(Duration a, Duration b) { return {a.ns - b.ns}; }
  friend constexpr Duration operator*(Duration a, std::int64_t k) { return {a.ns * k}; }
};

struct Instant {
  std::int64_t ns = 0;
  friend constexpr auto operator<=>(Instant, Instant) = default;
  friend constexpr Instant operator+(Instant a, Duration b) { return {a.ns + b.ns}; }
  friend constexpr Duration operator-(Instant a, Instant b) { return {a.ns - b.ns}; }
};

/// Later than every instant that occurs: "no deadline".
inline constexpr Instant kNever{std::numeric_limits<std::int64_t>::max()};

constexpr Duration milliseconds(std::int64_t n) { return {n * 1'000'000}; }
constexpr Duration seconds(std::int64_t n) { return {n * 1'000'000'000}; }

}  // namespace reprise::engine
