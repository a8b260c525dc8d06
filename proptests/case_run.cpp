#include "case_run.hpp"

#include <fmt/format.h>

#include "reprise/engine/assert.hpp"

namespace reprise::proptests {
namespace {

std::uint64_t dropped(const engine::OutputCounters& counters, engine::EgressDrop reason) {
  return counters.dropped[static_cast<std::size_t>(reason)];
}

std::uint64_t dropped(const engine::IngressCounters& counters, engine::IngressDrop reason) {
  return counters.dropped[static_cast<std::size_t>(reason)];
}

bool is_stalled(const sim::LinkConfig& link, engine::Instant now) {
  for (const sim::Stall& stall : link.stalls) {
    if (now.ns >= stall.start_ns && now.ns < stall.start_ns + stall.length_ns) return true;
  }
  return false;
}

/// A generous bound: a few phases and link events for each time that a datagram is sent or meets a
/// blocked output.
std::uint64_t steps_bound(const sim::WorldConfig& config) {
  std::uint64_t offered = 0;
  for (const sim::TrafficConfig& traffic : config.traffic) offered += traffic.count;
  std::uint64_t outlets = 0;
  for (const sim::NodeConfig& node : config.nodes) outlets += 1 + node.fan_out;
  const std::uint64_t steps = 500 + 40 * offered * outlets;
  // Frames come twice and receives end; what lasts begins and ends in steps of their own.
  return config.faults.is_empty() ? steps : 4 * steps;
}

}  // namespace

const char* name(Sight sight) {
  switch (sight) {
    case Sight::delivery: return "delivery";
    case Sight::two_hops: return "two_hops";
    case Sight::fan_out: return "fan_out";
    case Sight::refusal: return "refusal";
    case Sight::chain_cut: return "chain_cut";
    case Sight::sent_again: return "sent_again";
    case Sight::refused_in_stall: return "refused_in_stall";
    case Sight::exhaustion: return "exhaustion";
    case Sight::kernel_drop: return "kernel_drop";
    case Sight::queue_drop: return "queue_drop";
    case Sight::queue_full: return "queue_full";
    case Sight::send_error: return "send_error";
    case Sight::truncation: return "truncation";
    case Sight::stop_with_work: return "stop_with_work";
    case Sight::give_up: return "give_up";
    case Sight::hand_off: return "hand_off";
    case Sight::sleep: return "sleep";
    case Sight::unlinked: return "unlinked";
    case Sight::erase_front: return "erase_front";
    case Sight::fault: return "fault";
    case Sight::lasting_fault: return "lasting_fault";
    case Sight::network_fault: return "network_fault";
    case Sight::packet_ring: return "packet_ring";
    case Sight::block_parted: return "block_parted";
    case Sight::copied_out: return "copied_out";
    case Sight::segmented: return "segmented";
    case Sight::gathered: return "gathered";
    case Sight::merged: return "merged";
  }
  return "?";
}

CaseRun::CaseRun(const Case& tried)
    : tried_(tried),
      note_(
          "the case, to be saved in proptests/regressions/ (REPRISE_PROPERTIES_FORK=1 shrinks "
          "it):\n" +
          to_text(tried)),
      world_(std::make_shared<const sim::WorldConfig>(tried.config)),
      choices_(choices_of(tried)),
      steps_max_(steps_bound(tried.config)) {
  engine::set_assertion_note(note_.c_str());
}

CaseRun::~CaseRun() { engine::set_assertion_note(nullptr); }

std::optional<Step> CaseRun::next() {
  const bool stop_is_due = tried_.stop_at_step > 0 && steps_ >= tried_.stop_at_step;
  const bool abandon_is_due = tried_.abandon_at_step > 0 && steps_ >= tried_.abandon_at_step;
  if ((stop_is_due && !is_stopped_) || (abandon_is_due && !is_abandoned_)) {
    stop(abandon_is_due);
    return Step{{world_.now()}, true};
  }
  if (steps_ == steps_max_) return std::nullopt;
  const sim::Event event = world_.step(*choices_, tried_.timing);
  ++steps_;
  if (event.kind != sim::EventKind::quiet) {
    digest_.add(event);
    watch(event);
    return Step{event};
  }
  // A stop that was to come later comes now.
  if (tried_.stop_at_step > 0 && !is_stopped_) {
    stop(tried_.abandon_at_step > 0);
    return Step{{world_.now()}, true};
  }
  is_quiet_ = true;
  return std::nullopt;
}

void CaseRun::stop(bool abandon) {
  for (std::uint32_t index = 0; index < world_.node_count(); ++index) {
    see(Sight::stop_with_work, world_.node(index).ingress().ledger().held_count() > 0);
  }
  is_stopped_ = true;
  is_abandoned_ = abandon;
  world_.stop(abandon);
}

void CaseRun::see(Sight sight, bool seen) {
  if (seen) sights_.set(static_cast<std::size_t>(sight));
}

void CaseRun::watch(const sim::Event& event) {
  if (event.kind == sim::EventKind::delivery) {
    const bool is_last = event.index + 1 == world_.node_count();
    const std::uint32_t link = delivered_of(event).link;
    see(Sight::merged, delivered_of(event).datagrams > 1);
    see(Sight::delivery, is_last || link > 0);
    see(Sight::fan_out, link > 0);
    see(Sight::two_hops, !is_last && link == 0);
  }
  see(Sight::sleep, event.kind == sim::EventKind::wake && thread_of(event) == 1);
  if (event.kind != sim::EventKind::phase) return;
  const sim::PhaseDetail& detail = world_.detail();
  submitted_ += detail.submitted.size();
  watch_ring(world_.node(event.index));
  for (std::size_t place = 1; place < detail.prepared.size(); ++place) {
    const bool is_segmented = detail.prepared[place].slot == detail.prepared[place - 1].slot;
    see(Sight::segmented, is_segmented);
    see(Sight::gathered,
        is_segmented && detail.prepared[place].region != detail.prepared[place - 1].region);
  }
  if (detail.refused == 0) return;
  see(Sight::refusal);
  see(Sight::chain_cut, detail.sent > 0 && detail.submitted.size() > detail.sent + detail.refused);
  see(Sight::refused_in_stall, is_stalled(tried_.config.nodes[event.index].link, event.time));
}

void CaseRun::watch_ring(const sim::Node& node) {
  if (!node.kernel.has_packet_ring()) return;
  see(Sight::packet_ring, !world_.detail().received.empty());
  see(Sight::block_parted, node.kernel.is_in_block());
  see(Sight::copied_out, node.egress().egress().queued() > 0);
}

Sights CaseRun::sights() const {
  Sights seen = sights_;
  const auto add = [&seen](Sight sight, bool was_seen) {
    if (was_seen) seen.set(static_cast<std::size_t>(sight));
  };
  std::uint64_t ended = 0;  // submitted sends that are not sent again, and perhaps a few more
  for (std::uint32_t index = 0; index < world_.node_count(); ++index) {
    const sim::Node& node = world_.node(index);
    const engine::IngressCounters& in = node.ingress().ingress_counters();
    const engine::OutputCounters out = node.egress().output_total();
    ended += out.sent + out.dropped_total() + node.egress().sends_open();
    add(Sight::exhaustion,
        in.receives_exhausted > 0 || dropped(in, engine::IngressDrop::no_buffer) > 0);
    add(Sight::truncation, dropped(in, engine::IngressDrop::truncated) > 0);
    add(Sight::queue_full, dropped(out, engine::EgressDrop::queue_full) > 0);
    add(Sight::send_error, dropped(out, engine::EgressDrop::unreachable) > 0);
    add(Sight::give_up, dropped(out, engine::EgressDrop::stopped) > 0);
    add(Sight::hand_off, node.egress().crossed() > 0);
    add(Sight::erase_front, node.egress().egress().moved_bytes() > 0);
    const engine::Hazards& hazards = tried_.config.nodes[index].stage.hazards;
    add(Sight::unlinked, hazards.send_order == engine::SendOrder::unlinked && out.sent > 0);
    add(Sight::kernel_drop, node.kernel.kernel_drops() > 0);
    add(Sight::queue_drop, node.kernel.queue_drops() > 0);
  }
  add(Sight::sent_again, submitted_ > ended);
  for (std::size_t index = 0; index < sim::kFaultKindCount; ++index) {
    const sim::FaultKind kind = sim::fault_kind(index);
    if (world_.fault_count(kind) == 0) continue;
    add(Sight::fault, kind != sim::FaultKind::send_unreachable);
    add(Sight::lasting_fault, is_window(kind));
    add(Sight::network_fault, kind == sim::FaultKind::reorder || kind == sim::FaultKind::duplicate);
  }
  return seen;
}

std::string CaseRun::place() const {
  return fmt::format("step {}, {} ns: ", steps_, world_.now().ns);
}

}  // namespace reprise::proptests
