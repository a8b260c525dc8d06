// A simulated world: relays in a chain or workers side by side, each one or two real engine stages
// on a simulated kernel, the links and the traffic offered. A value: copy it, compare it, step it.
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
#include <span>
#include <vector>

#include "reprise/engine/flat.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/event.hpp"
#include "reprise/sim/kernel_backend.hpp"
#include "reprise/sim/node.hpp"
#include "reprise/sim/scheduler.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::sim {

/// What the links that lead out delivered, by flow.
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
  [[nodiscard]] std::uint32_t node_count() const { return state_->actors.nodes.size(); }
  [[nodiscard]] const Node& node(std::uint32_t index) const { return state_->actors.nodes[index]; }
  [[nodiscard]] std::uint64_t offered() const { return state_->offered; }
  /// What the flows that enter a node have offered.
  [[nodiscard]] std::uint64_t offered(std::uint32_t node) const;
  /// By output that leads out and flow: index = (node · fan_out + output) · flows +
  /// flow.
  [[nodiscard]] const Delivered& delivered(std::uint32_t node, std::uint32_t output,
                                           std::uint32_t flow) const;
  /// A datagram that reached a relay's packet socket, whether it was taken or dropped there.
  struct Arrival {
    std::uint32_t node = 0;
    std::uint32_t flow = 0;
    std::uint64_t sequence = 0;
  };
  /// Those of the newest step, in order; only where faults are planned.
  [[nodiscard]] std::span<const Arrival> arrivals() const { return arrivals_; }
  /// How many faults of this kind happened, on all nodes.
  [[nodiscard]] std::uint64_t fault_count(FaultKind kind) const;
  /// What the newest phase event did.
  [[nodiscard]] const PhaseDetail& detail() const { return detail_; }

  /// Conservation over the whole world: ledgers, counters' laws, and every offered datagram
  /// accounted for (W4).
  [[nodiscard]] bool laws_hold() const;

  [[nodiscard]] std::span<const std::byte> bytes() const { return state_.bytes(); }
  friend bool operator==(const World& a, const World& b) { return a.state_ == b.state_; }

 private:
  struct State {
    void place(engine::FlatLayout& layout, const WorldConfig& config);
    void start(const WorldConfig& config);
    Actors actors;
    engine::FlatArray<Delivered> delivered;
    engine::Instant now;
    std::uint64_t offered = 0;
  };

  [[nodiscard]] Node& at(std::uint32_t node) { return state_->actors.nodes[node]; }
  Event act_source(std::uint32_t flow, Choices& choices);
  Event act_thread(std::uint32_t index, std::uint32_t thread, Choices& choices);
  Event act_wake(std::uint32_t index, std::uint32_t thread, Choices& choices);
  engine::Next run_phase(Node& node, std::uint32_t thread, Choices& choices);
  void settle(Thread& thread, const engine::Next& next, bool is_satisfied);
  void charge(Thread& thread);
  Event act_link(std::uint32_t index, std::uint32_t link, Choices& choices);
  Event act_inlet(std::uint32_t index, Choices& choices);
  Event act_ring_timer(std::uint32_t index, Choices& choices);
  bool disturb(std::uint32_t index, Choices& choices);
  void starve(std::uint32_t index, std::uint32_t thread, Choices& choices);
  bool arrive(std::uint32_t index, const Packet& packet, Choices& choices);
  bool reach(std::uint32_t index, const Packet& packet, Choices& choices);
  void wake_if_due(std::uint32_t index, std::uint32_t thread, Choices& choices);
  void wake(Thread& thread, engine::Instant at);
  [[nodiscard]] std::uint32_t outlet(std::uint32_t node, std::uint32_t output,
                                     std::uint32_t flow) const;

  std::shared_ptr<const WorldConfig> config_;
  engine::Flat<State> state_;
  // No part of the value: what follows from it, and scratch of one step.
  Scheduler scheduler_;
  engine::CompletionBatch batch_;
  PhaseDetail detail_;
  std::vector<Arrival> arrivals_;
  bool has_faults_;
};

}  // namespace reprise::sim
