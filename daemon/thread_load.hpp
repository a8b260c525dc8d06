// How busy the calling thread is: the time that it ran, and the time that it could have run but
// another was given the core.
#pragma once

#include <cstdint>

#include "reprise/posix/descriptor.hpp"

namespace reprise::daemon {

class ThreadLoad {
 public:
  /// Nanoseconds since the thread's begin, of which the difference of two looks is of use. From
  /// /proc/thread-self/schedstat (Linux 2.6.23, CONFIG_SCHED_INFO); where there is none, the time
  /// that it ran alone. Always on the same thread.
  [[nodiscard]] std::int64_t busy_ns();

 private:
  posix::Descriptor schedstat_;
  bool is_opened_ = false;
};

}  // namespace reprise::daemon
