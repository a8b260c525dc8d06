// Carries out a plan on the real kernel and notes what it did: io_uring without a backend around
// it, so that an entry may also be wrong.
//
// All calls belong to the thread that made it (deferred task run). It stays on one core, so that
// what the network does happens between what the thread does, and not beside it.
#pragma once

#include <memory>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/trial/differential/real_network.hpp"
#include "reprise/trial/differential/real_ring.hpp"
#include "reprise/trial/differential/trace.hpp"

namespace reprise::trial {

class Recorder {
 public:
  /// Lays the network and makes every kind of ring.
  static engine::Expected<std::unique_ptr<Recorder>> create();

  /// Of the queued link, until an act blocks and unblocks it.
  engine::Expected<void> set_rate(std::uint64_t bytes_per_second) {
    return network_.set_rate(kShapedLink, bytes_per_second,
                             network_setup().links[kShapedLink].queue);
  }
  /// Errors: an act that cannot be carried out, by name, or a kernel that does not come to rest.
  engine::Expected<Trace> record(const Trace& plan);

 private:
  explicit Recorder(RealNetwork network) : network_(std::move(network)) {}
  engine::Expected<RealRing*> ring_for(const TraceSetup& setup);
  engine::Expected<void> carry_out(const Trace& trace, Act& act);
  engine::Expected<void> submit(const Trace& trace, Act& act);
  engine::Expected<void> quiesce(std::vector<TraceCompletion>& completions);
  engine::Expected<void> rest();

  RealNetwork network_;
  std::vector<std::unique_ptr<RealRing>> rings_;
  RealRing* ring_ = nullptr;  ///< that of the trace being recorded
};

}  // namespace reprise::trial
