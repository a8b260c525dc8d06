// How long datagrams took, in buckets of constant relative width: 32 to each power of two.
//
// A percentile read from it is at most 1/32 above the true one and never below it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "reprise/engine/time.hpp"

namespace reprise::traffic {

struct LatencyPercentiles {
  engine::Duration p50;
  engine::Duration p99;
  engine::Duration p999;  ///< 99.9 %
};

class LatencyHistogram {
 public:
  /// A negative latency (clocks of two hosts) counts as zero.
  void add(engine::Duration latency);

  [[nodiscard]] std::uint64_t count() const { return count_; }

  /// The smallest bucket bound that at least `permille` thousandths of the latencies do not exceed;
  /// zero where there are none. `permille` is 1…1000.
  [[nodiscard]] engine::Duration percentile(std::uint32_t permille) const;

  [[nodiscard]] LatencyPercentiles percentiles() const {
    return {percentile(500), percentile(990), percentile(999)};
  }

 private:
  static constexpr std::size_t kBucketCount = std::size_t{60} * 32;

  std::array<std::uint64_t, kBucketCount> buckets_{};
  std::uint64_t count_ = 0;
};

}  // namespace reprise::traffic
