// Which cores there are, and threads pinned to one.
#pragma once

#include <sched.h>

#include <functional>
#include <stop_token>
#include <thread>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/traffic/monotonic_clock.hpp"

namespace reprise::trial {

/// That the calling thread may run on, ascending.
std::vector<unsigned> allowed_cores();

/// While it lives, the thread that made it runs on one core only.
class PinnedHere {
 public:
  /// The error names the core.
  static engine::Expected<PinnedHere> pin(unsigned core);
  PinnedHere(PinnedHere&& other) noexcept;
  PinnedHere(const PinnedHere&) = delete;
  PinnedHere& operator=(const PinnedHere&) = delete;
  PinnedHere& operator=(PinnedHere&&) = delete;
  ~PinnedHere();

 private:
  explicit PinnedHere(const cpu_set_t& before) : before_(before) {}
  cpu_set_t before_;
  bool is_pinned_ = true;
};

/// Starts a thread on a core that this process may use. It gets no signals. Ends by its stop token,
/// when the thread object goes.
std::jthread start_on(unsigned core, std::function<void(const std::stop_token&)> body);

/// How long anything is waited for before it counts as broken.
inline constexpr engine::Duration kPatience = engine::seconds(2);

/// Spins until `is_true`; false where patience ends first.
template <class Condition>
bool spin_until(const Condition& is_true) {
  const engine::Instant end = traffic::monotonic_now() + kPatience;
  for (std::uint32_t looks = 0; !is_true(); ++looks) {
    if (looks % 1024 == 1023 && traffic::monotonic_now() > end) return false;
  }
  return true;
}

}  // namespace reprise::trial
