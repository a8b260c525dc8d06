#include "reprise/traffic/latency_histogram.hpp"

#include <algorithm>
#include <bit>

namespace reprise::traffic {
namespace {

constexpr unsigned kBucketBits = 5;
constexpr std::uint64_t kBucketsPerPower = std::uint64_t{1} << kBucketBits;

/// Values below 32 have a bucket each. From there on a bucket is named by the six leading bits.
std::size_t bucket_of(std::uint64_t value) {
  if (value < kBucketsPerPower) return value;
  const auto shift = static_cast<unsigned>(std::bit_width(value)) - kBucketBits - 1;
  return shift * kBucketsPerPower + (value >> shift);
}

std::uint64_t largest_in(std::size_t bucket) {
  if (bucket < kBucketsPerPower) return bucket;
  const std::uint64_t shift = bucket / kBucketsPerPower - 1;
  const std::uint64_t leading = bucket - shift * kBucketsPerPower;
  return ((leading + 1) << shift) - 1;
}

}  // namespace

void LatencyHistogram::add(engine::Duration latency) {
  ++buckets_[bucket_of(static_cast<std::uint64_t>(std::max<std::int64_t>(latency.ns, 0)))];
  ++count_;
}

engine::Duration LatencyHistogram::percentile(std::uint32_t permille) const {
  // Rounded up without a product that could overflow.
  const std::uint64_t wanted = count_ / 1000 * permille + (count_ % 1000 * permille + 999) / 1000;
  std::uint64_t seen = 0;
  for (std::size_t bucket = 0; bucket < kBucketCount; ++bucket) {
    seen += buckets_[bucket];
    if (seen >= wanted && seen > 0) return {static_cast<std::int64_t>(largest_in(bucket))};
  }
  return {};
}

}  // namespace reprise::traffic
