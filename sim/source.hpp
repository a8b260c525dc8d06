// One flow's traffic as far as it has been offered. A flat value.
#pragma once

#include <cstdint>

#include "reprise/engine/time.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/exponential.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::sim {

struct Source {
  void start(const TrafficConfig& traffic);
  /// When the next datagram is offered; kNever after the last.
  [[nodiscard]] engine::Instant next_instant(const TrafficConfig& traffic) const {
    return sequence < traffic.count ? engine::Instant{next_q16 >> kQ16Bits} : engine::kNever;
  }
  /// A datagram was offered: sets the instant of the one after it.
  void go_on(const TrafficConfig& traffic, Choices& choices);

  Q16 next_q16 = 0;
  Q16 mean_q16 = 0;  ///< between two arrivals, or two bursts
  std::uint64_t sequence = 0;
  std::uint64_t left_of_burst = 0;
};

inline void Source::start(const TrafficConfig& traffic) {
  const std::uint64_t per_arrival = traffic.arrivals == Arrivals::burst ? traffic.burst : 1;
  mean_q16 = static_cast<Q16>((1'000'000'000ULL << kQ16Bits) / traffic.rate * per_arrival);
  next_q16 = traffic.start_ns << kQ16Bits;
  left_of_burst = per_arrival;
}

inline void Source::go_on(const TrafficConfig& traffic, Choices& choices) {
  switch (traffic.arrivals) {
    case Arrivals::constant: next_q16 += mean_q16; break;
    case Arrivals::poisson:
      next_q16 += exponential(mean_q16, choices.pick(Site::interarrival, kExponentialDraws));
      break;
    case Arrivals::burst:
      if (--left_of_burst == 0) {
        left_of_burst = traffic.burst;
        next_q16 += mean_q16;
      }
      break;
  }
}

}  // namespace reprise::sim
