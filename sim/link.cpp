#include "reprise/sim/link.hpp"

#include <algorithm>

namespace reprise::sim {

using engine::Instant;

void Link::place(engine::FlatLayout& layout, const LinkConfig& config) {
  const std::int64_t carried_max = std::clamp<std::int64_t>(config.delay_ns / 1000, 0, 1'000'000);
  layout.place(frames_, config.queue + static_cast<std::uint32_t>(carried_max));
  layout.place(stalls_, static_cast<std::uint32_t>(config.stalls.size() * 2));
}

void Link::start(const LinkConfig& config) {
  bits_per_second_ = config.bits_per_second;
  delay_ns_ = config.delay_ns;
  queue_max_ = config.queue;
  mtu_bytes_ = config.mtu_bytes;
  carries_merged_ = config.carries_merged ? 1 : 0;
  service_ = config.service;
  fills_checksums_ = config.fills_checksums ? 1 : 0;
  std::uint32_t place = 0;
  for (const Stall& stall : config.stalls) {
    stalls_[place++] = stall.start_ns;
    stalls_[place++] = stall.start_ns + stall.length_ns;
  }
}

void Link::set_blocked(bool blocked, Instant at) {
  is_blocked_ = blocked ? 1 : 0;
  if (blocked) return;
  // What waited departs from now on; the distances between departures stay.
  if (waiting_count() == 0) return;
  const std::int64_t late_ns = std::max<std::int64_t>(0, (at - frames_[departed_].departs).ns);
  for (std::uint32_t place = departed_; place < frames_.size(); ++place) {
    frames_[place].departs = frames_[place].departs + engine::Duration{late_ns};
    frames_[place].arrives = frames_[place].arrives + engine::Duration{late_ns};
  }
  free_at_ = frames_[frames_.size() - 1].departs;
}

std::int64_t Link::service_ns(const Packet& packet) const {
  if (bits_per_second_ == 0) return 0;
  constexpr std::uint32_t kBesideBytes = 24;  // preamble, FCS, gap
  const std::uint64_t bits = std::uint64_t{packet.frame_bytes + kHeaderBytes + kBesideBytes} * 8;
  return static_cast<std::int64_t>(bits * 1'000'000'000 / bits_per_second_);
}

void Link::transmit(const Packet& packet, Instant at, std::int64_t service_ns) {
  Instant start = std::max(at, free_at_);
  for (std::uint32_t stall = 0; stall < stalls_.size(); stall += 2) {
    if (start.ns >= stalls_[stall] && start.ns < stalls_[stall + 1]) start.ns = stalls_[stall + 1];
  }
  free_at_ = Instant{start.ns + service_ns};
  frames_.push({packet, free_at_, Instant{free_at_.ns + delay_ns_}});
}

Instant Link::next_instant() const {
  Instant next = engine::kNever;
  if (waiting_count() > 0 && is_blocked_ == 0) next = frames_[departed_].departs;
  if (departed_ > 0) next = std::min(next, frames_[0].arrives);
  return next;
}

bool Link::arrives_next() const { return departed_ > 0 && !departs_by(frames_[0].arrives); }

Packet Link::depart() { return frames_[departed_++].packet; }

Packet Link::arrive() {
  REPRISE_ASSERT(departed_ > 0);
  --departed_;
  return frames_.pop().packet;
}

Packet Link::drop() {
  REPRISE_ASSERT(waiting_count() > 0);
  return frames_.pop_back().packet;
}

std::uint64_t Link::datagram_count() const {
  std::uint64_t datagrams = 0;
  for (std::uint32_t place = 0; place < frames_.size(); ++place) {
    const Packet& packet = frames_[place].packet;
    if (packet.is_last()) datagrams += packet.datagrams();
  }
  return datagrams;
}

}  // namespace reprise::sim
