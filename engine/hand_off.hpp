// What an ingress and an egress stage on two threads share: a queue in each direction, and a flag
// for each by which it says that it sleeps. Implementations: daemon/thread_hand_off (real threads),
// sim/hand_off (simulated ones).
//
//   H1  A queue has room for everything that can be on its way: pushing never fails.
//   H2  First in, first out, each item once; what the pusher did before is seen by who pops.
//   H3  No lost wake-up. A stage that sleeps has announced it and then found its queue empty; one
//       that pushes takes the announcement back afterwards and wakes who made it. Whichever of
//       announcement and taking back comes first in the flag's order, the items are seen: by the
//       recheck, or through the wake-up.
//
// Each call is one access to what is shared, but wake(), which takes the announcement back and then
// wakes. A phase makes one kind of call, and as many as it takes to move what there is.
#pragma once

#include <cstdint>
#include <span>

#include "reprise/engine/policy.hpp"
#include "reprise/engine/stage_config.hpp"
#include "reprise/engine/work_item.hpp"

namespace reprise::engine {

class HandOff {
 public:
  HandOff() = default;
  HandOff(const HandOff&) = delete;
  HandOff& operator=(const HandOff&) = delete;
  virtual ~HandOff() = default;

  /// Items that can be on their way to the egress stage, and regions on their way back (H1).
  [[nodiscard]] static std::uint32_t items_max(const StageConfig& config) {
    return config.backlog_max() + config.outputs_max + 1;
  }
  [[nodiscard]] static std::uint32_t returns_max(const StageConfig& config) {
    return config.region_count();
  }

  // The ingress stage's.
  virtual void hand_over(std::span<const WorkItem> items) = 0;
  /// Fills `returns` from its front; returns how many there were, at most its size.
  virtual std::uint32_t take_back(std::span<ReturnItem> returns) = 0;

  // The egress stage's.
  /// Fills `items` from its front; returns how many there were, at most its size.
  virtual std::uint32_t drain(std::span<WorkItem> items) = 0;
  virtual void give_back(std::span<const ReturnItem> returns) = 0;

  // Either's: `sleeper` is the one that says so, `peer` the other one.
  virtual void announce(Role sleeper) = 0;
  /// Whether something lies in the queue that `sleeper` pops.
  [[nodiscard]] virtual bool has_items_for(Role sleeper) const = 0;
  /// Takes the peer's announcement back and wakes it, if it has made one.
  virtual void wake(Role peer) = 0;
};

}  // namespace reprise::engine
