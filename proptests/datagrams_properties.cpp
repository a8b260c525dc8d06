// Datagrams are conserved: every one that was offered is delivered on every output, or counted
// where it was lost. The counts come from the events and the kernel on one side, from the engine's
// counters on the other.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <vector>

#include "properties.hpp"
#include "property_check.hpp"

namespace reprise::proptests {
namespace {

/// What the events say about one node.
struct Traffic {
  std::uint64_t arrived = 0;
  std::uint64_t left = 0;  ///< frames that reached the end of one of its links
};

/// Where the network loses, doubles or holds back frames, the world says which came through.
void count(const sim::World& world, const sim::Event& event, std::vector<Traffic>& nodes) {
  const bool is_delivery = event.kind == sim::EventKind::delivery;
  if (is_delivery) nodes[event.index].left += delivered_of(event).datagrams;
  if (!world.config().faults.is_empty()) {
    for (const sim::World::Arrival& arrival : world.arrivals()) ++nodes[arrival.node].arrived;
    return;
  }
  if (event.kind == sim::EventKind::arrival) ++nodes[0].arrived;
  if (!is_delivery || delivered_of(event).link != 0 || event.index + 1 == nodes.size()) return;
  nodes[event.index + 1].arrived += delivered_of(event).datagrams;
}

/// Merged frames may reach it, of which nobody counts what was in one that was dropped whole.
bool may_get_merged(const sim::WorldConfig& config, std::uint32_t node) {
  return node > 0 && config.nodes[node - 1].link.carries_merged &&
         config.nodes[node - 1].stage.segments_max > 1;
}

/// For a node in which nothing waits.
Verdict balance(const sim::Node& node, bool counts_frames, std::uint64_t fan_out,
                const Traffic& traffic) {
  const engine::IngressCounters& in = node.ingress().ingress_counters();
  const engine::OutputCounters out = node.egress().output_total();
  const std::uint64_t taken = node.kernel.kernel_drops() + node.kernel.cancelled_frames() +
                              node.kernel.socket_backlog() + in.dropped_total() + in.accepted;
  if (traffic.arrived != taken && !counts_frames) {
    return std::unexpected(fmt::format(
        "{} datagrams arrived; dropped by the socket {}, lost with a cancelled receive {}, waiting "
        "there {}, dropped at ingress {}, accepted {}",
        traffic.arrived, node.kernel.kernel_drops(), node.kernel.cancelled_frames(),
        node.kernel.socket_backlog(), in.dropped_total(), in.accepted));
  }
  const std::uint64_t gone =
      traffic.left + node.kernel.queue_drops() + node.kernel.link_losses() + out.dropped_total();
  if (in.accepted * fan_out != gone) {
    return std::unexpected(fmt::format(
        "{} datagrams accepted for {} outputs each; delivered {}, dropped by the queueing "
        "discipline {}, lost by a device {}, dropped at egress {}",
        in.accepted, fan_out, traffic.left, node.kernel.queue_drops(), node.kernel.link_losses(),
        out.dropped_total()));
  }
  return {};
}

}  // namespace

Verdict datagrams_are_conserved(CaseRun& run) {
  const sim::World& world = run.world();
  std::vector<Traffic> nodes(world.node_count());
  while (const std::optional<Step> step = run.next()) {
    if (!step->is_command) count(world, step->event, nodes);
    if (!world.laws_hold()) return std::unexpected(run.place() + "a law of conservation is broken");
  }
  for (std::uint32_t index = 0; index < nodes.size(); ++index) {
    const std::uint64_t fan_out = world.config().nodes[index].fan_out;
    const bool counts_frames = may_get_merged(world.config(), index);
    const Verdict verdict = balance(world.node(index), counts_frames, fan_out, nodes[index]);
    if (!verdict) {
      return std::unexpected(fmt::format("{}node {}: {}", run.place(), index, verdict.error()));
    }
  }
  return {};
}

TEST(Datagrams, AreDeliveredOrCounted) {
  check_property("datagrams_are_conserved", rc::gen::oneOf(cases(), stopped_cases()),
                 {{Sight::delivery, 60},      {Sight::two_hops, 30},    {Sight::fan_out, 30},
                  {Sight::exhaustion, 40},    {Sight::kernel_drop, 20}, {Sight::queue_drop, 10},
                  {Sight::queue_full, 10},    {Sight::send_error, 15},  {Sight::truncation, 10},
                  {Sight::give_up, 5},        {Sight::hand_off, 40},    {Sight::sleep, 15},
                  {Sight::unlinked, 10},      {Sight::fault, 20},       {Sight::lasting_fault, 10},
                  {Sight::network_fault, 10}, {Sight::packet_ring, 15}, {Sight::block_parted, 5},
                  {Sight::copied_out, 2},     {Sight::segmented, 10},   {Sight::gathered, 5},
                  {Sight::merged, 5}});
}

}  // namespace reprise::proptests
