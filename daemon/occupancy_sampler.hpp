// The buffer census of a running relay: how many buffers are in each place, on average over time.
//
// Every 16th turn of the thread that sends, places are counted before and after each step, and what
// lies between two counts is taken as their mean for the time between them. In a pipeline the
// ingress stage's own counts are those that it stored at the end of its last step. So the places
// add up to the buffers only nearly. With fan-out, a buffer counts once for each of its sends.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <string_view>

#include "reprise/daemon/thread_hand_off.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/engine/time.hpp"

namespace reprise::daemon {

/// In the order of a buffer's way; the names are those of the laboratory's census.
enum class Place : std::uint8_t {
  free,
  being_filled,  ///< provided to the kernel
  hand_off,      ///< on the way to the thread that sends
  egress_queue,  ///< in the backlog, or in the queue of a blocked output
  prepared,
  in_flight,  ///< of a unified stage also what has ended and is not reaped
  completed,  ///< not reaped yet
  return_queue,
};
inline constexpr std::size_t kPlaceCount = 8;
inline constexpr std::array<std::string_view, kPlaceCount> kPlaceNames{
    "free",     "being_filled", "hand_off",  "egress_queue",
    "prepared", "in_flight",    "completed", "return_queue"};
using PlaceCounts = std::array<std::uint64_t, kPlaceCount>;

/// What the ingress stage's thread tells the other one.
struct alignas(64) IngressOccupancy {
  std::atomic<std::uint32_t> free = 0;
  std::atomic<std::uint32_t> being_filled = 0;
};

/// What a census found. Times are of the sampled turns, from the first datagram on.
struct CensusResult {
  engine::Duration sampled;
  std::array<double, kPlaceCount> mean{};
};

class OccupancySampler {
 public:
  /// In a pipeline, of the egress stage, with what it shares with the ingress stage.
  explicit OccupancySampler(const ThreadHandOff* hand_off = nullptr,
                            const IngressOccupancy* ingress = nullptr)
      : hand_off_(hand_off), ingress_(ingress) {}

  /// Before and after each step: counts if this turn is one of those to be sampled.
  void look(std::uint64_t turn, const engine::Stage& stage, const engine::Backend& backend) {
    if (turn % kTurnsToOne == 0 &&
        (stage.role() == engine::Role::egress ? stage.crossed()
                                              : stage.ingress_counters().accepted) > 0) {
      count(stage, backend);
    } else {
      is_open_ = false;
    }
  }
  [[nodiscard]] CensusResult result() const;

 private:
  static constexpr std::uint64_t kTurnsToOne = 16;

  void count(const engine::Stage& stage, const engine::Backend& backend);
  [[nodiscard]] PlaceCounts places(const engine::Stage& stage,
                                   const engine::Backend& backend) const;

  const ThreadHandOff* hand_off_;
  const IngressOccupancy* ingress_;
  bool is_open_ = false;  ///< the last look counted, too
  engine::Instant last_{};
  PlaceCounts last_counts_{};
  PlaceCounts doubled_times_{};  ///< sums of (count before + count after) × nanoseconds
  engine::Duration sampled_{};
};

}  // namespace reprise::daemon
