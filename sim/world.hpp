// A simulated world: relays in a chain, each a real engine stage on a simulated kernel, the links
// between them and the traffic offered to the first. A value: copy it, compare it, step it.
//
//   W1  One step is one act of one actor with at most one access to what actors share.
//   W2  Nothing undetermined happens outside Choices; equal picks give equal events.
//   W3  Virtual time moves only here, and only forward.
//   W4  Every offered datagram is somewhere: in a socket, a stage, on a link, delivered, or counted
//   as dropped.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/runner.hpp"
#include "reprise/engine/unified.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/event.hpp"
#include "reprise/sim/exponential.hpp"
#include "reprise/sim/kernel.hpp"
#include "reprise/sim/kernel_backend.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::sim {

/// Who goes next.
enum class Timing : std::uint8_t {
  timed,    ///< the actor with the least instant; ties are picks
  untimed,  ///< any actor that can go; instants are ignored. Every timed run is also an untimed
            ///< one.
};

/// One relay: its stage and runner, and the kernel below them.
struct Node {
  void place(engine::FlatLayout& layout, const KernelConfig& config);

  Kernel kernel;
  engine::UnifiedStage stage;
  engine::Runner runner;
  engine::Instant ready_at;
  std::uint32_t waits_for = 0;  ///< completions; 0: it runs
  std::uint32_t returns = 0;    ///< it comes back from a wait
  std::uint32_t stopped = 0;
  std::uint32_t core = 0;
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
  struct State {
    void place(engine::FlatLayout& layout, const WorldConfig& config);
    void start(const WorldConfig& config);
    engine::FlatObjects<Node> nodes;
    engine::FlatArray<Source> sources;
    engine::FlatArray<engine::Instant> core_free_at;
    engine::FlatArray<Delivered> delivered;
    engine::Instant now;
    std::uint64_t offered = 0;
  };
  struct Actor {
    enum class Kind : std::uint8_t { source, runner, link };
    Kind kind = Kind::source;
    std::uint32_t index = 0;
    std::uint32_t link = 0;
    engine::Instant ready_at;
  };

  void collect_actors();
  Event act(const Actor& actor, Choices& choices);
  Event act_source(std::uint32_t flow, Choices& choices);
  Event act_runner(std::uint32_t index, Choices& choices);
  Event act_link(std::uint32_t index, std::uint32_t link);
  bool arrive(std::uint32_t index, const Packet& packet);
  void wake_if_due(Node& node);
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
