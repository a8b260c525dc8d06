#include "reprise/traffic/sequence_tracker.hpp"

#include <algorithm>
#include <bit>

#include "reprise/engine/assert.hpp"

namespace reprise::traffic {
namespace {

constexpr std::uint64_t kBitsPerWord = 64;

std::uint64_t bit(std::uint64_t sequence) { return std::uint64_t{1} << (sequence % kBitsPerWord); }

}  // namespace

SequenceTracker::SequenceTracker(std::uint64_t window)
    : window_(window), marks_(window / kBitsPerWord) {
  REPRISE_ASSERT(std::has_single_bit(window) && window >= kBitsPerWord);
}

bool SequenceTracker::is_marked(std::uint64_t sequence) const {
  return (marks_[(sequence % window_) / kBitsPerWord] & bit(sequence)) != 0;
}

void SequenceTracker::mark(std::uint64_t sequence) {
  marks_[(sequence % window_) / kBitsPerWord] |= bit(sequence);
}

/// Forgets the sequences that leave the window, so that their bits serve the ones that enter.
void SequenceTracker::advance_to(std::uint64_t sequence) {
  if (sequence - counts_.highest >= window_) {
    std::ranges::fill(marks_, 0);
  } else {
    for (std::uint64_t entering = counts_.highest + 1; entering != sequence; ++entering) {
      marks_[(entering % window_) / kBitsPerWord] &= ~bit(entering);
    }
  }
  counts_.highest = sequence;
}

void SequenceTracker::accept(std::uint64_t sequence) {
  if (counts_.received == 0) {
    counts_.lowest = counts_.highest = sequence;
  } else if (sequence > counts_.highest) {
    advance_to(sequence);
  } else if (counts_.highest - sequence >= window_) {
    ++counts_.stale;
    return;
  } else if (is_marked(sequence)) {
    ++counts_.duplicated;
    return;
  } else {
    ++counts_.reordered;
    counts_.lowest = std::min(counts_.lowest, sequence);
  }
  mark(sequence);
  ++counts_.received;
}

std::uint64_t SequenceTracker::lost_between() const {
  if (counts_.received == 0) return 0;
  return counts_.highest - counts_.lowest - (counts_.received - 1);
}

std::uint64_t SequenceTracker::lost_of(std::uint64_t sent) const {
  return sent - std::min(sent, counts_.received);
}

}  // namespace reprise::traffic
