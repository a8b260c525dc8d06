// A small world at the level of turns: one production stage with its runner on a simulated kernel,
// and arrivals as the only other actor. Untimed: what matters is only which buffer is where, and
// when it comes back. A flat value: copy it, compare it, step it (docs/THRESHOLDS.md).
//
//   T1  Everything undetermined is a pick: how many datagrams arrive before the next phase.
//   T2  Arrivals spend tokens: `burst` at first, `rate` more whenever a turn begins, never above
//   `burst`. With rate == burst at most that many arrive from one turn's beginning to the next.
//   T3  Sends complete inside the submit. Their completions become visible `delay_turns` turn-ends
//   later, or when a phase waits for them.
//   T4  A stage that would sleep goes round instead, as one that is woken.
//   T5  Every buffer is in exactly one place at every step.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/flat.hpp"
#include "reprise/engine/runner.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/hand_off.hpp"
#include "reprise/sim/kernel.hpp"

namespace reprise::sim {

enum class ArrivalTimes : std::uint32_t {
  between_turns,  ///< only before a turn's first phase
  any,            ///< before any phase: arrivals and turns run on two threads
};

struct TurnWorldConfig {
  /// Role egress: a datagram takes a buffer of `stage.pool` when it arrives, and lies in the
  /// hand-off at once. Role unified: it takes a provided region when it arrives, or with exhaustion
  /// = drop one of `stage.pool` when it is reaped; then `stage.landing` has to be ample.
  engine::StageConfig stage;
  std::uint32_t fan_out = 1;
  std::uint32_t burst = 1;  ///< tokens
  std::uint32_t rate = 1;   ///< tokens a turn, at most burst
  ArrivalTimes arrival_times = ArrivalTimes::between_turns;
  std::uint32_t delay_turns = 0;
};

/// Where a buffer is. One that is in several places (fan-out) counts in the first of them.
enum class Place : std::uint32_t {
  free,          ///< egress: in the pool; unified: to be provided again
  provided,      ///< unified: the kernel's, empty
  received,      ///< unified: filled, its completion not reaped
  hand_off,      ///< egress: handed over, not drained
  egress_queue,  ///< in the stage's backlog
  prepared,      ///< sends in the submission queue
  in_flight,     ///< sends handed over whose completion is not visible
  completed,     ///< sends completed, not reaped
  released,      ///< egress: to be given back
  return_queue,  ///< egress: given back, the pool's again when the next datagram arrives
};
inline constexpr std::size_t kPlaceCount = 10;
inline constexpr std::array<std::string_view, kPlaceCount> kPlaceNames{
    "free",     "provided",  "received",  "hand_off", "egress_queue",
    "prepared", "in_flight", "completed", "released", "return_queue"};

/// Buffers by place.
using PlaceCounts = std::array<std::uint32_t, kPlaceCount>;

/// What one step did.
struct TurnStep {
  std::uint64_t turn = 0;  ///< of the phase, from 1; arrivals before its first phase precede it
  bool begins_turn = false;
  std::uint32_t arrived = 0;  ///< before the phase
  engine::Phase phase{};
  std::uint32_t refused = 0;     ///< found no buffer
  PlaceCounts after_arrivals{};  ///< where the buffers are before the phase, if any arrived
};

class TurnWorld {
 public:
  /// `config` is one that check() accepts. A unified stage has provided its regions already.
  explicit TurnWorld(std::shared_ptr<const TurnWorldConfig> config);

  /// Some arrivals, where any may come now, and one phase.
  TurnStep step(Choices& choices);

  [[nodiscard]] const TurnWorldConfig& config() const { return *config_; }
  /// Turns begun.
  [[nodiscard]] std::uint64_t turns() const { return state_->turns; }
  /// How many datagrams may arrive before the next phase.
  [[nodiscard]] std::uint32_t arrivals_max() const;
  [[nodiscard]] std::uint64_t arrived() const { return state_->arrived; }
  [[nodiscard]] std::uint64_t refused() const { return state_->refused; }
  [[nodiscard]] const engine::Stage& stage() const { return state_->stage; }
  [[nodiscard]] PlaceCounts census() const;
  /// Ledger, counters' laws, and T5.
  [[nodiscard]] bool laws_hold() const;

  /// What decides every future step, with buffers told apart only by where they are: worlds with
  /// the same key and configuration refuse after the same picks. Without telemetry.
  [[nodiscard]] std::vector<std::uint32_t> key() const;

  [[nodiscard]] std::span<const std::byte> bytes() const { return state_.bytes(); }
  friend bool operator==(const TurnWorld& a, const TurnWorld& b) { return a.state_ == b.state_; }

 private:
  friend class TurnBackend;
  /// A completion that is not visible yet.
  struct Withheld {
    Posted posted;
    std::uint64_t turn_ends_left = 0;
  };
  /// One operation of the stage's, by token slot.
  struct Send {
    engine::RegionIndex region = engine::kNoRegion;
    Place place = Place::free;  ///< free: not open
  };
  struct State {
    void place(engine::FlatLayout& layout, const TurnWorldConfig& config);
    void start(const TurnWorldConfig& config);
    engine::Stage stage;
    engine::Runner runner;
    Kernel kernel;
    HandOffState hand_off;
    engine::FlatQueue<engine::RegionIndex> free;  ///< egress: the pool
    engine::FlatQueue<Posted> visible;            ///< completions
    engine::FlatQueue<Withheld> withheld;
    engine::FlatArray<Send> sends;
    std::uint64_t turns = 0;
    std::uint64_t arrived = 0;
    std::uint64_t refused = 0;
    engine::OutputIndex first_output = engine::kNoOutput;
    std::uint32_t receives = 0;  ///< unified: a receive is open, as the stage knows it
    std::uint32_t waits = 0;     ///< the last phase waited for completions
    std::uint32_t tokens = 0;
  };

  [[nodiscard]] bool begins_turn() const { return state_->runner.begins_turn(state_->stage); }
  void arrive();
  void arrive_for_egress();
  void arrive_for_unified();
  engine::Phase run_phase(Choices& choices);
  void end_turn();
  void make_visible();
  [[nodiscard]] std::uint32_t unread_receives() const;

  std::shared_ptr<const TurnWorldConfig> config_;
  engine::Flat<State> state_;
};

/// Every contradiction, by the name of its field.
std::vector<engine::Error> check(const TurnWorldConfig& config);

}  // namespace reprise::sim
