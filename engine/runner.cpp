#include "reprise/engine/runner.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace reprise::engine {
namespace {

/// Items that cross at once; more go in further calls of the same phase.
constexpr std::size_t kCrossingMax = 64;

void reap(Stage& stage, const Surroundings& around) {
  around.batch.accept_from_rings(stage.ring_room());
  around.backend.reap(around.batch);
  stage.complete(around.batch, around.memory);
}

/// Fills the submission queue. What finds no room there stays in the stage's list and goes with the
/// next turn.
void prepare(Stage& stage, const Surroundings& around) {
  stage.prepare(around.memory);
  if (stage.outgoing().submissions.empty()) return;
  stage.taken(around.backend.prepare(stage.outgoing()));
}

/// Whether there was something.
bool drain(Stage& stage, HandOff& hand_off) {
  std::array<WorkItem, kCrossingMax> items;
  for (bool found = false;;) {
    const std::size_t wanted = std::min<std::size_t>(stage.drain_room(), items.size());
    if (wanted == 0) return found;
    const std::uint32_t count = hand_off.drain(std::span(items).first(wanted));
    stage.take_over(std::span(items).first(count));
    found = found || count > 0;
    if (count < wanted) return found;
  }
}

void take_back(Stage& stage, HandOff& hand_off) {
  std::array<ReturnItem, kCrossingMax> returns;
  for (std::uint32_t count = kCrossingMax; count == kCrossingMax;) {
    count = hand_off.take_back(returns);
    stage.take_back(std::span(returns).first(count));
  }
}

void give_back(Stage& stage, HandOff& hand_off) {
  std::array<ReturnItem, kCrossingMax> returns;
  while (stage.has_returns()) {
    std::size_t count = 0;
    while (stage.has_returns() && count < returns.size()) returns[count++] = stage.give_back();
    hand_off.give_back(std::span(returns).first(count));
  }
}

/// A stage that a command has stopped since the turn began gets no completion any more.
bool has_nothing_to_do(const Stage& stage) { return !stage.has_work() && !stage.is_stopped(); }

/// Something of this stage lies in the backend.
bool has_open_operations(const Stage& stage) {
  return stage.sends_open() + stage.egress().waits_open() > 0;
}

Role peer_of(Role role) { return role == Role::ingress ? Role::egress : Role::ingress; }

}  // namespace

Runner::Runner(const StageConfig& config)
    : turn_(turn_of(config.role, config.policy, config.hazards.nap_us > 0)),
      wake_up_(config.wake_up),
      spin_turns_(config.spin_turns),
      nap_us_(config.hazards.nap_us) {}

void Runner::advance() {
  if (++position_ < turn_.phase_count) return;
  position_ = 0;
  ++turns_;
}

Next Runner::step(Stage& stage, const Surroundings& around) {
  for (;;) {
    if (position_ == 0 && stage.is_stopped()) return {Next::Kind::stopped};
    if (is_due(stage)) return act(stage, around);
    advance();
  }
}

/// Phases that would do nothing are left out. The first of a turn never is.
bool Runner::is_due(const Stage& stage) const {
  switch (phase()) {
    case Phase::reap:
    case Phase::submit: return stage.role() != Role::egress || has_open_operations(stage);
    case Phase::hand_over: return !stage.handing_over().empty();
    case Phase::give_back: return stage.has_returns();
    case Phase::wake_peer: return wake_due_ != 0;
    case Phase::announce:
      if (!has_nothing_to_do(stage)) return false;
      if (stage.role() == Role::ingress) return stage.needs_returns();
      if (stage.sends_open() > 0) return false;
      return wake_up_ == WakeUp::event ||
             (wake_up_ == WakeUp::hybrid && idle_turns_ >= spin_turns_);
    case Phase::recheck: return sleep_ == Sleep::announced;
    case Phase::take_back:
    case Phase::drain:
    case Phase::prepare:
    case Phase::await_sends:
    case Phase::collect:
    case Phase::idle:
    case Phase::nap: break;
  }
  return true;
}

bool Runner::begins_turn(const Stage& stage) const {
  Runner ahead = *this;
  while (ahead.position_ != 0 && !ahead.is_due(stage)) ahead.advance();
  return ahead.position_ == 0;
}

Next Runner::act(Stage& stage, const Surroundings& around) {
  last_phase_ = phase();
  switch (phase()) {
    case Phase::take_back: take_back(stage, *around.hand_off); break;
    case Phase::drain:
      if (drain(stage, *around.hand_off)) idle_turns_ = 0;
      break;
    case Phase::reap: reap(stage, around); break;
    case Phase::prepare: prepare(stage, around); break;
    case Phase::submit: around.backend.submit(); break;
    case Phase::await_sends: return await_sends(stage, around);
    case Phase::hand_over:
      around.hand_off->hand_over(stage.handing_over());
      stage.handed_over();
      wake_due_ = 1;
      break;
    case Phase::give_back:
      give_back(stage, *around.hand_off);
      wake_due_ = 1;
      break;
    case Phase::wake_peer:
      around.hand_off->wake(peer_of(stage.role()));
      wake_due_ = 0;
      break;
    case Phase::announce:
      around.hand_off->announce(stage.role());
      sleep_ = Sleep::announced;
      break;
    case Phase::recheck:
      sleep_ = around.hand_off->has_items_for(stage.role()) ? Sleep::none : Sleep::due;
      break;
    case Phase::collect: {
      const Next next = wait_or_go_on(stage);
      advance();
      // What was prepared is handed over, and what the kernel has ready is gathered.
      const bool calls = stage.role() != Role::egress || has_open_operations(stage);
      if (next.kind == Next::Kind::run && calls) return {Next::Kind::wait, 0};
      return next;
    }
    case Phase::idle: {
      const Next next = wait_or_go_on(stage);
      advance();
      return next;
    }
    case Phase::nap: advance(); return {Next::Kind::sleep, 0, Duration{nap_us_ * 1000LL}};
  }
  advance();
  return {};
}

Next Runner::await_sends(Stage& stage, const Surroundings& around) {
  if (reap_due_ != 0) {
    reap_due_ = 0;
    reap(stage, around);
    return {};
  }
  if (stage.sends_open() == 0) {
    advance();
    return {};
  }
  // What did not fit into the submission queue belongs to this batch.
  if (!stage.outgoing().submissions.empty()) prepare(stage, around);
  reap_due_ = 1;
  return {Next::Kind::wait, 1};
}

/// Waits where nothing is to be done and whatever comes ends the wait.
Next Runner::wait_or_go_on(const Stage& stage) {
  const bool may_sleep = std::exchange(sleep_, Sleep::none) == Sleep::due;
  if (!has_nothing_to_do(stage)) {
    idle_turns_ = 0;
    return {};
  }
  const Next wait{Next::Kind::wait, 1};
  switch (stage.role()) {
    case Role::unified: return wait;
    case Role::ingress: return may_sleep || !stage.needs_returns() ? wait : Next{};
    case Role::egress: break;
  }
  if (may_sleep || stage.sends_open() > 0) {
    idle_turns_ = 0;
    return may_sleep ? wait : Next{};
  }
  ++idle_turns_;
  return {stage.egress().waits_open() > 0 ? Next::Kind::poll : Next::Kind::spin};
}

}  // namespace reprise::engine
