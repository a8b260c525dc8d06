// Buffers are conserved: at every step each region is in exactly one place, and at the end none is
// outstanding. Never are more outstanding than the pool holds.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "properties.hpp"
#include "property_check.hpp"
#include "region_watch.hpp"

namespace reprise::proptests {

Verdict buffers_are_conserved(CaseRun& run) {
  const sim::World& world = run.world();
  std::vector<RegionWatch> watches = watch_regions(world);
  while (const std::optional<Step> step = run.next()) {
    for (std::uint32_t node = 0; node < world.node_count(); ++node) {
      if (const Verdict verdict = watches[node].observe(*step); !verdict) {
        return std::unexpected(run.place() + verdict.error());
      }
      const sim::Node& state = world.node(node);
      const engine::StageConfig& stage = world.config().nodes[node].stage;
      // What is copied out of a ring's blocks may lie in any buffer.
      const std::uint32_t pool = stage.blocks > 0 ? stage.region_count() : stage.pool;
      if (state.ingress().ledger().held_buffer_count() > pool) {
        return std::unexpected(fmt::format("{}node {}: {} buffers outstanding, the pool has {}",
                                           run.place(), node,
                                           state.ingress().ledger().held_buffer_count(), pool));
      }
      if (!state.ingress().ledger().is_consistent() || !state.kernel.agrees_with(state.ingress())) {
        return std::unexpected(
            fmt::format("{}node {}: a region is in two places or in none", run.place(), node));
      }
    }
  }
  for (std::uint32_t node = 0; node < world.node_count(); ++node) {
    const std::uint32_t held = world.node(node).ingress().ledger().held_count();
    const std::uint32_t returning = returns_waiting(world.node(node));
    if (held == returning) continue;
    return std::unexpected(
        fmt::format("{}node {}: {} regions outstanding at the end, {} on the "
                    "way back",
                    run.place(), node, held, returning));
  }
  return {};
}

TEST(Buffers, AreConservedAtEveryStep) {
  check_property("buffers_are_conserved", rc::gen::oneOf(cases(), stopped_cases()),
                 {{Sight::delivery, 60},       {Sight::exhaustion, 40},    {Sight::sent_again, 10},
                  {Sight::queue_full, 10},     {Sight::send_error, 15},    {Sight::truncation, 10},
                  {Sight::stop_with_work, 10}, {Sight::give_up, 5},        {Sight::hand_off, 40},
                  {Sight::sleep, 15},          {Sight::unlinked, 10},      {Sight::erase_front, 10},
                  {Sight::fault, 20},          {Sight::lasting_fault, 10}, {Sight::packet_ring, 15},
                  {Sight::block_parted, 5},    {Sight::copied_out, 2},     {Sight::segmented, 10},
                  {Sight::gathered, 5},        {Sight::merged, 5}});
}

}  // namespace reprise::proptests
