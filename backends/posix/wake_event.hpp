// How another thread, or a signal handler, makes a backend's owner return from its wait: an eventfd
// that the backend watches, and a flag that says what the eventfd is for. Requests that were not
// taken yet need no further write.
#pragma once

#include <atomic>

#include "reprise/engine/error.hpp"
#include "reprise/posix/descriptor.hpp"

namespace reprise::posix {

class WakeEvent {
 public:
  static engine::Expected<Descriptor> open_descriptor();

  explicit WakeEvent(Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  /// Any thread, async-signal-safe; leaves errno as it was.
  void request();

  /// Whether a request came since the last call.
  [[nodiscard]] bool take() {
    // The plain load spares the bus-locked exchange in the usual case.
    return requested_.load(std::memory_order_relaxed) &&
           requested_.exchange(false, std::memory_order_acq_rel);
  }

  /// For a backend that waits for the eventfd's state and not for its writes: makes it unreadable.
  /// Before take(): a request is there before its write is.
  void empty();

  [[nodiscard]] int descriptor() const { return descriptor_.get(); }

 private:
  Descriptor descriptor_;
  std::atomic<bool> requested_ = false;
  static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace reprise::posix
