// On which cores the threads of a relay run.
#pragma once

#include <sched.h>

#include "reprise/engine/error.hpp"

namespace reprise::daemon {

/// Keeps the calling thread on a core from now on. Error: it may not run there.
engine::Expected<void> pin_to_core(unsigned core);

/// Hazard: while it lives, the calling thread, and each thread that it starts, runs on the one core
/// where it was made. It goes on the thread that made it.
class OnOneCore {
 public:
  static engine::Expected<OnOneCore> here();

  OnOneCore(OnOneCore&& other) noexcept;
  OnOneCore(const OnOneCore&) = delete;
  OnOneCore& operator=(const OnOneCore&) = delete;
  OnOneCore& operator=(OnOneCore&&) = delete;
  ~OnOneCore();

 private:
  explicit OnOneCore(const cpu_set_t& before) : before_(before) {}

  cpu_set_t before_;
  bool is_owner_ = true;
};

}  // namespace reprise::daemon
