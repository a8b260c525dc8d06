// The runner: the only loop of the engine, as a resumable value.
//
// One call of step() runs one phase of a turn: one kind of act on what is shared, the backend or
// the hand-off, then work on the stage alone. Waiting is something a phase *returns*, so that a
// driver thread can block, a simulated scheduler can move time, and an explorer can interleave two
// runners.
//
// The driver's part:
//
//   for (;;) {
//     const Next next = runner.step(stage, surroundings);
//     switch (next.kind) {
//       case Next::Kind::run: break;
//       case Next::Kind::spin: break;
//       case Next::Kind::poll: backend.submit_and_wait(0, kNever); break;
//       case Next::Kind::wait: backend.submit_and_wait(next.completions, kNever); break;
//       case Next::Kind::sleep: sleep_for(next.length); break;
//       case Next::Kind::stopped: return;
//     }
//   }
#pragma once

#include <cstdint>

#include "reprise/engine/hand_off.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/engine/policy.hpp"
#include "reprise/engine/stage.hpp"

namespace reprise::engine {

/// What the driver does before the next step.
struct Next {
  enum class Kind : std::uint32_t {
    run,      ///< nothing
    spin,     ///< nothing; and unless something comes from outside, the next turn does nothing too
    poll,     ///< the same, but enter the kernel: an open wait for "writable" ends only there
    wait,     ///< hand over what is prepared and wait for `completions` of them (0: only collect)
    sleep,    ///< sleep for `length`
    stopped,  ///< the stage has stopped: there is no next step
  };
  Kind kind = Kind::run;
  std::uint32_t completions = 0;
  Duration length{};
};

/// What a step reaches beside the stage.
struct Surroundings {
  Backend& backend;
  CompletionBatch& batch;
  const PacketMemory& memory;
  HandOff* hand_off = nullptr;  ///< of a pipeline's stages
};

class Runner {
 public:
  explicit Runner(const StageConfig& config = {});

  Next step(Stage& stage, const Surroundings& around);

  /// Where in the turn the next step() begins: it runs this phase, or the next one that is due.
  [[nodiscard]] Phase phase() const { return turn_.phases[position_]; }
  /// Whether the next step() runs the first phase of a turn. For simulations.
  [[nodiscard]] bool begins_turn(const Stage& stage) const;
  /// The phase that the last step() ran. Telemetry.
  [[nodiscard]] Phase last_phase() const { return last_phase_; }
  [[nodiscard]] std::uint64_t turns() const { return turns_; }

  /// How many turns a spinning runner spins on before it does something else by itself; 0: for
  /// ever. A simulation that does not run these says so with spun().
  [[nodiscard]] std::uint32_t spins_left() const {
    if (wake_up_ != WakeUp::hybrid) return 0;
    return idle_turns_ < spin_turns_ ? spin_turns_ - idle_turns_ : 1;
  }
  void spun(std::uint32_t turns) {
    idle_turns_ += turns;
    turns_ += turns;
  }

 private:
  /// Of an announced sleep.
  enum class Sleep : std::uint32_t { none, announced, due };

  void advance();
  [[nodiscard]] bool is_due(const Stage& stage) const;
  Next act(Stage& stage, const Surroundings& around);
  Next await_sends(Stage& stage, const Surroundings& around);
  Next wait_or_go_on(const Stage& stage);

  Turn turn_;
  WakeUp wake_up_;
  std::uint32_t spin_turns_;
  std::uint32_t nap_us_;
  std::uint32_t position_ = 0;  ///< in the turn
  std::uint32_t reap_due_ = 0;  ///< await_sends: a wait has ended, its completions are to be reaped
  std::uint32_t wake_due_ = 0;  ///< something crossed since the peer was last woken
  Sleep sleep_ = Sleep::none;
  std::uint32_t idle_turns_ = 0;  ///< in a row, spinning
  Phase last_phase_ = Phase::take_back;
  std::uint64_t turns_ = 0;  ///< telemetry
};

static_assert(FlatElement<Runner>);

}  // namespace reprise::engine
