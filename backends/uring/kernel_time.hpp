// Nanoseconds as the kernel takes them.
#pragma once

#include <linux/time_types.h>

#include <algorithm>
#include <cstdint>

namespace reprise::uring {

/// Below zero counts as zero, which the kernel refuses to be given less of.
inline __kernel_timespec kernel_time(std::int64_t ns) {
  constexpr std::int64_t kNsPerSecond = 1'000'000'000;
  const std::int64_t clamped = std::max<std::int64_t>(ns, 0);
  return {.tv_sec = clamped / kNsPerSecond, .tv_nsec = clamped % kNsPerSecond};
}

}  // namespace reprise::uring
