#include "reprise/sim/hand_off.hpp"

#include <algorithm>

namespace reprise::sim {

using engine::ReturnItem;
using engine::Role;
using engine::WorkItem;

void SimHandOff::hand_over(std::span<const WorkItem> items) {
  spend(costs_->shared_ns);
  for (const WorkItem& item : items) {
    state_->items.push(item);
    if (item.is_datagram()) detail_->handed_over.push_back(item.payload.region);
    spend(costs_->crossing_ns);
  }
  detail_->digest.add(items.size());
}

std::uint32_t SimHandOff::drain(std::span<WorkItem> items) {
  spend(costs_->shared_ns);
  const auto count = std::min(static_cast<std::uint32_t>(items.size()), state_->items.size());
  for (WorkItem& item : items.first(count)) {
    item = state_->items.pop();
    if (item.is_datagram()) detail_->drained.push_back(item.payload.region);
    spend(costs_->crossing_ns);
  }
  detail_->digest.add(count);
  return count;
}

void SimHandOff::give_back(std::span<const ReturnItem> returns) {
  spend(costs_->shared_ns);
  for (const ReturnItem& item : returns) {
    state_->returns.push(item);
    detail_->given_back.push_back(item.region);
    spend(costs_->crossing_ns);
  }
  detail_->digest.add(returns.size());
}

std::uint32_t SimHandOff::take_back(std::span<ReturnItem> returns) {
  spend(costs_->shared_ns);
  const auto count = std::min(static_cast<std::uint32_t>(returns.size()), state_->returns.size());
  for (ReturnItem& item : returns.first(count)) {
    item = state_->returns.pop();
    detail_->taken_back.push_back(item.region);
    spend(costs_->crossing_ns);
  }
  detail_->digest.add(count);
  return count;
}

void SimHandOff::announce(Role sleeper) {
  spend(costs_->shared_ns);
  sleeping(sleeper) = 1;
}

bool SimHandOff::has_items_for(Role sleeper) const {
  spend(costs_->shared_ns);
  return sleeper == Role::ingress ? !state_->returns.empty() : !state_->items.empty();
}

void SimHandOff::wake(Role peer) {
  spend(costs_->shared_ns);
  if (sleeping(peer) == 0) return;
  sleeping(peer) = 0;
  woke_peer_ = true;
  detail_->digest.add(1);
  spend(costs_->wake_call_ns);
}

}  // namespace reprise::sim
