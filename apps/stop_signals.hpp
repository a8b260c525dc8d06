// SIGINT and SIGTERM as a clean stop.
#pragma once

#include <atomic>
#include <functional>

namespace reprise::apps {

/// While it lives, SIGINT and SIGTERM raise flag() and call `also`, which must be
/// async-signal-safe. One at a time.
class StopSignals {
 public:
  explicit StopSignals(std::function<void()> also = {});
  StopSignals(const StopSignals&) = delete;
  StopSignals& operator=(const StopSignals&) = delete;
  ~StopSignals();

  [[nodiscard]] const std::atomic<bool>& flag() const;
};

}  // namespace reprise::apps
