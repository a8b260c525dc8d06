// What one run gave, as a value for tables and JSON.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "reprise/lab/measurement.hpp"
#include "reprise/lab/series.hpp"
#include "reprise/sim/world.hpp"

namespace reprise::lab {

/// One relay of the chain, one of several workers, or all of them together: counts add, means of
/// counts add, maxima are the largest, times are over all datagrams of all relays.
struct HopResult {
  std::uint64_t arrived = 0;       ///< datagrams that reached its packet socket
  std::uint64_t kernel_drops = 0;  ///< dropped by the socket: its receive buffer was full
  std::uint64_t received = 0;
  std::uint64_t sent = 0;        ///< accepted by the kernel, over all outputs
  std::uint64_t send_drops = 0;  ///< dropped at an output, with a counted reason
  std::uint64_t refused = 0;     ///< sends that found no room and were tried again or dropped
  std::uint64_t no_buffer = 0;   ///< refused_for_want_of_buffers()
  std::uint64_t submits = 0;     ///< calls that handed sends over
  std::uint64_t turns = 0;
  std::int64_t outstanding_integral = 0;  ///< regions × nanoseconds
  std::int64_t in_flight_integral = 0;    ///< sends × nanoseconds
  std::uint64_t in_flight_max = 0;
  std::uint64_t outstanding_max = 0;
  PlaceTimes place_times{};  ///< their outstanding ones add up to outstanding_integral
  std::optional<Refusal> first_refusal;
  engine::DurationHistogram outstanding_times;
  engine::DurationHistogram in_flight_times;
};

struct RunResult {
  std::string scenario;
  std::string profile;  ///< of the kernel
  std::uint64_t seed = 0;
  std::uint64_t offered = 0;
  std::uint64_t delivered =
      0;  ///< datagrams that left the chain, over all outputs that lead out of it
  std::uint32_t workers = 1;  ///< more than 1: `hops` are not a chain, but workers side by side
  std::uint64_t reordered = 0;
  std::uint64_t damaged = 0;
  std::int64_t duration_ns = 0;  ///< virtual, from the first arrival to the last event
  std::uint64_t events = 0;
  std::uint64_t digest = 0;
  /// How many faults of each kind happened; of the kinds that the run had.
  std::vector<std::pair<std::string, std::uint64_t>> faults;
  bool complete = true;  ///< false: interrupted, the figures cover what was simulated
  bool laws_hold = true;
  std::vector<HopResult> hops;
  std::optional<Series> series;  ///< where it was asked for
};

RunResult make_result(const sim::World& world, const Measurement& measurement);

/// The fields that every command prints, with the hops' own under "hops" where there are several,
/// and those of several workers under "each_worker".
nlohmann::ordered_json to_json(const RunResult& result);

/// For people: one line a figure, units included.
std::string to_text(const RunResult& result);

}  // namespace reprise::lab
