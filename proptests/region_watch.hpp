// A second book on one node's regions, kept from what the seam shows alone: which completions
// brought a region, and which regions became free. What the ledger says is compared with it. Of a
// relay with a packet ring the seam shows which regions are the kernel's, and this is compared.
#pragma once

#include <cstdint>
#include <vector>

#include "properties.hpp"
#include "reprise/sim/world.hpp"

namespace reprise::proptests {

class RegionWatch {
 public:
  RegionWatch(const sim::World& world, std::uint32_t node);

  /// Takes in a step of the world. Says where the ledger and this book differ.
  Verdict observe(const Step& step);

  /// Time from reception to release, summed over all regions; of those still held, until `now`.
  [[nodiscard]] std::int64_t time_held_ns(engine::Instant now) const;

 private:
  Verdict receive(engine::RegionIndex region, engine::Instant now);
  Verdict release(engine::RegionIndex region, engine::Instant now);
  [[nodiscard]] Verdict compare() const;
  Verdict observe_ring();

  static constexpr std::int64_t kNotHeld = -1;
  const sim::World* world_;
  std::uint32_t node_;
  std::vector<std::int64_t> held_since_ns_;  ///< by region
  std::vector<bool> is_kernels_;             ///< by region, where there is a packet ring
  std::uint64_t released_ = 0;
  std::int64_t time_held_ns_ = 0;
};

/// Regions on their way back to an ingress stage, with all their references or some. One that needs
/// none lets them lie.
std::uint32_t returns_waiting(const sim::Node& node);

/// One for each node.
std::vector<RegionWatch> watch_regions(const sim::World& world);

}  // namespace reprise::proptests
