#include "reprise/lab/census.hpp"

namespace reprise::lab {

using engine::Instant;
using engine::Ledger;
using engine::Owner;
using engine::RegionIndex;

Census::Census(const sim::NodeConfig& config)
    : has_ring_(config.stage.blocks > 0),
      regions_(config.stage.region_count() + config.stage.blocks),
      sends_(engine::Stage::slot_count(config.stage)) {
  counts_[static_cast<std::size_t>(Place::free)] = regions_.size();
}

PlaceTimes Census::times(Instant now) const {
  PlaceTimes times = left_less_entered_ns_;
  for (std::size_t place = 0; place < kPlaceCount; ++place) {
    times[place] += static_cast<std::int64_t>(counts_[place]) * now.ns;
  }
  return times;
}

Place Census::locate(const sim::Node& node, RegionIndex index) const {
  const Region& region = regions_[static_cast<std::size_t>(index)];
  switch (node.ingress().ledger().owner(index)) {
    case Owner::free: return Place::free;
    case Owner::kernel: return Place::being_filled;
    case Owner::held:
    case Owner::away: break;
  }
  if (region.handed_over > 0) return Place::hand_off;  // Z2
  const Ledger& ledger = node.egress().ledger();
  switch (ledger.owner(index)) {
    case Owner::away: return region.given_back > 0 ? Place::return_queue : Place::hand_off;
    case Owner::free: return Place::return_queue;
    case Owner::held:
    case Owner::kernel: break;
  }
  if (ledger.references(index) > region.prepared + region.in_flight + region.completed) {
    return Place::egress_queue;
  }
  if (region.prepared > 0) return Place::prepared;
  return region.in_flight > 0 ? Place::in_flight : Place::completed;
}

void Census::relocate(const sim::Node& node, RegionIndex index) {
  Region& region = at(index);
  const Place place = locate(node, index);
  if (place == region.place) return;
  --counts_[static_cast<std::size_t>(region.place)];
  left_less_entered_ns_[static_cast<std::size_t>(region.place)] += now_.ns;
  ++counts_[static_cast<std::size_t>(place)];
  left_less_entered_ns_[static_cast<std::size_t>(place)] -= now_.ns;
  region.place = place;
}

std::uint32_t& Census::count_of(Region& region, SendState state) {
  if (state == SendState::prepared) return region.prepared;
  return state == SendState::in_flight ? region.in_flight : region.completed;
}

void Census::move_send(const sim::Node& node, std::uint32_t slot, SendState state) {
  Send& send = sends_[slot];
  for (const RegionIndex index : send.regions) {  // none: a wait or a cancel
    if (send.state != SendState::none) --count_of(at(index), send.state);
    if (state != SendState::none) ++count_of(at(index), state);
  }
  send.state = state;
  for (const RegionIndex index : send.regions) relocate(node, index);
  if (state == SendState::none) send.regions.clear();
}

/// Sends whose phases have ended by `until`.
void Census::end_sends(const sim::Node& node, Instant until) {
  for (; ended_ < endings_.size() && endings_[ended_].at <= until; ++ended_) {
    const Ending ending = endings_[ended_];
    if (sends_[ending.slot].state != SendState::in_flight) continue;
    now_ = ending.at;
    move_send(node, ending.slot, SendState::completed);
  }
  if (ended_ < endings_.size()) return;
  endings_.clear();
  ended_ = 0;
}

/// A ledger's last releases are its last free regions.
void Census::relocate_released(const sim::Node& node) {
  const auto look = [&](const Ledger& ledger, std::uint64_t& seen) {
    for (; seen < ledger.released(); ++seen) {
      const auto from_back = static_cast<std::uint32_t>(ledger.released() - seen - 1);
      // One that was given back in the same phase is among `given_back`.
      if (from_back < ledger.free_count()) relocate(node, ledger.free_from_back(from_back));
    }
  };
  look(node.ingress().ledger(), released_in_);
  if (node.threads.size() > 1) look(node.egress().ledger(), released_out_);
}

void Census::add(const sim::Node& node, const sim::PhaseDetail& detail, Instant now,
                 Instant ends_at) {
  end_sends(node, now);
  now_ = now;
  for (const RegionIndex region : detail.provided) relocate(node, region);
  for (const RegionIndex region : detail.handed_over) ++at(region).handed_over;
  for (const RegionIndex region : detail.drained) --at(region).handed_over;
  for (const RegionIndex region : detail.given_back) ++at(region).given_back;
  for (const RegionIndex region : detail.taken_back) --at(region).given_back;
  for (const sim::PhaseDetail::PreparedSend& send : detail.prepared) {
    sends_[send.slot].regions.push_back(send.region);
    if (sends_[send.slot].state == SendState::prepared) {
      ++at(send.region).prepared;
      relocate(node, send.region);
    } else {
      move_send(node, send.slot, SendState::prepared);
    }
  }
  for (const std::uint32_t slot : detail.submitted) move_send(node, slot, SendState::in_flight);
  for (const std::uint32_t slot : detail.completed) endings_.push_back({ends_at, slot});
  for (const std::uint32_t slot : detail.reaped) move_send(node, slot, SendState::none);
  for (const auto* regions : {&detail.received, &detail.handed_over, &detail.drained,
                              &detail.given_back, &detail.taken_back}) {
    for (const RegionIndex region : *regions) relocate(node, region);
  }
  relocate_released(node);
  for (std::uint32_t index = 0; has_ring_ && index < regions_.size(); ++index)
    relocate(node, RegionIndex{index});
}

void Census::note_refusals(const sim::Node& node, Instant now, std::uint64_t refused) {
  if (refused == 0 || first_refusal_) return;
  end_sends(node, now);
  const sim::Thread& sender = node.threads[node.threads.size() - 1];
  first_refusal_ = Refusal{now, sender.runner.turns() + 1, counts_};
}

}  // namespace reprise::lab
