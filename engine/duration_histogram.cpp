#include "reprise/engine/duration_histogram.hpp"

#include <algorithm>
#include <bit>

namespace reprise::engine {

// Values below 64 have a bucket each; above, the six bits below the leading one choose among 64.
std::size_t DurationHistogram::bucket_of(std::uint64_t ns) {
  if (ns < kPerDoubling) return ns;
  const auto doubling = static_cast<std::size_t>(std::bit_width(ns)) - 7;
  return (doubling + 1) * kPerDoubling + ((ns >> doubling) - kPerDoubling);
}

std::uint64_t DurationHistogram::upper_bound(std::size_t bucket) {
  if (bucket < kPerDoubling) return bucket;
  const std::size_t doubling = bucket / kPerDoubling - 1;
  return ((kPerDoubling + bucket % kPerDoubling + 1) << doubling) - 1;
}

void DurationHistogram::add(std::int64_t ns) {
  ++buckets_[bucket_of(static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0)))];
  ++count_;
  total_ns_ += ns;
}

void DurationHistogram::add(const DurationHistogram& other) {
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    buckets_[bucket] += other.buckets_[bucket];
  }
  count_ += other.count_;
  total_ns_ += other.total_ns_;
}

std::int64_t DurationHistogram::percentile_ns(std::uint32_t permille) const {
  if (count_ == 0) return 0;
  const std::uint64_t rank = std::max<std::uint64_t>((count_ * permille + 999) / 1000, 1);
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < buckets_.size(); ++bucket) {
    seen += buckets_[bucket];
    if (seen >= rank) return static_cast<std::int64_t>(upper_bound(bucket));
  }
  return 0;
}

}  // namespace reprise::engine
