// What a run is measured by, from its events alone. Two pairs, never mixed, each obeying Little's
// law exactly:
//
//   outstanding  regions from allocation (the accepted datagram is reaped) to release
//   in flight    sends from submission to the reaped completion
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/engine/duration_histogram.hpp"
#include "reprise/lab/census.hpp"
#include "reprise/sim/world.hpp"

namespace reprise::lab {

/// How many there were over time, and how long each lasted.
class Occupancy {
 public:
  /// Room for `size` things, named by index.
  explicit Occupancy(std::size_t size) : since_ns_(size, kAbsent) {}

  void enter(std::size_t index, engine::Instant now);
  /// Ignores what is not there (a region that was received and dropped at once was never
  /// outstanding).
  void leave(std::size_t index, engine::Instant now);
  [[nodiscard]] bool has(std::size_t index) const { return since_ns_[index] != kAbsent; }

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  /// ∫ count dt up to `now`, in things × nanoseconds.
  [[nodiscard]] std::int64_t integral(engine::Instant now) const {
    return left_less_entered_ns_ + static_cast<std::int64_t>(count_) * now.ns;
  }
  /// Of those that have left.
  [[nodiscard]] const engine::DurationHistogram& times() const { return times_; }

 private:
  static constexpr std::int64_t kAbsent = -1;

  std::vector<std::int64_t> since_ns_;
  engine::DurationHistogram times_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
  std::int64_t left_less_entered_ns_ = 0;  ///< instants of leaving minus instants of entering
};

struct NodeMeasurement {
  explicit NodeMeasurement(const sim::NodeConfig& config)
      : outstanding(config.stage.region_count() + config.stage.blocks),
        in_flight(engine::Stage::slot_count(config.stage)),
        census(config),
        exhaustion(config.stage.exhaustion),
        has_ring(config.stage.blocks > 0) {}
  Occupancy outstanding;
  Occupancy in_flight;
  Census census;
  engine::Exhaustion exhaustion;
  bool has_ring;
  std::uint64_t submits = 0;   ///< phases that handed sends over
  std::uint64_t released = 0;  ///< the ledger's count when it was last looked at
};

/// exhaustion = drop: datagrams dropped because the pool was empty. wait: datagrams that found no
/// provided buffer and had to wait in the socket (or were dropped there).
std::uint64_t refused_for_want_of_buffers(const sim::Node& node, engine::Exhaustion exhaustion);

class Measurement {
 public:
  explicit Measurement(const sim::World& world);

  /// Takes in the event that `world.step()` just returned.
  void add(const sim::World& world, const sim::Event& event);

  [[nodiscard]] const NodeMeasurement& node(std::size_t index) const { return nodes_[index]; }
  [[nodiscard]] std::uint64_t digest() const { return digest_.value(); }
  [[nodiscard]] std::uint64_t events() const { return events_; }
  [[nodiscard]] engine::Instant first_arrival() const { return first_arrival_; }
  [[nodiscard]] engine::Instant last_event() const { return last_event_; }

 private:
  void add_phase(const sim::World& world, const sim::Event& event);
  static void look_at_all(const engine::Ledger& ledger, Occupancy& outstanding,
                          engine::Instant now);
  void look_for_refusals(const sim::World& world, engine::Instant now);

  std::vector<NodeMeasurement> nodes_;
  sim::Digest digest_;
  std::uint64_t events_ = 0;
  engine::Instant first_arrival_ = engine::kNever;
  engine::Instant last_event_{};
};

}  // namespace reprise::lab
