// What the network does to frames on the last stretch before a relay's packet socket: loses,
// doubles, reorders and holds them back (docs/FAULTS.md). A flat value.
//
//   Every frame that enters is lost, held or leaves; a doubled one leaves once more:
//   entered + doubled = lost + held + left.
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "reprise/engine/flat.hpp"
#include "reprise/sim/faults.hpp"
#include "reprise/sim/packet.hpp"

namespace reprise::sim {

class Inlet {
 public:
  /// Without a plan it takes no room, and nothing may enter.
  void place(engine::FlatLayout& layout, const FaultPlan& plan);

  /// Frames that leave at once; the last is the one that entered, unless it is held or lost.
  struct Leaving {
    std::array<Packet, 4> packets;
    std::uint32_t count = 0;
    [[nodiscard]] std::span<const Packet> all() const { return {packets.data(), count}; }
  };
  /// A frame comes to the end of its way. `is_down`: the interface there is.
  Leaving enter(const Packet& packet, bool is_down, engine::Instant at, Faults& faults,
                Choices& choices);
  /// When a held frame leaves; kNever: none is held.
  [[nodiscard]] engine::Instant next_instant() const;
  /// The held frame that is due first leaves.
  Packet leave(engine::Instant at);

  /// Datagrams.
  [[nodiscard]] std::uint64_t lost() const { return lost_; }
  [[nodiscard]] std::uint64_t doubled() const { return doubled_; }
  [[nodiscard]] std::uint64_t held_datagrams() const;
  /// Frames.
  [[nodiscard]] std::uint32_t held() const { return burst_.size() + (is_overtaken_ != 0 ? 1 : 0); }

 private:
  struct Held {
    Packet packet;
    engine::Instant due;
  };
  void pass(const Packet& packet, engine::Instant at, const Faults& faults, Leaving& leaving);
  /// A frame leaves; the one that is being overtaken is due when enough have.
  void overtake(engine::Instant at);

  engine::FlatQueue<Held> burst_;  ///< in their order
  Held overtaken_;                 ///< one at a time
  std::uint64_t lost_ = 0;
  std::uint64_t doubled_ = 0;
  std::uint32_t is_overtaken_ = 0;
  std::uint32_t overtaking_left_ = 0;
};

}  // namespace reprise::sim
