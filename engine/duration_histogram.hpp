// A histogram of durations in bounded memory: 64 buckets to each doubling, so a percentile is at
// most 1.6 % too high. Telemetry: no decision reads it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace reprise::engine {

class DurationHistogram {
 public:
  /// A negative one (clocks of two hosts) falls into the shortest bucket.
  void add(std::int64_t ns);
  void add(const DurationHistogram& other);
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::int64_t total_ns() const { return total_ns_; }
  /// The least bucket bound that at least `permille` of 1000 durations do not exceed; 0 when there
  /// are none.
  [[nodiscard]] std::int64_t percentile_ns(std::uint32_t permille) const;

 private:
  static constexpr std::size_t kPerDoubling = 64;
  static std::size_t bucket_of(std::uint64_t ns);
  static std::uint64_t upper_bound(std::size_t bucket);

  std::array<std::uint64_t, kPerDoubling * 59> buckets_{};
  std::uint64_t count_ = 0;
  std::int64_t total_ns_ = 0;
};

}  // namespace reprise::engine
