#include "reprise/traffic/sequence_tracker.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <initializer_list>
#include <random>
#include <set>
#include <vector>

namespace reprise::traffic {
namespace {

SequenceTracker after(std::initializer_list<std::uint64_t> arrivals, std::uint64_t window = 64) {
  SequenceTracker tracker(window);
  for (const std::uint64_t sequence : arrivals) tracker.accept(sequence);
  return tracker;
}

/// The definitions of sequence_tracker.hpp, word for word, with a set of everything seen.
class Model {
 public:
  explicit Model(std::uint64_t window) : window_(window) {}

  void accept(std::uint64_t sequence) {
    const bool first = seen_.empty();
    const std::uint64_t highest = first ? sequence : *seen_.rbegin();
    if (!first && sequence + window_ <= highest) {
      ++counts_.stale;
    } else if (seen_.contains(sequence)) {
      ++counts_.duplicated;
    } else {
      ++counts_.received;
      if (!first && sequence < highest) ++counts_.reordered;
      seen_.insert(sequence);
      counts_.lowest = *seen_.begin();
      counts_.highest = *seen_.rbegin();
    }
  }
  [[nodiscard]] const SequenceCounts& counts() const { return counts_; }
  [[nodiscard]] std::uint64_t lost_between() const {
    std::uint64_t lost = 0;
    if (seen_.empty()) return lost;
    for (std::uint64_t i = *seen_.begin(); i <= *seen_.rbegin(); ++i) lost += seen_.count(i) == 0;
    return lost;
  }

 private:
  std::uint64_t window_;
  std::set<std::uint64_t> seen_;
  SequenceCounts counts_;
};

TEST(SequenceTracker, CountsNothingBeforeTheFirstArrival) {
  const SequenceTracker tracker;
  EXPECT_EQ(tracker.counts(), SequenceCounts{});
  EXPECT_EQ(tracker.lost_between(), 0U);
  EXPECT_EQ(tracker.lost_of(5), 5U);
}

TEST(SequenceTracker, MayStartAnywhere) {
  const SequenceTracker tracker = after({1'000'000'000'000, 1'000'000'000'001});
  EXPECT_EQ(tracker.counts().received, 2U);
  EXPECT_EQ(tracker.counts().reordered, 0U);
  EXPECT_EQ(tracker.lost_between(), 0U);
}

TEST(SequenceTracker, CallsOnlyTheOvertakenOneReordered) {
  const SequenceTracker tracker = after({1, 2, 5, 3, 4, 6});
  EXPECT_EQ(tracker.counts().received, 6U);
  EXPECT_EQ(tracker.counts().reordered, 2U);
  EXPECT_EQ(tracker.lost_between(), 0U);
}

TEST(SequenceTracker, TakesOneBelowTheFirstAsReordered) {
  const SequenceTracker tracker = after({10, 8});
  EXPECT_EQ(tracker.counts().reordered, 1U);
  EXPECT_EQ(tracker.counts().lowest, 8U);
  EXPECT_EQ(tracker.lost_between(), 1U);
}

TEST(SequenceTracker, CountsADuplicateOnceForEachCopyAndNeverAsReordered) {
  const SequenceTracker tracker = after({1, 2, 1, 1, 2});
  EXPECT_EQ(tracker.counts().received, 2U);
  EXPECT_EQ(tracker.counts().duplicated, 3U);
  EXPECT_EQ(tracker.counts().reordered, 0U);
}

TEST(SequenceTracker, SeesLossBetweenAndByTheSendersCount) {
  const SequenceTracker tracker = after({3, 4, 7});
  EXPECT_EQ(tracker.lost_between(), 2U);
  EXPECT_EQ(tracker.lost_of(10), 7U);
}

TEST(SequenceTracker, RemembersExactlyItsWindow) {
  EXPECT_EQ(after({0, 63, 0}).counts().duplicated, 1U);
  EXPECT_EQ(after({0, 64, 0}).counts().stale, 1U);
  EXPECT_EQ(after({0, 64, 1}).counts().received, 3U);
}

TEST(SequenceTracker, ForgetsWhatLeftTheWindowWhenItsPlaceIsUsedAgain) {
  // 64 and 65 share their places with 0 and 1; a jump of more than a window clears every place.
  const SequenceTracker near = after({0, 1, 65, 64});
  EXPECT_EQ(near.counts().received, 4U);
  EXPECT_EQ(near.counts().reordered, 1U);
  const SequenceTracker far = after({0, 1, 1000, 961, 960});
  EXPECT_EQ(far.counts().received, 5U);
  EXPECT_EQ(far.counts().duplicated, 0U);
}

TEST(SequenceTracker, FindsTheExactDuplicateAmongAMillion) {
  SequenceTracker tracker;
  for (std::uint64_t i = 0; i < SequenceTracker::kWindowDefault; ++i) tracker.accept(i);
  tracker.accept(0);
  EXPECT_EQ(tracker.counts().duplicated, 1U);
  EXPECT_EQ(tracker.counts().stale, 0U);
}

TEST(SequenceTracker, WorksUpToTheLastSequence) {
  constexpr std::uint64_t kLast = ~std::uint64_t{0};
  const SequenceTracker tracker = after({kLast, kLast - 2, kLast});
  EXPECT_EQ(tracker.counts().received, 2U);
  EXPECT_EQ(tracker.counts().duplicated, 1U);
  EXPECT_EQ(tracker.lost_between(), 1U);
}

TEST(SequenceTracker, AgreesWithASetOnRandomArrivals) {
  for (unsigned seed = 0; seed < 2000; ++seed) {
    std::mt19937 random(seed);
    const std::uint64_t window = std::uint64_t{64} << (random() % 3);
    const std::uint64_t start = random() % 1000;
    // A permutation of a run of sequences with gaps, disturbed within a reach, with copies.
    std::vector<std::uint64_t> arrivals;
    std::uint64_t sequence = start;
    for (unsigned i = 0; i < 400; ++i) {
      sequence += random() % 50 == 0 ? random() % (2 * window) : 1;
      arrivals.push_back(sequence);
      if (random() % 10 == 0) arrivals.push_back(sequence);
    }
    const std::size_t reach = 1 + random() % 200;
    for (std::size_t i = 0; i < arrivals.size(); ++i) {
      std::swap(arrivals[i], arrivals[std::min(arrivals.size() - 1, i + random() % reach)]);
    }
    SequenceTracker tracker(window);
    Model model(window);
    for (std::size_t i = 0; i < arrivals.size(); ++i) {
      tracker.accept(arrivals[i]);
      model.accept(arrivals[i]);
      ASSERT_EQ(tracker.counts(), model.counts()) << "seed " << seed << ", arrival " << i;
    }
    ASSERT_EQ(tracker.lost_between(), model.lost_between()) << "seed " << seed;
  }
}

}  // namespace
}  // namespace reprise::traffic
