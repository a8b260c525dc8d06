#include "reprise/daemon/occupancy_sampler.hpp"

#include <algorithm>

namespace reprise::daemon {
namespace {

std::uint64_t& at(PlaceCounts& counts, Place place) {
  return counts[static_cast<std::size_t>(place)];
}

}  // namespace

void OccupancySampler::count(const engine::Stage& stage, const engine::Backend& backend) {
  const engine::Instant now = backend.now();
  const PlaceCounts counts = places(stage, backend);
  if (is_open_) {
    const engine::Duration span = now - last_;
    sampled_ = sampled_ + span;
    for (std::size_t place = 0; place < kPlaceCount; ++place) {
      doubled_times_[place] +=
          (last_counts_[place] + counts[place]) * static_cast<std::uint64_t>(span.ns);
    }
  }
  is_open_ = true;
  last_ = now;
  last_counts_ = counts;
}

PlaceCounts OccupancySampler::places(const engine::Stage& stage,
                                     const engine::Backend& backend) const {
  PlaceCounts counts{};
  const std::uint32_t open = stage.sends_open();
  const engine::QueueDepths depths = backend.depths();
  // Waits and cancels are among the submissions; they are few, and rare.
  const std::uint32_t prepared = std::min(open, depths.submissions);
  at(counts, Place::prepared) = prepared;
  at(counts, Place::egress_queue) = stage.egress().backlog_size() + stage.egress().queued();
  if (ingress_ == nullptr) {
    at(counts, Place::free) = stage.ledger().free_count();
    at(counts, Place::being_filled) = stage.ledger().kernel_count();
    at(counts, Place::in_flight) = open - prepared;
    return counts;
  }
  const std::uint32_t completed = std::min(open - prepared, depths.completions);
  at(counts, Place::completed) = completed;
  at(counts, Place::in_flight) = open - prepared - completed;
  at(counts, Place::free) = ingress_->free.load(std::memory_order_relaxed);
  at(counts, Place::being_filled) = ingress_->being_filled.load(std::memory_order_relaxed);
  at(counts, Place::hand_off) = hand_off_->items_waiting();
  at(counts, Place::return_queue) = hand_off_->returns_waiting() + stage.ledger().free_count();
  return counts;
}

CensusResult OccupancySampler::result() const {
  CensusResult result{sampled_, {}};
  if (sampled_.ns == 0) return result;
  for (std::size_t place = 0; place < kPlaceCount; ++place) {
    result.mean[place] =
        static_cast<double>(doubled_times_[place]) / 2.0 / static_cast<double>(sampled_.ns);
  }
  return result;
}

}  // namespace reprise::daemon
