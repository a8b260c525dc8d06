#include "reprise/lab/measurement.hpp"

#include <algorithm>

namespace reprise::lab {

using engine::Instant;

void Occupancy::enter(std::size_t index, Instant now) {
  REPRISE_ASSERT(since_ns_[index] == kAbsent);
  left_less_entered_ns_ -= now.ns;
  since_ns_[index] = now.ns;
  max_ = std::max(max_, ++count_);
}

void Occupancy::leave(std::size_t index, Instant now) {
  if (since_ns_[index] == kAbsent) return;
  left_less_entered_ns_ += now.ns;
  times_.add(now.ns - since_ns_[index]);
  since_ns_[index] = kAbsent;
  --count_;
}

Measurement::Measurement(const sim::World& world) {
  for (const sim::NodeConfig& node : world.config().nodes) nodes_.emplace_back(node);
}

void Measurement::add(const sim::World& world, const sim::Event& event) {
  if (event.kind == sim::EventKind::quiet) return;
  digest_.add(event);
  ++events_;
  last_event_ = event.time;
  switch (event.kind) {
    case sim::EventKind::arrival: first_arrival_ = std::min(first_arrival_, event.time); break;
    case sim::EventKind::phase: add_phase(world, event); break;
    case sim::EventKind::departure: return;  // takes no buffer
    case sim::EventKind::wake:
    case sim::EventKind::delivery:
    case sim::EventKind::release:
    case sim::EventKind::disturbance:
    case sim::EventKind::ring_tick:
    case sim::EventKind::quiet: break;
  }
  look_for_refusals(world, event.time);
}

void Measurement::look_for_refusals(const sim::World& world, Instant now) {
  for (std::uint32_t index = 0; index < nodes_.size(); ++index) {
    NodeMeasurement& measured = nodes_[index];
    if (measured.census.first_refusal()) continue;  // that one is all that is noted
    const sim::Node& node = world.node(index);
    measured.census.note_refusals(node, now,
                                  refused_for_want_of_buffers(node, measured.exhaustion));
  }
}

std::uint64_t refused_for_want_of_buffers(const sim::Node& node, engine::Exhaustion exhaustion) {
  switch (exhaustion) {
    case engine::Exhaustion::wait: return node.kernel.found_no_buffer();
    case engine::Exhaustion::drop: break;
  }
  return node.ingress()
      .ingress_counters()
      .dropped[static_cast<std::size_t>(engine::IngressDrop::no_buffer)];
}

void Measurement::add_phase(const sim::World& world, const sim::Event& event) {
  NodeMeasurement& node = nodes_[event.index];
  const engine::Ledger& ledger = world.node(event.index).ingress().ledger();
  const sim::PhaseDetail& detail = world.detail();
  const engine::Duration length{world.config().costs.turn_ns + detail.cost_ns};
  node.census.add(world.node(event.index), detail, event.time, event.time + length);
  for (const std::uint32_t slot : detail.submitted) node.in_flight.enter(slot, event.time);
  for (const std::uint32_t slot : detail.reaped) node.in_flight.leave(slot, event.time);
  if (!detail.submitted.empty()) ++node.submits;
  if (node.has_ring) return look_at_all(ledger, node.outstanding, event.time);
  for (; node.released < ledger.released(); ++node.released) {
    const auto from_back = static_cast<std::uint32_t>(ledger.released() - node.released - 1);
    node.outstanding.leave(static_cast<std::size_t>(ledger.free_from_back(from_back)), event.time);
  }
  for (const engine::RegionIndex region : detail.received) {
    if (ledger.owner(region) != engine::Owner::held) continue;
    node.outstanding.enter(static_cast<std::size_t>(region), event.time);
  }
}

/// Where datagrams are copied to, and blocks come back, events do not tell which regions it was.
void Measurement::look_at_all(const engine::Ledger& ledger, Occupancy& outstanding, Instant now) {
  for (std::uint32_t index = 0; index < ledger.size(); ++index) {
    const bool is_held = ledger.owner(engine::RegionIndex{index}) == engine::Owner::held;
    if (is_held && !outstanding.has(index)) outstanding.enter(index, now);
    if (!is_held) outstanding.leave(index, now);
  }
}

}  // namespace reprise::lab
