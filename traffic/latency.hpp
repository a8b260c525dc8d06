// How long datagrams took, as three percentiles.
#pragma once

#include "reprise/engine/duration_histogram.hpp"
#include "reprise/engine/time.hpp"

namespace reprise::traffic {

struct LatencyPercentiles {
  engine::Duration p50;
  engine::Duration p99;
  engine::Duration p999;  ///< 99.9 %
};

inline LatencyPercentiles percentiles_of(const engine::DurationHistogram& latencies) {
  return {{latencies.percentile_ns(500)},
          {latencies.percentile_ns(990)},
          {latencies.percentile_ns(999)}};
}

}  // namespace reprise::traffic
