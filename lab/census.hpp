// The buffer census: how many regions of a relay are in each place, and how long in all.
//
//   Z1  Every region is in exactly one place: the counts add up to the regions, and the times to
//       regions × time, exactly.
//   Z2  A region with several references (fan-out, merged datagrams) is where the least advanced of
//       them is.
//   Z3  The places from hand_off to return_queue together are what is outstanding.
//
// It learns where a region is from what phases did (sim::PhaseDetail) and from both ledgers; where
// the input has a packet ring it looks at all of them after each phase. A send is in flight until
// the phase that handed it over has ended, in virtual time. A block that is being read counts as in
// the egress queue.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "reprise/engine/time.hpp"
#include "reprise/sim/world.hpp"

namespace reprise::lab {

/// In the order of a region's way.
enum class Place : std::uint8_t {
  free,
  being_filled,  ///< the kernel has it to receive into, or has filled it and it is not reaped
  hand_off,      ///< accepted, on its way to the thread that sends
  egress_queue,  ///< in the backlog, or in the queue of a blocked output
  prepared,      ///< in the submission queue
  in_flight,     ///< submitted, the send has not ended
  completed,     ///< all its sends have ended, not all are reaped
  return_queue,  ///< released, on its way back to the thread that receives
};
inline constexpr std::size_t kPlaceCount = 8;
inline constexpr std::array<std::string_view, kPlaceCount> kPlaceNames{
    "free",     "being_filled", "hand_off",  "egress_queue",
    "prepared", "in_flight",    "completed", "return_queue"};
constexpr bool is_outstanding(Place place) { return place >= Place::hand_off; }

using PlaceCounts = std::array<std::uint64_t, kPlaceCount>;
using PlaceTimes = std::array<std::int64_t, kPlaceCount>;  ///< regions × nanoseconds

/// The first datagram that found no buffer, and where the buffers were then.
struct Refusal {
  engine::Instant at;
  std::uint64_t turn = 0;  ///< of the thread that sends, counted from 1
  PlaceCounts counts{};
};

class Census {
 public:
  explicit Census(const sim::NodeConfig& config);

  /// Takes in a phase of this node that ends at `ends_at`. `refused`: datagrams that have found no
  /// buffer since start.
  void add(const sim::Node& node, const sim::PhaseDetail& detail, engine::Instant now,
           engine::Instant ends_at);
  /// Notes the census when the first datagram has found no buffer.
  void note_refusals(const sim::Node& node, engine::Instant now, std::uint64_t refused);

  [[nodiscard]] const PlaceCounts& counts() const { return counts_; }
  [[nodiscard]] PlaceTimes times(engine::Instant now) const;
  [[nodiscard]] const std::optional<Refusal>& first_refusal() const { return first_refusal_; }

 private:
  struct Region {
    Place place = Place::free;
    std::uint32_t handed_over = 0;  ///< datagrams in the hand-off
    std::uint32_t given_back = 0;   ///< entries in the return queue
    std::uint32_t prepared = 0;     ///< sends
    std::uint32_t in_flight = 0;
    std::uint32_t completed = 0;
  };
  enum class SendState : std::uint8_t { none, prepared, in_flight, completed };
  struct Send {
    std::vector<engine::RegionIndex> regions;  ///< of its slices, one after the other
    SendState state = SendState::none;
  };
  struct Ending {
    engine::Instant at;
    std::uint32_t slot = 0;
  };

  [[nodiscard]] Region& at(engine::RegionIndex region) {
    return regions_[static_cast<std::size_t>(region)];
  }
  [[nodiscard]] Place locate(const sim::Node& node, engine::RegionIndex region) const;
  void end_sends(const sim::Node& node, engine::Instant until);
  void move_send(const sim::Node& node, std::uint32_t slot, SendState state);
  void relocate(const sim::Node& node, engine::RegionIndex region);
  void relocate_released(const sim::Node& node);
  static std::uint32_t& count_of(Region& region, SendState state);

  bool has_ring_;
  std::vector<Region> regions_;
  std::vector<Send> sends_;      ///< by token slot
  std::vector<Ending> endings_;  ///< in order
  std::size_t ended_ = 0;        ///< of these, from the front
  PlaceCounts counts_{};
  PlaceTimes left_less_entered_ns_{};  ///< instants of leaving minus instants of entering
  engine::Instant now_{};
  std::uint64_t released_in_ = 0;   ///< of the receiving stage's ledger, as far as seen
  std::uint64_t released_out_ = 0;  ///< of the sending stage's
  std::optional<Refusal> first_refusal_;
};

}  // namespace reprise::lab
