// What acts cost in virtual time.
#pragma once

#include <cstdint>

namespace reprise::sim {

/// What an act costs the core that does it. Costs only move virtual time; they never decide
/// anything else. The defaults were measured on Linux 6.18, veth, 1400-byte payload
/// (docs/KERNEL_MODEL.md).
struct CostProfile {
  std::int64_t call_ns = 350;      ///< entering the kernel once
  std::int64_t submit_ns = 900;    ///< more, where the call hands something over
  std::int64_t gather_ns = 1200;   ///< more, where the call moves frames into provided buffers
  std::int64_t send_ns = 1900;     ///< one send inside a submit
  std::int64_t linked_ns = 330;    ///< more for a send behind another in a chain
  std::int64_t send_byte_ps = 0;   ///< picoseconds per payload byte sent
  std::int64_t receive_ns = 1200;  ///< moving one frame from the socket into a provided buffer
  std::int64_t receive_byte_ps = 0;
  std::int64_t prepare_ns = 25;          ///< filling one submission
  std::int64_t provide_ns = 5;           ///< giving one region back
  std::int64_t completion_ns = 15;       ///< reaping one completion
  std::int64_t datagram_ns = 60;         ///< engine: parsing and matching one frame
  std::int64_t turn_ns = 50;             ///< a phase that finds nothing to do
  std::int64_t wake_ns = 3000;           ///< from the event to the woken thread running
  std::int64_t crossing_ns = 2;          ///< one item into or out of a hand-off queue
  std::int64_t shared_ns = 40;           ///< one access to a cache line that another core writes
  std::int64_t wake_call_ns = 8500;      ///< waking another thread, for who wakes
  std::int64_t spin_ns = 110;            ///< one turn of a spinning thread that finds nothing
  std::int64_t sleep_slack_ns = 70'000;  ///< by how much a sleep of fixed length is longer
  std::int64_t switch_ns = 830;          ///< another thread gets the core
  std::int64_t slice_ns = 3'900'000;     ///< how long a thread keeps a core that another one wants
  std::int64_t move_byte_ps = 15;        ///< picoseconds per byte moved inside memory (67 GB/s)
  std::int64_t log_line_ns = 1100;       ///< formatting and writing one line
  friend bool operator==(const CostProfile&, const CostProfile&) = default;
};

}  // namespace reprise::sim
