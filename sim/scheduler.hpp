// Who acts next in a simulated world: a source, a link, a thread, where faults are planned the
// network in front of a relay, or the timer of its packet ring; and how threads share cores.
//
// It keeps the instant at which each actor can act, and looks again only at those that the last
// step may have changed. That is no part of the world's value: it follows from it.
//
//   P1  What an instant depends on is changed only by a step, and the step says so (touch …). A
//       thread that has found something goes on with the clock, so it is looked at again anyway; so
//       are threads that share a core.
//   P2  Actors have one order: sources, links, threads, inlets, timers of packet rings. Ties are
//       picks in that order (W2).
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/node.hpp"
#include "reprise/sim/source.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::sim {

/// Who goes next.
enum class Timing : std::uint8_t {
  timed,    ///< the actor with the least instant; ties are picks
  untimed,  ///< any actor that can go; instants are ignored. Every timed run is also an untimed
            ///< one.
};

/// A core, and the thread that has it (W5).
struct Core {
  static constexpr std::uint32_t kNobody = 0xffff'ffff;
  engine::Instant free_at;
  engine::Instant slice_ends_at;
  std::uint32_t node = kNobody;
  std::uint32_t thread = 0;
};

/// What decides who can act, and when.
struct Actors {
  void place(engine::FlatLayout& layout, const WorldConfig& config,
             std::span<const NodePlan> plans);
  void start(const WorldConfig& config, std::span<const NodePlan> plans);
  engine::FlatObjects<Node> nodes;
  engine::FlatArray<Source> sources;
  engine::FlatArray<Core> cores;
};

struct Actor {
  enum class Kind : std::uint8_t { source, link, thread, inlet, ring_timer };
  Kind kind = Kind::source;
  std::uint32_t index = 0;  ///< flow or node
  std::uint32_t part = 0;   ///< link or thread
};

class Scheduler {
 public:
  /// `config` outlives it.
  explicit Scheduler(const WorldConfig& config);

  struct Chosen {
    const Actor* actor = nullptr;  ///< nullptr: nobody can act any more
    engine::Instant at;
  };
  Chosen next(const Actors& actors, engine::Instant now, Choices& choices, Timing timing);

  // What a step has changed (P1).

  void touch_source(const Actors& actors, std::uint32_t flow);
  void touch_link(const Actors& actors, std::uint32_t node, std::uint32_t link);
  void touch_links(const Actors& actors, std::uint32_t node);
  void touch_inlet(const Actors& actors, std::uint32_t node);
  void touch_ring_timer(const Actors& actors, std::uint32_t node);
  /// Of one that stays ready nothing changes unless it acts itself.
  void touch_threads(std::uint32_t node) {
    stale_[node] = 1;
    any_stale_ = true;
  }
  void touch_all_threads() {
    for (std::uint32_t node = 0; node < stale_.size(); ++node) touch_threads(node);
  }

 private:
  static constexpr std::uint32_t kNoTimer = 0xffff'ffff;
  void look_at_threads(const Actors& actors, std::uint32_t node, engine::Instant now);
  [[nodiscard]] engine::Instant ready_instant(const Node& node, const Thread& thread,
                                              std::uint32_t number, engine::Instant now) const;
  [[nodiscard]] engine::Instant core_instant(const Actors& actors, std::uint32_t node,
                                             std::uint32_t thread, engine::Instant ready_at,
                                             engine::Instant now) const;
  [[nodiscard]] Chosen least(Choices& choices) const;
  [[nodiscard]] Chosen any(Choices& choices) const;

  const WorldConfig* config_;
  std::vector<Actor> actors_;                ///< all there are (P2)
  std::vector<engine::Instant> at_;          ///< of each; kNever: it cannot act by itself
  std::vector<std::uint32_t> first_link_;    ///< by node
  std::vector<std::uint32_t> first_thread_;  ///< by node
  std::uint32_t first_inlet_ = 0;
  std::vector<std::uint32_t> ring_timers_;  ///< by node; kNoTimer: it has no packet ring
  std::vector<std::uint8_t> shares_core_;   ///< by node: one of its threads does
  std::vector<std::uint8_t> stale_;         ///< by node: its threads are to be looked at
  bool any_stale_ = true;
  Timing timing_ = Timing::timed;
};

/// The thread gets its core for now; returns whether another one had it before.
bool take_core(Core& core, std::uint32_t node, std::uint32_t thread, engine::Instant now,
               std::int64_t slice_ns);

}  // namespace reprise::sim
