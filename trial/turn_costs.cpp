// Idle stages on a real ring, stepped as their driver does, without ever waiting.
#include <utility>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/runner.hpp"
#include "reprise/trial/bench_ring.hpp"
#include "reprise/trial/chunks.hpp"
#include "reprise/trial/instrument.hpp"

namespace reprise::trial {
namespace {

constexpr std::uint32_t kChunks = 100;
constexpr std::uint32_t kSteps = 120;

/// Both queues are empty for ever.
class EmptyHandOff final : public engine::HandOff {
 public:
  void hand_over(std::span<const engine::WorkItem>) override {}
  std::uint32_t take_back(std::span<engine::ReturnItem>) override { return 0; }
  std::uint32_t drain(std::span<engine::WorkItem>) override { return 0; }
  void give_back(std::span<const engine::ReturnItem>) override {}
  void announce(engine::Role) override {}
  [[nodiscard]] bool has_items_for(engine::Role) const override { return false; }
  void wake(engine::Role) override {}
};

engine::StageConfig config_of(engine::Role role) {
  engine::StageConfig config;
  config.role = role;
  config.policy = engine::Policy::deferred;
  config.wake_up = engine::WakeUp::spin;
  return config;
}

struct IdleTimes {
  double step_ns = 0;
  double turn_ns = 0;
};

class TurnCosts final : public Instrument {
 public:
  explicit TurnCosts(BenchRing ring) : ring_(std::move(ring)) {}

  engine::Expected<void> read(Readings& readings) override {
    readings["turn_ns"] = idle(engine::Role::unified).step_ns;
    const IdleTimes egress = idle(engine::Role::egress);
    readings["spin_ns"] = egress.turn_ns;
    readings["idle_egress_phase_ns"] = egress.step_ns;
    return {};
  }

 private:
  IdleTimes idle(engine::Role role) {
    const engine::StageConfig config = config_of(role);
    engine::Flat<engine::Stage> stage(config);
    engine::Runner runner(config);
    engine::CompletionBatch batch(256, 256);
    EmptyHandOff hand_off;
    const engine::Surroundings around{*ring_.backend, batch, ring_.memory, &hand_off};
    while (runner.turns() < 1) step(runner, *stage, around);  // the first turn gives the regions
    const std::uint64_t turns_before = runner.turns();
    const double step_ns = chunked_ns(kChunks, kSteps, [&] { step(runner, *stage, around); });
    const auto turns = static_cast<double>(runner.turns() - turns_before);
    return {step_ns, step_ns * kChunks * kSteps / turns};
  }

  static void step(engine::Runner& runner, engine::Stage& stage,
                   const engine::Surroundings& around) {
    [[maybe_unused]] const engine::Next next = runner.step(stage, around);
  }

  BenchRing ring_;
};

}  // namespace

MadeInstrument make_turn_costs() {
  auto ring = BenchRing::create(config_of(engine::Role::unified));
  if (!ring) return std::unexpected(ring.error());
  return std::make_unique<TurnCosts>(std::move(*ring));
}

}  // namespace reprise::trial
