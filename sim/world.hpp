// A simulated world: relays in a chain, each one or two real engine stages on a simulated kernel,
// the links between them and the traffic offered to the first. A value: copy it, compare it, step
// it.
//
//   W1  One step is one act of one actor with at most one access to what actors share.
//   W2  Nothing undetermined happens outside Choices; equal picks give equal events.
//   W3  Virtual time moves only here, and only forward.
//   W4  Every offered datagram is somewhere: in a socket, a stage, on a link, delivered, or counted
//   as dropped.
//   W5  Threads share a core by slices: one that holds it keeps it until it waits, or until its
//   slice is used up and another one wants it. A spinning thread holds its core, and acts when
//   there is something for it.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/runner.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/event.hpp"
#include "reprise/sim/exponential.hpp"
#include "reprise/sim/hand_off.hpp"
#include "reprise/sim/kernel.hpp"
#include "reprise/sim/kernel_backend.hpp"
#include "reprise/sim/node_kernel.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::sim {

/// Who goes next.
enum class Timing : std::uint8_t {
  timed,    ///< the actor with the least instant; ties are picks
  untimed,  ///< any actor that can go; instants are ignored. Every timed run is also an untimed
            ///< one.
};

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
};

/// One relay: its threads, and the kernel below them.
struct Node {
  void place(engine::FlatLayout& layout, const NodePlan& config);

  /// The stage that receives.
  [[nodiscard]] const engine::Stage& ingress() const { return threads[0].stage; }
  /// The stage that sends; the same one where there is one thread.
  [[nodiscard]] const engine::Stage& egress() const { return threads[threads.size() - 1].stage; }
  [[nodiscard]] RingIndex egress_ring() const { return RingIndex{threads.size() - 1}; }
  [[nodiscard]] bool is_stopped() const;
  /// Turns of all threads.
  [[nodiscard]] std::uint64_t turns() const;
  /// Both ledgers, the counters, and what is between the stages, by looking at everything.
  [[nodiscard]] bool laws_hold() const;

  Kernel kernel;
  engine::FlatObjects<Thread> threads;
  HandOffState hand_off;
};

/// What the last links of the chain delivered, by flow.
struct Delivered {
  std::uint64_t received = 0;
  std::uint64_t bytes = 0;
  std::uint64_t damaged = 0;
  std::uint64_t reordered =
      0;  ///< below a sequence number that was there before (RFC 4737), or the same again
  std::uint64_t next_sequence = 0;
};

class World {
 public:
  /// `config` is one that check() accepts.
  explicit World(std::shared_ptr<const WorldConfig> config);

  /// Lets one actor act. EventKind::quiet when nothing can happen any more.
  Event step(Choices& choices, Timing timing = Timing::timed);

  /// Tells every stage to stop; what was accepted is still sent. With `abandon`, what waits is
  /// dropped instead.
  void stop(bool abandon = false);

  [[nodiscard]] const WorldConfig& config() const { return *config_; }
  [[nodiscard]] engine::Instant now() const { return state_->now; }
  [[nodiscard]] std::uint32_t node_count() const { return state_->nodes.size(); }
  [[nodiscard]] const Node& node(std::uint32_t index) const { return state_->nodes[index]; }
  [[nodiscard]] std::uint64_t offered() const { return state_->offered; }
  /// By output that leads out of the chain and flow: index = (node · fan_out + output) · flows +
  /// flow.
  [[nodiscard]] const Delivered& delivered(std::uint32_t node, std::uint32_t output,
                                           std::uint32_t flow) const;
  /// What the newest phase event did.
  [[nodiscard]] const PhaseDetail& detail() const { return detail_; }

  /// Conservation over the whole world: ledgers, counters' laws, and every offered datagram
  /// accounted for (W4).
  [[nodiscard]] bool laws_hold() const;

  [[nodiscard]] std::span<const std::byte> bytes() const { return state_.bytes(); }
  friend bool operator==(const World& a, const World& b) { return a.state_ == b.state_; }

 private:
  struct Source {
    Q16 next_q16 = 0;
    Q16 mean_q16 = 0;
    std::uint64_t sequence = 0;
    std::uint64_t left_of_burst = 0;
  };
  struct Core {
    engine::Instant free_at;
    engine::Instant slice_ends_at;
    std::uint32_t node = kNobody;
    std::uint32_t thread = 0;
  };
  static constexpr std::uint32_t kNobody = 0xffff'ffff;
  struct State {
    void place(engine::FlatLayout& layout, const WorldConfig& config);
    void start(const WorldConfig& config);
    engine::FlatObjects<Node> nodes;
    engine::FlatArray<Source> sources;
    engine::FlatArray<Core> cores;
    engine::FlatArray<Delivered> delivered;
    engine::Instant now;
    std::uint64_t offered = 0;
  };
  struct Actor {
    enum class Kind : std::uint8_t { source, thread, link };
    Kind kind = Kind::source;
    std::uint32_t index = 0;  ///< flow or node
    std::uint32_t part = 0;   ///< thread or link
    engine::Instant ready_at;
  };

  void collect_actors(Timing timing);
  void collect_threads(Timing timing);
  [[nodiscard]] bool finds_something(std::uint32_t node, std::uint32_t thread) const;
  [[nodiscard]] engine::Instant ready_instant(std::uint32_t node, std::uint32_t thread) const;
  [[nodiscard]] engine::Instant core_instant(std::uint32_t node, std::uint32_t thread,
                                             engine::Instant ready_at) const;
  Event act(const Actor& actor, Choices& choices);
  Event act_source(std::uint32_t flow, Choices& choices);
  Event act_thread(std::uint32_t index, std::uint32_t thread, Choices& choices);
  Event act_wake(std::uint32_t index, std::uint32_t thread, Choices& choices);
  engine::Next run_phase(Node& node, std::uint32_t thread, Choices& choices);
  void settle(Thread& thread, const engine::Next& next, bool is_satisfied);
  void charge(Thread& thread);
  void take_core(std::uint32_t index, std::uint32_t thread);
  Event act_link(std::uint32_t index, std::uint32_t link, Choices& choices);
  bool arrive(std::uint32_t index, const Packet& packet, Choices& choices);
  void wake_if_due(Node& node, std::uint32_t thread, Choices& choices);
  void wake(Thread& thread, engine::Instant at);
  [[nodiscard]] std::uint32_t outlet(std::uint32_t node, std::uint32_t output,
                                     std::uint32_t flow) const;

  std::shared_ptr<const WorldConfig> config_;
  engine::Flat<State> state_;
  // Scratch of one step, no part of the value.
  engine::CompletionBatch batch_;
  PhaseDetail detail_;
  std::vector<Actor> actors_;
};

}  // namespace reprise::sim
