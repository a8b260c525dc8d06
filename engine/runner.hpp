// The runner: the only loop of the engine, as a resumable value.
//
// One call of step() runs one phase of a turn: at most one act on the backend, then work on the
// stage alone. Waiting is something a phase *returns*, so that a driver thread can block, a
// simulated scheduler can move time, and an explorer can interleave two runners.
//
// The driver's part:
//
//   for (;;) {
//     const Next next = runner.step(stage, backend, batch, memory);
//     if (next.kind == Next::Kind::stopped) break;
//     if (next.kind == Next::Kind::wait) backend.submit_and_wait(next.completions, kNever);
//   }
#pragma once

#include <cstdint>

#include "reprise/engine/io.hpp"
#include "reprise/engine/policy.hpp"
#include "reprise/engine/unified.hpp"

namespace reprise::engine {

/// What the driver does before the next step.
struct Next {
  enum class Kind : std::uint8_t {
    run,      ///< nothing
    wait,     ///< hand over what is prepared and wait for `completions` of them (0: only collect)
    stopped,  ///< the stage has stopped: there is no next step
  };
  Kind kind = Kind::run;
  std::uint32_t completions = 0;
};

class Runner {
 public:
  explicit Runner(Policy policy = Policy::adaptive) : policy_(policy) {}

  Next step(UnifiedStage& stage, Backend& backend, CompletionBatch& batch,
            const PacketMemory& memory);

  /// The phase that the next step() runs.
  [[nodiscard]] Phase phase() const;
  [[nodiscard]] std::uint64_t turns() const { return turns_; }

 private:
  void advance();
  Next await_sends(UnifiedStage& stage, Backend& backend, CompletionBatch& batch,
                   const PacketMemory& memory);

  Policy policy_;
  std::uint32_t position_ = 0;  ///< in the turn
  std::uint32_t reap_due_ = 0;  ///< await_sends: a wait has ended, its completions are to be reaped
  std::uint32_t reserved_ = 0;
  std::uint64_t turns_ = 0;  ///< telemetry
};

}  // namespace reprise::engine
