#include "reprise/engine/runner.hpp"

namespace reprise::engine {
namespace {

void reap(UnifiedStage& stage, Backend& backend, CompletionBatch& batch,
          const PacketMemory& memory) {
  backend.reap(batch);
  stage.complete(batch, memory);
}

/// Fills the submission queue. What finds no room there stays in the stage's list and goes with the
/// next turn.
void prepare(UnifiedStage& stage, Backend& backend) {
  stage.prepare();
  if (stage.outgoing().submissions.empty()) return;
  stage.taken(backend.prepare(stage.outgoing()));
}

/// A stage that a command has stopped since the turn began gets no completion any more.
bool may_wait(const UnifiedStage& stage) { return !stage.has_work() && !stage.is_stopped(); }

}  // namespace

Phase Runner::phase() const { return unified_turn(policy_).phases[position_]; }

void Runner::advance() {
  if (++position_ < unified_turn(policy_).phase_count) return;
  position_ = 0;
  ++turns_;
}

Next Runner::step(UnifiedStage& stage, Backend& backend, CompletionBatch& batch,
                  const PacketMemory& memory) {
  if (position_ == 0 && stage.is_stopped()) return {Next::Kind::stopped};
  switch (phase()) {
    case Phase::reap: reap(stage, backend, batch, memory); break;
    case Phase::prepare: prepare(stage, backend); break;
    case Phase::submit: backend.submit(); break;
    case Phase::await_sends: return await_sends(stage, backend, batch, memory);
    case Phase::collect: advance(); return {Next::Kind::wait, may_wait(stage) ? 1U : 0U};
    case Phase::idle:
      advance();
      if (!may_wait(stage)) return {};
      return {Next::Kind::wait, 1};
  }
  advance();
  return {};
}

Next Runner::await_sends(UnifiedStage& stage, Backend& backend, CompletionBatch& batch,
                         const PacketMemory& memory) {
  if (reap_due_ != 0) {
    reap_due_ = 0;
    reap(stage, backend, batch, memory);
    return {};
  }
  if (stage.sends_open() == 0) {
    advance();
    return {};
  }
  // What did not fit into the submission queue belongs to this batch.
  if (!stage.outgoing().submissions.empty()) prepare(stage, backend);
  reap_due_ = 1;
  return {Next::Kind::wait, 1};
}

}  // namespace reprise::engine
