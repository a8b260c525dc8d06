// The host's CLOCK_MONOTONIC as an Instant. All processes of one host read the same clock.
#pragma once

#include <ctime>

#include "reprise/engine/time.hpp"

namespace reprise::traffic {

inline engine::Instant monotonic_now() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return {std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec};
}

/// Sleeps until `wake_up`, or a little less when a signal arrives: callers check and call again.
inline void sleep_until(engine::Instant wake_up) {
  const timespec time{wake_up.ns / 1'000'000'000, wake_up.ns % 1'000'000'000};
  clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, nullptr);
}

}  // namespace reprise::traffic
