// One flow's traffic as far as it has been offered. A flat value.
//
// Traffic that would go on beyond the end of virtual time, some 39 hours, ends there.
#pragma once

#include <cstdint>
#include <limits>

#include "reprise/engine/time.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/exponential.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::sim {

struct Source {
  void start(const TrafficConfig& traffic);
  /// When the next datagram is offered; kNever after the last.
  [[nodiscard]] engine::Instant next_instant(const TrafficConfig& traffic) const {
    return sequence < traffic.count && next_q16 < kEndQ16 ? engine::Instant{next_q16 >> kQ16Bits}
                                                          : engine::kNever;
  }
  /// A datagram was offered, and counted in `sequence`: sets the instant of the one after it.
  void go_on(const TrafficConfig& traffic, Choices& choices);

  Q16 next_q16 = 0;
  Q16 mean_q16 = 0;  ///< between two arrivals, or two bursts
  std::uint64_t sequence = 0;
  std::uint64_t left_of_burst = 0;
  Q16 left_of_on_q16 = 0;  ///< on_off: from the newest arrival on; 0: the next one begins a burst

 private:
  static constexpr Q16 kEndQ16 = std::numeric_limits<Q16>::max();
  void advance(Q16 by) { next_q16 = by < kEndQ16 - next_q16 ? next_q16 + by : kEndQ16; }
  void go_on_or_off(const TrafficConfig& traffic, Choices& choices);
};

inline void Source::start(const TrafficConfig& traffic) {
  const std::uint64_t per_arrival = traffic.arrivals == Arrivals::burst ? traffic.burst : 1;
  mean_q16 = static_cast<Q16>((1'000'000'000ULL << kQ16Bits) / traffic.rate * per_arrival);
  next_q16 = traffic.start_ns << kQ16Bits;
  left_of_burst = per_arrival;
  if (traffic.arrivals == Arrivals::captured && traffic.count > 0)
    next_q16 += traffic.capture->front().time_ns << kQ16Bits;
}

inline void Source::go_on(const TrafficConfig& traffic, Choices& choices) {
  switch (traffic.arrivals) {
    case Arrivals::constant: advance(mean_q16); break;
    case Arrivals::poisson:
      advance(exponential(mean_q16, choices.pick(Site::interarrival, kExponentialDraws)));
      break;
    case Arrivals::burst:
      if (--left_of_burst == 0) {
        left_of_burst = traffic.burst;
        advance(mean_q16);
      }
      break;
    case Arrivals::on_off:
    case Arrivals::on_off_random: go_on_or_off(traffic, choices); break;
    case Arrivals::token_bucket:
      if (sequence >= traffic.burst) advance(mean_q16);
      break;
    case Arrivals::captured:
      if (sequence < traffic.count)
        next_q16 = (traffic.start_ns + (*traffic.capture)[sequence].time_ns) << kQ16Bits;
      break;
  }
}

inline void Source::go_on_or_off(const TrafficConfig& traffic, Choices& choices) {
  const auto length = [&](std::int64_t mean_ns) {
    const Q16 mean = mean_ns << kQ16Bits;
    if (traffic.arrivals == Arrivals::on_off) return mean;
    return exponential(mean, choices.pick(Site::on_off, kExponentialDraws));
  };
  if (left_of_on_q16 == 0) left_of_on_q16 = length(traffic.on_ns);
  if (mean_q16 < left_of_on_q16) {
    left_of_on_q16 -= mean_q16;
    advance(mean_q16);
  } else {
    advance(left_of_on_q16);
    advance(length(traffic.off_ns));
    left_of_on_q16 = 0;
  }
}

}  // namespace reprise::sim
