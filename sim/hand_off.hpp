// The hand-off between the two threads of a simulated relay: flat queues and flags, and the
// engine's interface to them. One call is one access; between two phases anything may happen.
#pragma once

#include <array>
#include <cstdint>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/hand_off.hpp"
#include "reprise/sim/kernel_backend.hpp"

namespace reprise::sim {

/// What the two threads share. A flat value.
struct HandOffState {
  void place(engine::FlatLayout& layout, const engine::StageConfig& config) {
    layout.place(items, engine::HandOff::items_max(config));
    layout.place(returns, engine::HandOff::returns_max(config));
  }
  engine::FlatQueue<engine::WorkItem> items;
  engine::FlatQueue<engine::ReturnItem> returns;
  std::array<std::uint32_t, 2> sleeping{};  ///< announcements: ingress, egress
};

/// Made anew for each step of a world; it adds up what the step costs and notes what it did.
class SimHandOff final : public engine::HandOff {
 public:
  SimHandOff(HandOffState& state, const CostProfile& costs, PhaseDetail& detail)
      : state_(&state), costs_(&costs), detail_(&detail) {}

  void hand_over(std::span<const engine::WorkItem> items) override;
  std::uint32_t take_back(std::span<engine::ReturnItem> returns) override;
  std::uint32_t drain(std::span<engine::WorkItem> items) override;
  void give_back(std::span<const engine::ReturnItem> returns) override;
  void announce(engine::Role sleeper) override;
  [[nodiscard]] bool has_items_for(engine::Role sleeper) const override;
  void wake(engine::Role peer) override;

  /// The step woke the other thread.
  [[nodiscard]] bool woke_peer() const { return woke_peer_; }

 private:
  void spend(std::int64_t ns) const { detail_->cost_ns += ns; }
  std::uint32_t& sleeping(engine::Role role) {
    return state_->sleeping[role == engine::Role::ingress ? 0 : 1];
  }

  HandOffState* state_;
  const CostProfile* costs_;
  PhaseDetail* detail_;
  bool woke_peer_ = false;
};

}  // namespace reprise::sim
