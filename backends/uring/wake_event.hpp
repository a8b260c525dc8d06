// How another thread, or a signal handler, makes the ring's owner return from its wait.
//
// A multishot poll watches an eventfd; every write posts a completion. The eventfd is never read:
// its counter is not used. Requests that were not taken yet need no further write.
#pragma once

#include <atomic>

#include "reprise/engine/error.hpp"
#include "reprise/posix/descriptor.hpp"

namespace reprise::uring {

class WakeEvent {
 public:
  static engine::Expected<posix::Descriptor> open_descriptor();

  explicit WakeEvent(posix::Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  /// Any thread, async-signal-safe; leaves errno as it was.
  void request();

  /// Whether a request came since the last call.
  [[nodiscard]] bool take() {
    // The plain load spares the bus-locked exchange in the usual case.
    return requested_.load(std::memory_order_relaxed) &&
           requested_.exchange(false, std::memory_order_acq_rel);
  }

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }

 private:
  posix::Descriptor descriptor_;
  std::atomic<bool> requested_ = false;
  static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace reprise::uring
