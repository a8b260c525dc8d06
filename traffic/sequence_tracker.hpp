// What happened to one stream of numbered datagrams, judged from the order in which they arrived.
//
// Definitions. A sequence is *remembered* when it is at most `window` − 1 below the highest seen.
//   received    distinct sequences that arrived intact and were remembered at that time
//   reordered   those of them that arrived after a higher one (RFC 4737, 3.3, Type-P-Reordered:
//               s < NextExp, where NextExp is one above the highest so far)
//   duplicated  further arrivals of a received sequence; a duplicate is never counted as reordered
//   stale       arrivals too old to be remembered: late or duplicated, which of them is not known.
//               0 unless a datagram was overtaken by `window` or more
//   lost        of those that should have arrived, the ones that were not received
// Corrupted datagrams belong to no stream: their header cannot be trusted (see receiver.hpp). Each
// shows here as one lost.
//
// Invariants: 1. received + duplicated + stale = arrivals. 2. reordered ≤ received.
// 3. highest − lowest + 1 ≥ received.
//
// A stream may start at any sequence; sequences do not wrap around.
#pragma once

#include <cstdint>
#include <vector>

namespace reprise::traffic {

struct SequenceCounts {
  std::uint64_t received = 0;
  std::uint64_t reordered = 0;
  std::uint64_t duplicated = 0;
  std::uint64_t stale = 0;
  std::uint64_t lowest = 0;   ///< of the received ones; meaningless while there are none
  std::uint64_t highest = 0;  ///< likewise

  friend bool operator==(const SequenceCounts&, const SequenceCounts&) = default;
};

class SequenceTracker {
 public:
  /// 2²⁰ sequences, 128 KiB: three seconds of a stream of 350,000 datagrams a second.
  static constexpr std::uint64_t kWindowDefault = std::uint64_t{1} << 20U;

  /// `window` is a power of two, at least 64 (asserted).
  explicit SequenceTracker(std::uint64_t window = kWindowDefault);

  /// Counts one intact arrival. Constant time, but for clearing the window after a gap.
  void accept(std::uint64_t sequence);

  [[nodiscard]] const SequenceCounts& counts() const { return counts_; }

  /// Lost between the lowest and the highest sequence received. Losses before the first and after
  /// the last that arrived cannot be seen this way.
  [[nodiscard]] std::uint64_t lost_between() const;

  /// Lost of `sent` datagrams, by the sender's count: exact where nothing was stale.
  [[nodiscard]] std::uint64_t lost_of(std::uint64_t sent) const;

 private:
  [[nodiscard]] bool is_marked(std::uint64_t sequence) const;
  void mark(std::uint64_t sequence);
  void advance_to(std::uint64_t sequence);

  std::uint64_t window_;
  std::vector<std::uint64_t>
      marks_;  ///< one bit for each remembered sequence, at sequence % window
  SequenceCounts counts_;
};

}  // namespace reprise::traffic
