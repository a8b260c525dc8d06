// How full a run's queues were over virtual time: equal intervals, and for each relay the exact
// mean of every quantity in each of them, the most that were outstanding, and how many datagrams
// found no buffer.
//
//   V1  The intervals times their means add up to the integrals of the whole run.
//   V2  How long a run is shows at its end only: the intervals begin short, and two become one
//       whenever there are too many, so that at most `points` are left and more than half of that
//       in any run of that many nanoseconds.
#pragma once

#include <array>
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string_view>
#include <vector>

#include "reprise/lab/run_observer.hpp"

namespace reprise::lab {

inline constexpr std::uint32_t kSeriesPointsMax = 10'000;

/// What there is some number of at any time.
enum class Quantity : std::uint8_t {
  outstanding,    ///< regions, from allocation to release
  backlog,        ///< datagrams accepted and not yet prepared, those of blocked outputs included
  in_flight,      ///< sends, from submission to the reaped completion
  socket_frames,  ///< frames that wait in the packet socket
  link_frames,    ///< frames in the queueing disciplines of all outputs
  hand_off,       ///< items between the threads, in both directions
};
inline constexpr std::array<std::string_view, 6> kQuantityNames{
    "outstanding", "backlog", "in_flight", "socket_frames", "link_frames", "hand_off"};
using Quantities = std::array<std::uint64_t, kQuantityNames.size()>;

/// What of each quantity this relay has now.
Quantities quantities_of(const sim::Node& node, const NodeMeasurement& measured);

/// One relay's share of an interval.
struct SeriesPoint {
  Quantities integral{};  ///< things × nanoseconds
  std::uint64_t outstanding_max = 0;
  std::uint64_t arrived = 0;    ///< datagrams that reached its packet socket
  std::uint64_t no_buffer = 0;  ///< refused_for_want_of_buffers()
};

struct Series {
  std::int64_t interval_ns = 0;                ///< the first begins at 0
  std::int64_t end_ns = 0;                     ///< the last interval may be cut short here
  std::vector<std::vector<SeriesPoint>> hops;  ///< by relay, then interval
};

class SeriesObserver final : public RunObserver {
 public:
  /// `points`: at most so many intervals, 2…kSeriesPointsMax.
  explicit SeriesObserver(std::uint32_t points);
  void see(const sim::World& world, const Measurement& measured, const sim::Event& event) override;
  /// The series up to `end`, the instant of the last event.
  Series take(engine::Instant end);

 private:
  struct Hop {
    Quantities now{};
    std::uint64_t arrived = 0;
    std::uint64_t no_buffer = 0;
    std::int64_t since_ns = 0;  ///< up to here `now` is in the points
    std::vector<SeriesPoint> points;
  };
  void advance(Hop& hop, std::int64_t to_ns);
  void make_room(std::int64_t to_ns);
  SeriesPoint& point_at(Hop& hop, std::int64_t at_ns) const;
  void look_at(Hop& hop, const sim::Node& node, const NodeMeasurement& measured,
               std::int64_t now_ns);

  std::uint32_t points_max_;
  std::int64_t interval_ns_ = 1;
  std::vector<Hop> hops_;
};

/// {"interval_ns", "end_ns", "hops": [{"outstanding": [mean, …], …, "no_buffer": [count, …]}, …]}
nlohmann::ordered_json to_json(const Series& series);

}  // namespace reprise::lab
