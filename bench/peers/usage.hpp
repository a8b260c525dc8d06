// What the host says about time and memory used: /proc/stat, /proc/PID/task/*/schedstat and
// /proc/PID/smaps. Linux only; errors read as nothing used.
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "reprise/engine/time.hpp"

namespace reprise::bench::peers {

/// When the host's cores were idle, at one instant. /proc/stat counts in 10 ms, so differences over
/// less than a second are coarse.
struct MachineReading {
  engine::Instant at;
  std::vector<std::int64_t> unused_ns;  ///< by core: idle, waiting for a disk, or stolen
  std::int64_t steal_ns = 0;            ///< of all cores: the host ran something else
};
MachineReading read_machine();

struct MachineUse {
  std::int64_t busy_ns = 0;       ///< of all cores
  std::int64_t core_busy_ns = 0;  ///< of one
  std::int64_t elapsed_ns = 0;
  double steal_fraction = 0;  ///< of the time of all cores
};
MachineUse use_between(const MachineReading& before, const MachineReading& after, std::size_t core);

/// CPU time of these processes and all below them, with the softirq work that ran in their context.
/// Exact once they wait; up to a tick late while they run.
std::int64_t cpu_ns_of(std::span<const pid_t> processes);

/// The thread that does a core's softirq work when there is too much of it for whoever caused it; 0
/// where it cannot be seen.
pid_t softirq_thread_of(unsigned core);

struct MemoryUse {
  std::uint64_t resident_bytes = 0;
  std::uint64_t proportional_bytes = 0;  ///< PSS: a page that n processes share counts 1/n
  /// Of these, in rings that a packet socket shares with the kernel.
  std::uint64_t ring_resident_bytes = 0;
  std::uint64_t ring_proportional_bytes = 0;
};
MemoryUse memory_of(std::span<const pid_t> processes);

}  // namespace reprise::bench::peers
