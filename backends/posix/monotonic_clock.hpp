// The clock of real backends: CLOCK_MONOTONIC.
#pragma once

#include <time.h>

#include "reprise/engine/time.hpp"

namespace reprise::posix {

[[nodiscard]] inline engine::Instant monotonic_now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return {std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec};
}

}  // namespace reprise::posix
