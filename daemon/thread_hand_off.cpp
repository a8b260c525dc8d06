#include "reprise/daemon/thread_hand_off.hpp"

namespace reprise::daemon {

using engine::ReturnItem;
using engine::Role;
using engine::WorkItem;

ThreadHandOff::ThreadHandOff(const engine::StageConfig& config, engine::Backend& ingress,
                             engine::Backend& egress)
    : items_(items_max(config)), returns_(returns_max(config)), returns_max_(returns_max(config)) {
  ingress_.backend = &ingress;
  egress_.backend = &egress;
}

void ThreadHandOff::hand_over(std::span<const WorkItem> items) {
  const std::size_t pushed = items_.push(items.data(), items.size());
  REPRISE_ASSERT(pushed == items.size());  // H1
}

std::uint32_t ThreadHandOff::take_back(std::span<ReturnItem> returns) {
  return static_cast<std::uint32_t>(returns_.pop(returns.data(), returns.size()));
}

std::uint32_t ThreadHandOff::drain(std::span<WorkItem> items) {
  return static_cast<std::uint32_t>(items_.pop(items.data(), items.size()));
}

void ThreadHandOff::give_back(std::span<const ReturnItem> returns) {
  const std::size_t pushed = returns_.push(returns.data(), returns.size());
  REPRISE_ASSERT(pushed == returns.size());  // H1
}

void ThreadHandOff::announce(Role role) {
  sleeper(role).announced.exchange(1, std::memory_order_acq_rel);
}

bool ThreadHandOff::has_items_for(Role role) const {
  return role == Role::ingress ? returns_.read_available() > 0 : items_.read_available() > 0;
}

void ThreadHandOff::wake(Role peer) {
  Sleeper& asleep = sleeper(peer);
  if (asleep.announced.exchange(0, std::memory_order_acq_rel) != 0) asleep.backend->wake();
}

}  // namespace reprise::daemon
