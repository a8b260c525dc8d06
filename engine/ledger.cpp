#include "reprise/engine/ledger.hpp"

#include <utility>

namespace reprise::engine {

void Ledger::place(FlatLayout& layout, std::uint32_t buffer_count, std::uint32_t block_count) {
  layout.place(states_, buffer_count + block_count);
  layout.place(free_, buffer_count);
  layout.place(free_blocks_, block_count);
}

void Ledger::start(Owner first) {
  for (std::uint32_t index = 0; index < size(); ++index) {
    states_[index].owner = first;
    if (first != Owner::free) continue;
    const RegionIndex region{index};
    is_block(region) ? free_blocks_.push(region) : free_.push(region);
  }
  if (first == Owner::away) away_count_ = size();
}

RegionIndex Ledger::free_from_back(std::uint32_t index) const {
  return free_[free_.size() - 1 - index];
}

RegionIndex Ledger::provide() {
  const RegionIndex region = free_.pop();
  State& state = at(region);
  REPRISE_ASSERT(state.owner == Owner::free);
  state.owner = Owner::kernel;
  ++kernel_count_;
  return region;
}

RegionIndex Ledger::provide_block() {
  const RegionIndex region = free_blocks_.pop();
  REPRISE_ASSERT(at(region).owner == Owner::free);
  at(region).owner = Owner::kernel;
  ++kernel_blocks_;
  return region;
}

RegionIndex Ledger::allocate() {
  const RegionIndex region = free_.pop();
  State& state = at(region);
  REPRISE_ASSERT(state.owner == Owner::free);
  state.owner = Owner::held;
  state.references = 1;
  return region;
}

void Ledger::receive(RegionIndex region) {
  State& state = at(region);
  REPRISE_ASSERT(state.owner == Owner::kernel);
  state.owner = Owner::held;
  state.references = 1;
  --(is_block(region) ? kernel_blocks_ : kernel_count_);
}

void Ledger::retain(RegionIndex region) {
  State& state = at(region);
  REPRISE_ASSERT(state.owner == Owner::held);
  ++state.references;
}

void Ledger::release(RegionIndex region, std::uint32_t references) {
  State& state = at(region);
  REPRISE_ASSERT(state.owner == Owner::held && state.references >= references);
  state.references -= references;
  if (state.references > 0) return;
  state.owner = Owner::free;
  if (is_block(region)) return free_blocks_.push(region);
  free_.push(region);
  ++released_;
}

void Ledger::adopt(RegionIndex region) {
  State& state = at(region);
  ++state.adopted;
  ++state.references;
  if (state.owner == Owner::held) return;
  // Nothing is drained while a region waits to be given back (Stage::drain_room()).
  REPRISE_ASSERT(state.owner == Owner::away);
  state.owner = Owner::held;
  --away_count_;
}

ReturnItem Ledger::give_back() {
  const RegionIndex region = free_.pop();
  State& state = at(region);
  REPRISE_ASSERT(state.owner == Owner::free);
  state.owner = Owner::away;
  ++away_count_;
  return {region, std::exchange(state.adopted, 0)};
}

bool Ledger::is_consistent() const {
  std::uint32_t free = 0;
  std::uint32_t kernel = 0;
  std::uint32_t away = 0;
  for (const State& state : states_.all()) {
    if (state.owner == Owner::free) ++free;
    if (state.owner == Owner::kernel) ++kernel;
    if (state.owner == Owner::away) ++away;
    if ((state.owner == Owner::held) != (state.references > 0)) return false;
  }
  return free == free_.size() + free_blocks_.size() && kernel == kernel_count_ + kernel_blocks_ &&
         away == away_count_;
}

}  // namespace reprise::engine
