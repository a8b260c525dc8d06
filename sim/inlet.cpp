#include "reprise/sim/inlet.hpp"

#include <algorithm>

#include "reprise/engine/assert.hpp"

namespace reprise::sim {

using engine::Instant;

namespace {

constexpr std::uint32_t kHeldMax = 1024;
/// After so long a frame that nothing overtakes arrives all the same.
constexpr engine::Duration kOvertakenMax{1'000'000};

}  // namespace

void Inlet::place(engine::FlatLayout& layout, const FaultPlan& plan) {
  layout.place(burst_, plan.has(FaultKind::receive_burst) ? kHeldMax : 0U);
}

Inlet::Leaving Inlet::enter(const Packet& packet, bool is_down, Instant at, Faults& faults,
                            Choices& choices) {
  Leaving leaving;
  faults.advance(FaultKind::receive_burst, at, 1, choices);
  if (is_down || faults.happens(FaultKind::wire_loss, at, choices)) {
    lost_ += packet.datagrams();
    return leaving;
  }
  if (faults.happens(FaultKind::duplicate, at, choices)) {
    doubled_ += packet.datagrams();
    pass(packet, at, faults, leaving);
  }
  if (is_overtaken_ == 0 && faults.happens(FaultKind::reorder, at, choices)) {
    overtaken_ = {packet, at + kOvertakenMax};
    overtaking_left_ = faults.reorder_distance();
    is_overtaken_ = 1;
  } else {
    pass(packet, at, faults, leaving);
  }
  return leaving;
}

void Inlet::pass(const Packet& packet, Instant at, const Faults& faults, Leaving& leaving) {
  const bool is_held = faults.lasts(FaultKind::receive_burst) || !burst_.empty();
  if (is_held && burst_.capacity() > 0) {
    if (burst_.full()) {
      leaving.packets[leaving.count++] = burst_.pop().packet;
      overtake(at);
    }
    // Behind those of a burst that is over.
    const Instant due =
        faults.lasts(FaultKind::receive_burst) ? faults.end(FaultKind::receive_burst) : at;
    burst_.push({packet, due});
    return;
  }
  leaving.packets[leaving.count++] = packet;
  overtake(at);
}

void Inlet::overtake(Instant at) {
  if (is_overtaken_ == 0 || overtaking_left_ == 0) return;
  if (--overtaking_left_ == 0) overtaken_.due = std::min(overtaken_.due, at);
}

std::uint64_t Inlet::held_datagrams() const {
  std::uint64_t datagrams = is_overtaken_ != 0 ? overtaken_.packet.datagrams() : 0;
  for (std::uint32_t place = 0; place < burst_.size(); ++place)
    datagrams += burst_[place].packet.datagrams();
  return datagrams;
}

Instant Inlet::next_instant() const {
  Instant next = burst_.empty() ? engine::kNever : burst_[0].due;
  if (is_overtaken_ != 0) next = std::min(next, overtaken_.due);
  return next;
}

Packet Inlet::leave(Instant at) {
  REPRISE_ASSERT(held() > 0);
  if (is_overtaken_ != 0 && (burst_.empty() || overtaken_.due < burst_[0].due)) {
    is_overtaken_ = 0;
    return overtaken_.packet;
  }
  const Packet packet = burst_.pop().packet;
  overtake(at);
  return packet;
}

}  // namespace reprise::sim
