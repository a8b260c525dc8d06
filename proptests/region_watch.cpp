#include "region_watch.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reprise::proptests {

using engine::Instant;
using engine::RegionIndex;

RegionWatch::RegionWatch(const sim::World& world, std::uint32_t node)
    : world_(&world),
      node_(node),
      held_since_ns_(world.node(node).ingress().ledger().size(), kNotHeld) {
  if (world.config().nodes[node].stage.blocks > 0) is_kernels_.resize(held_since_ns_.size());
}

Verdict RegionWatch::observe(const Step& step) {
  const bool is_phase = !step.is_command && step.event.kind == sim::EventKind::phase;
  if (!step.is_command && (!is_phase || step.event.index != node_)) return {};
  const Instant now = step.event.time;
  if (!is_kernels_.empty()) return is_phase ? observe_ring() : Verdict{};
  if (is_phase) {
    for (const RegionIndex region : world_->detail().received) {
      if (const Verdict verdict = receive(region, now); !verdict) return verdict;
    }
  }
  const engine::Ledger& ledger = world_->node(node_).ingress().ledger();
  const std::uint64_t newly_released = ledger.released() - released_;
  released_ = ledger.released();
  if (newly_released > ledger.free_count()) {
    return std::unexpected(fmt::format("node {}: {} regions released, {} are free", node_,
                                       newly_released, ledger.free_count()));
  }
  for (std::uint32_t index = 0; index < newly_released; ++index) {
    if (const Verdict verdict = release(ledger.free_from_back(index), now); !verdict) {
      return verdict;
    }
  }
  return compare();
}

Verdict RegionWatch::observe_ring() {
  const auto change = [this](RegionIndex region, bool to_kernel) -> Verdict {
    const auto index = static_cast<std::uint32_t>(region);
    if (is_kernels_[index] == to_kernel) {
      return std::unexpected(fmt::format("node {}: region {} was {} twice", node_, index,
                                         to_kernel ? "provided" : "received"));
    }
    is_kernels_[index] = to_kernel;
    return {};
  };
  for (const RegionIndex region : world_->detail().provided) {
    if (const Verdict verdict = change(region, true); !verdict) return verdict;
  }
  for (const RegionIndex region : world_->detail().received) {
    if (const Verdict verdict = change(region, false); !verdict) return verdict;
  }
  const engine::Ledger& ledger = world_->node(node_).ingress().ledger();
  for (std::uint32_t index = 0; index < ledger.size(); ++index) {
    const bool is_kernels = ledger.owner(RegionIndex{index}) == engine::Owner::kernel;
    if (is_kernels == is_kernels_[index]) continue;
    return std::unexpected(
        fmt::format("node {}: region {} is {}the kernel's, the ledger says "
                    "otherwise",
                    node_, index, is_kernels_[index] ? "" : "not "));
  }
  return {};
}

Verdict RegionWatch::receive(RegionIndex region, Instant now) {
  std::int64_t& since_ns = held_since_ns_[static_cast<std::uint32_t>(region)];
  if (since_ns != kNotHeld) {
    return std::unexpected(fmt::format("node {}: the kernel filled region {}, held since {} ns",
                                       node_, static_cast<std::uint32_t>(region), since_ns));
  }
  since_ns = now.ns;
  return {};
}

Verdict RegionWatch::release(RegionIndex region, Instant now) {
  std::int64_t& since_ns = held_since_ns_[static_cast<std::uint32_t>(region)];
  if (since_ns == kNotHeld) {
    return std::unexpected(fmt::format("node {}: region {} was released, but not held", node_,
                                       static_cast<std::uint32_t>(region)));
  }
  time_held_ns_ += now.ns - since_ns;
  since_ns = kNotHeld;
  return {};
}

Verdict RegionWatch::compare() const {
  const engine::Ledger& ledger = world_->node(node_).ingress().ledger();
  for (std::uint32_t index = 0; index < ledger.size(); ++index) {
    const bool is_held = held_since_ns_[index] != kNotHeld;
    if (is_held == (ledger.owner(RegionIndex{index}) == engine::Owner::held)) continue;
    return std::unexpected(fmt::format("node {}: region {} is {}held, the ledger says otherwise",
                                       node_, index, is_held ? "" : "not "));
  }
  return {};
}

std::int64_t RegionWatch::time_held_ns(Instant now) const {
  std::int64_t sum_ns = time_held_ns_;
  for (const std::int64_t since_ns : held_since_ns_) {
    if (since_ns != kNotHeld) sum_ns += now.ns - since_ns;
  }
  return sum_ns;
}

std::uint32_t returns_waiting(const sim::Node& node) {
  if (node.threads.size() == 1) return 0;
  std::vector<bool> returns(node.ingress().ledger().size());
  for (std::uint32_t place = 0; place < node.hand_off.returns.size(); ++place)
    returns[static_cast<std::uint32_t>(node.hand_off.returns[place].region)] = true;
  return static_cast<std::uint32_t>(std::ranges::count(returns, true));
}

std::vector<RegionWatch> watch_regions(const sim::World& world) {
  std::vector<RegionWatch> watches;
  watches.reserve(world.node_count());
  for (std::uint32_t node = 0; node < world.node_count(); ++node) watches.emplace_back(world, node);
  return watches;
}

}  // namespace reprise::proptests
