// The hand-off on real threads: a single-producer single-consumer queue in each direction
// (Boost.Lockfree) and a flag for each stage that sleeps. The contract is engine/hand_off.hpp's.
//
// Why no wake-up is lost (H3). announce() and wake() each exchange the same flag, and the exchanges
// of one atomic happen one after the other. Where the sleeper's comes first, the pusher's reads it
// and wakes. Where the pusher's comes first, the sleeper's reads it, so that all the pusher did
// before, the push among it, is seen by the look that follows. No fence is needed: the order
// comes from the exchanged value, which ThreadSanitizer understands too.
//
// One thread makes the ingress stage's calls, one the egress stage's.
#pragma once

#include <atomic>
#include <boost/lockfree/spsc_queue.hpp>
#include <cstdint>
#include <span>

#include "reprise/engine/hand_off.hpp"
#include "reprise/engine/io.hpp"

namespace reprise::daemon {

class ThreadHandOff final : public engine::HandOff {
 public:
  /// The backends that the two threads sleep in; both outlive it.
  ThreadHandOff(const engine::StageConfig& config, engine::Backend& ingress,
                engine::Backend& egress);

  void hand_over(std::span<const engine::WorkItem> items) override;
  std::uint32_t take_back(std::span<engine::ReturnItem> returns) override;
  std::uint32_t drain(std::span<engine::WorkItem> items) override;
  void give_back(std::span<const engine::ReturnItem> returns) override;
  void announce(engine::Role sleeper) override;
  [[nodiscard]] bool has_items_for(engine::Role sleeper) const override;
  void wake(engine::Role peer) override;

  // Telemetry. The egress stage's thread.
  [[nodiscard]] std::size_t items_waiting() const { return items_.read_available(); }
  [[nodiscard]] std::size_t returns_waiting() const {
    return returns_max_ - returns_.write_available();
  }

 private:
  static constexpr std::size_t kCacheLineBytes = 64;
  /// Shared by the two threads, on a cache line of its own.
  struct alignas(kCacheLineBytes) Sleeper {
    std::atomic<std::uint32_t> announced = 0;
    engine::Backend* backend = nullptr;
  };
  static_assert(std::atomic<std::uint32_t>::is_always_lock_free);

  [[nodiscard]] Sleeper& sleeper(engine::Role role) {
    return role == engine::Role::ingress ? ingress_ : egress_;
  }

  // Each queue keeps the producer's and the consumer's position on different cache lines itself.
  boost::lockfree::spsc_queue<engine::WorkItem> items_;
  boost::lockfree::spsc_queue<engine::ReturnItem> returns_;
  std::size_t returns_max_;
  Sleeper ingress_;
  Sleeper egress_;
};

}  // namespace reprise::daemon
