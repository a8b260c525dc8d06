// One relay of a simulated world: its threads, each a real engine stage with its runner, the kernel
// below them and the hand-off between them. A flat value.
#pragma once

#include <cstdint>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/runner.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/sim/hand_off.hpp"
#include "reprise/sim/inlet.hpp"
#include "reprise/sim/kernel.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::sim {

/// What a thread does between two of its steps.
enum class ThreadState : std::uint32_t {
  ready,     ///< it runs, at `ready_at`
  waiting,   ///< in the kernel, for completions or to be woken
  spinning,  ///< it looks for something to do and finds nothing
  sleeping,  ///< until `ready_at`
  stopped,
};

/// One thread of a relay: a stage and its runner.
struct Thread {
  void place(engine::FlatLayout& layout, const engine::StageConfig& config) {
    stage.place(layout, config);
  }
  engine::Stage stage;
  engine::Runner runner;
  engine::Instant ready_at;
  std::int64_t sleep_ns = 0;  ///< sleeping: how long one sleep is
  std::uint64_t lines_logged = 0;
  std::uint64_t bytes_moved = 0;  ///< by the stage's backlog, as far as they have cost time
  ThreadState state = ThreadState::ready;
  std::uint32_t waits_for = 0;  ///< waiting: completions
  std::uint32_t returns = 0;    ///< it comes back from a wait
  std::uint32_t woken = 0;      ///< its next wait ends at once (I7)
  std::uint32_t core = 0;
  std::uint32_t reserved = 0;
};

/// What a node is made from.
struct NodePlan {
  NodeConfig node;
  KernelConfig kernel;
  std::uint32_t index = 0;   ///< in the chain
  std::uint32_t groups = 0;  ///< each has a route
};

/// One relay: its threads, and the kernel below them.
struct Node {
  void place(engine::FlatLayout& layout, const NodePlan& plan);
  void start(const NodePlan& plan);

  /// The stage that receives.
  [[nodiscard]] const engine::Stage& ingress() const { return threads[0].stage; }
  /// The stage that sends; the same one where there is one thread.
  [[nodiscard]] const engine::Stage& egress() const { return threads[threads.size() - 1].stage; }
  [[nodiscard]] RingIndex egress_ring() const { return RingIndex{threads.size() - 1}; }
  [[nodiscard]] bool is_stopped() const;
  /// Turns of all threads.
  [[nodiscard]] std::uint64_t turns() const;
  /// Whether a thread that looks finds something to do.
  [[nodiscard]] bool finds_something(std::uint32_t thread) const {
    if (kernel.reapable_count(RingIndex{thread}) > 0) return true;
    if (kernel.work_count(RingIndex{thread}) > 0) return true;  // its next call ends them
    if (thread == 0 ? kernel.has_frames() : !hand_off.items.empty()) return true;
    const engine::Stage& stage = threads[thread].stage;
    return stage.has_work() || stage.is_stopped();
  }
  /// Both ledgers, the counters, and what is between the stages, by looking at everything.
  [[nodiscard]] bool laws_hold() const;

  /// Its input's interface is down.
  [[nodiscard]] bool is_cut_off() const {
    const Faults& faults = kernel.faults();
    return faults.are_planned() && faults.lasts(FaultKind::down) &&
           faults.target(FaultKind::down) == kernel.link_count();
  }
  /// Datagrams that came here over the network, lost and held ones included.
  [[nodiscard]] std::uint64_t entered() const {
    return kernel.arrived() + inlet.lost() + inlet.held_datagrams() - inlet.doubled();
  }

  Inlet inlet;
  Kernel kernel;
  engine::FlatObjects<Thread> threads;
  HandOffState hand_off;
};

}  // namespace reprise::sim
