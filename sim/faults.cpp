#include "reprise/sim/faults.hpp"

#include <algorithm>
#include <string>

namespace reprise::sim {

using engine::Instant;

namespace {

constexpr std::uint32_t kMillion = 1'000'000;
constexpr std::uint32_t kParts = 1024;  ///< in which random times are drawn

/// The site at which a kind is picked.
Site site_of(FaultKind kind) {
  switch (kind) {
    case FaultKind::send_unreachable: return Site::send_error;
    case FaultKind::send_refused: return Site::send_refused;
    case FaultKind::send_no_memory: return Site::send_no_memory;
    case FaultKind::queue_drop: return Site::queue_drop;
    case FaultKind::wire_loss: return Site::wire_loss;
    case FaultKind::duplicate: return Site::duplicate;
    case FaultKind::reorder: return Site::reorder;
    case FaultKind::receive_end: return Site::receive_end;
    case FaultKind::chain_pause: return Site::chain_pause;
    case FaultKind::port_refused: return Site::port_refused;
    case FaultKind::setup_failure: return Site::setup_failure;
    case FaultKind::receive_burst: return Site::receive_burst;
    case FaultKind::carrier_loss: return Site::carrier_loss;
    case FaultKind::down: return Site::down;
    case FaultKind::address_loss: return Site::address_loss;
    case FaultKind::small_mtu: return Site::small_mtu;
    case FaultKind::starvation: return Site::starvation;
    case FaultKind::small_completion_queue: break;
  }
  return Site::fault_plan;
}

void expect(std::vector<engine::Error>& errors, bool holds, const std::string& field,
            std::int64_t value, const char* expected) {
  if (holds) return;
  errors.push_back({field + " = " + std::to_string(value) + ": expected " + expected});
}

}  // namespace

bool FaultPlan::has(FaultKind kind) const {
  const auto index = static_cast<std::size_t>(kind);
  if (kind == FaultKind::small_completion_queue) return completion_queue > 0;
  return is_rate(kind) ? per_million[index] > 0 : windows[index].spacing_ns > 0;
}

bool FaultPlan::is_empty() const {
  for (std::size_t index = 0; index < kFaultKindCount; ++index) {
    if (has(fault_kind(index))) return false;
  }
  return true;
}

std::vector<engine::Error> check(const FaultPlan& plan) {
  std::vector<engine::Error> errors;
  for (std::size_t index = 0; index < kFaultKindCount; ++index) {
    const std::string kind(kFaultNames[index]);
    expect(errors, plan.per_million[index] < kMillion, kind + "_per_million",
           plan.per_million[index], "below 1000000");
    const FaultWindow& window = plan.windows[index];
    if (window == FaultWindow{}) continue;
    expect(errors, window.spacing_ns >= 1000, kind + "_spacing_ns", window.spacing_ns,
           "1000 or more, beside a length");
    expect(errors, window.length_ns >= 1, kind + "_length_ns", window.length_ns,
           "1 or more, beside a spacing");
  }
  expect(errors, plan.reorder_distance >= 1, "reorder_distance", plan.reorder_distance,
         "1 or more");
  expect(errors, plan.mtu_bytes >= 576 && plan.mtu_bytes <= 65'535, "small_mtu_bytes",
         plan.mtu_bytes, "576 to 65535");
  std::int64_t end_ns = 0;
  for (const QuietWindow& window : plan.quiet) {
    expect(errors, window.start_ns >= end_ns && window.length_ns > 0, "quiet_start_ns",
           window.start_ns, "quiet windows in order, not overlapping, longer than 0");
    end_ns = window.start_ns + window.length_ns;
  }
  return errors;
}

FaultPlan strongest_faults() {
  FaultPlan plan;
  plan.rate(FaultKind::send_unreachable) = 100'000;
  plan.rate(FaultKind::send_refused) = 100'000;
  plan.rate(FaultKind::send_no_memory) = 50'000;
  plan.rate(FaultKind::queue_drop) = 50'000;
  plan.rate(FaultKind::wire_loss) = 50'000;
  plan.rate(FaultKind::duplicate) = 50'000;
  plan.rate(FaultKind::reorder) = 50'000;
  plan.rate(FaultKind::receive_end) = 50'000;
  plan.rate(FaultKind::chain_pause) = 300'000;
  plan.rate(FaultKind::port_refused) = 20'000;
  plan.window(FaultKind::receive_burst) = {1'000'000, 300'000};
  plan.window(FaultKind::carrier_loss) = {3'000'000, 500'000};
  plan.window(FaultKind::down) = {3'000'000, 500'000};
  plan.window(FaultKind::address_loss) = {3'000'000, 500'000};
  plan.window(FaultKind::small_mtu) = {3'000'000, 500'000};
  plan.window(FaultKind::starvation) = {2'000'000, 300'000};
  plan.completion_queue = 8;
  return plan;
}

FaultPlan draw_faults(Choices& choices, const FaultPlan& most) {
  FaultPlan plan = most;
  for (std::size_t index = 0; index < kFaultKindCount; ++index) {
    const FaultKind kind = fault_kind(index);
    if (!most.has(kind)) continue;
    const bool exists = choices.pick(Site::fault_plan, 2) == 1;
    const std::uint32_t weaker = exists ? choices.pick(Site::fault_plan, 4) : 0;
    if (kind == FaultKind::small_completion_queue) {
      plan.completion_queue = exists ? most.completion_queue << weaker : 0;
    } else if (!exists) {
      plan.per_million[index] = 0;
      plan.windows[index] = FaultWindow{};
    } else if (is_rate(kind)) {
      plan.per_million[index] = std::max(most.per_million[index] >> weaker, 1U);
    } else {
      plan.windows[index].spacing_ns <<= weaker;
    }
  }
  return plan;
}

void Faults::place(engine::FlatLayout& layout, const FaultPlan& plan) {
  const bool is_planned = !plan.is_empty();
  layout.place(kinds_, is_planned ? static_cast<std::uint32_t>(kFaultKindCount) : 0U);
  layout.place(quiet_, is_planned ? static_cast<std::uint32_t>(2 * plan.quiet.size()) : 0U);
}

void Faults::start(const FaultPlan& plan) {
  reorder_distance_ = plan.reorder_distance;
  mtu_bytes_ = plan.mtu_bytes;
  for (std::uint32_t place = 0; place < kinds_.size(); ++place) {
    kinds_[place].per_million = plan.per_million[place];
    kinds_[place].spacing_ns = plan.windows[place].spacing_ns;
    kinds_[place].length_ns = plan.windows[place].length_ns;
  }
  for (std::uint32_t place = 0; place < quiet_.size(); place += 2) {
    const QuietWindow& window = plan.quiet[place / 2];
    quiet_[place] = window.start_ns;
    quiet_[place + 1] = window.start_ns + window.length_ns;
  }
}

bool Faults::is_quiet(Instant at) const {
  for (std::uint32_t place = 0; place < quiet_.size(); place += 2) {
    if (at.ns >= quiet_[place] && at.ns < quiet_[place + 1]) return true;
  }
  return false;
}

bool Faults::draw(FaultKind kind, Instant at, Choices& choices) {
  Kind& state = kinds_[index(kind)];
  if (state.per_million == 0 || is_quiet(at)) return false;
  if (choices.pick(site_of(kind), kMillion) < kMillion - state.per_million) return false;
  ++state.count;
  return true;
}

Faults::Change Faults::advance(FaultKind kind, Instant at, std::uint32_t targets,
                               Choices& choices) {
  Kind& state = kinds_[index(kind)];
  if (state.spacing_ns == 0) return Change::none;
  if (state.lasts != 0) {
    if (at < state.end) return Change::none;
    state.lasts = 0;
    set_next(kind, at, choices);
    return Change::ends;
  }
  if (state.is_set == 0) set_next(kind, at, choices);
  if (at < state.start) return Change::none;
  if (at >= state.end) {
    set_next(kind, at, choices);
    return Change::none;
  }
  state.lasts = 1;
  ++state.count;
  state.target = choices.pick(site_of(kind), targets);
  return Change::begins;
}

/// Up to twice the spacing away and twice the length long. A pick of 0 is a window of no length.
void Faults::set_next(FaultKind kind, Instant after, Choices& choices) {
  Kind& state = kinds_[index(kind)];
  const std::int64_t sooner = choices.pick(site_of(kind), kParts);
  const std::int64_t gap_ns = 2 * state.spacing_ns * (kParts - sooner) / kParts;
  state.is_set = 1;
  state.start = after + engine::Duration{std::max<std::int64_t>(gap_ns, 1)};
  state.end = state.start;
  if (sooner == 0 || is_quiet(state.start)) return;
  const std::int64_t parts = std::int64_t{choices.pick(site_of(kind), kParts)} + 1;
  state.end.ns += std::max<std::int64_t>(2 * state.length_ns * parts / kParts, 1);
  for (std::uint32_t place = 0; place < quiet_.size(); place += 2) {
    if (quiet_[place] > state.start.ns) state.end.ns = std::min(state.end.ns, quiet_[place]);  // F1
  }
}

}  // namespace reprise::sim
