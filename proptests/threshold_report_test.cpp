// Why the two unified rows of the report's table are not ours: the same arithmetic on counts alone,
// with each of the two assumptions in which the report's relay and this engine differ
// (docs/THRESHOLDS.md).
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

namespace reprise::proptests {
namespace {

enum class Act : std::uint32_t { reap, prepare, submit };

struct Relay {
  std::array<Act, 3> turn{};
  bool arrivals_are_known_when_reaped = false;  ///< else at once
  bool buffers_come_back_at_prepare = false;    ///< else when they are reaped
};

/// Buffers by what they wait for, tokens, and where in the turn.
struct Counts {
  std::uint32_t phase = 0;
  std::uint32_t tokens = 0;
  std::uint32_t unread = 0;
  std::uint32_t queued = 0;
  std::uint32_t sent = 0;
  std::uint32_t released = 0;
  friend auto operator<=>(const Counts&, const Counts&) = default;
  [[nodiscard]] std::uint32_t away() const { return unread + queued + sent + released; }
};

Counts arrived(Counts counts, const Relay& relay, std::uint32_t arrivals) {
  counts.tokens -= arrivals;
  (relay.arrivals_are_known_when_reaped ? counts.unread : counts.queued) += arrivals;
  return counts;
}

Counts acted(Counts counts, const Relay& relay, std::uint32_t tokens) {
  if (counts.phase == 0) counts.tokens = tokens;
  switch (relay.turn[counts.phase]) {
    case Act::reap:
      if (relay.buffers_come_back_at_prepare) counts.released += counts.sent;
      counts.sent = 0;
      counts.queued += std::exchange(counts.unread, 0);
      break;
    case Act::prepare:
      counts.released = 0;
      counts.sent += std::exchange(counts.queued, 0);
      break;
    case Act::submit: break;  // what was prepared was away before, too
  }
  counts.phase = (counts.phase + 1) % 3;
  return counts;
}

/// The most buffers that are away at once: the smallest pool.
std::uint32_t smallest_pool(const Relay& relay, std::uint32_t tokens, bool at_any_time) {
  std::set<Counts> known;
  std::vector<Counts> open{{0, tokens, 0, 0, 0, 0}};
  std::uint32_t most = 0;
  while (!open.empty()) {
    const Counts from = open.back();
    open.pop_back();
    if (!known.insert(from).second) continue;
    const std::uint32_t arrivals_max = at_any_time || from.phase == 0 ? from.tokens : 0;
    for (std::uint32_t arrivals = 0; arrivals <= arrivals_max; ++arrivals) {
      const Counts next = arrived(from, relay, arrivals);
      most = std::max(most, next.away());
      open.push_back(acted(next, relay, tokens));
    }
  }
  return most;
}

}  // namespace

TEST(Threshold, TheReportsUnifiedRowsFollowFromItsAssumptions) {
  struct Row {
    Relay relay;
    std::uint32_t between_turns, at_any_time;  ///< in A
  };
  constexpr std::array kReapFirst{Act::reap, Act::prepare, Act::submit};
  constexpr std::array kReapLast{Act::prepare, Act::submit, Act::reap};
  const std::array<Row, 8> rows{{
      {{kReapFirst, false, false}, 2, 2},  // the report's
      {{kReapFirst, false, true}, 2, 3},
      {{kReapFirst, true, false}, 2, 2},
      {{kReapFirst, true, true}, 2, 3},   // unified, deferred, wait
      {{kReapLast, false, false}, 1, 2},  // the report's
      {{kReapLast, false, true}, 2, 2},
      {{kReapLast, true, false}, 2, 3},
      {{kReapLast, true, true}, 3, 3},  // unified, adaptive, wait
  }};
  for (std::uint32_t tokens = 1; tokens <= 4; ++tokens) {
    for (const Row& row : rows) {
      EXPECT_EQ(smallest_pool(row.relay, tokens, false), row.between_turns * tokens);
      EXPECT_EQ(smallest_pool(row.relay, tokens, true), row.at_any_time * tokens);
    }
  }
}

}  // namespace reprise::proptests
