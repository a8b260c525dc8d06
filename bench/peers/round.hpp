// One round: one relay, one case, once.
#pragma once

#include <atomic>

#include "cases.hpp"
#include "hosts.hpp"
#include "relays.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/time.hpp"

namespace reprise::bench::peers {

struct RoundOptions {
  engine::Duration warm_up;   ///< of throughput rounds: traffic before what is measured
  engine::Duration length;    ///< of the traffic that is measured
  unsigned traffic_core = 0;  ///< generator, sink and this process
  unsigned relay_core = 1;    ///< the relay's, or all relays' of a row
};

/// Metrics:
///   throughput  offered_per_second, lost, loss_percent  with the warm-up; and without it
///               delivered_per_second,
///               cpu_ns  of the relay's processes and of its core's softirq thread, per
///                       delivered datagram
///               core_ns, machine_ns  busy time of the relay's core and of all cores, likewise
///               others_percent  of one core: busy time that is neither the relay's nor the
///               traffic's, such as other programs on the host
///   checked     p50_us, p99_us, p999_us, lost, reordered, duplicated, corrupted
///   start       start_ms, pss_mib, rss_mib, and pss_with_rings_mib, rss_with_rings_mib
///   all         steal_percent, but start
/// An error: the relay does not relay, or ended.
engine::Expected<Metrics> run_round(const Case& tried, const Relay& relay, const Hosts& hosts,
                                    const RoundOptions& options, const std::atomic<bool>& stop);

}  // namespace reprise::bench::peers
