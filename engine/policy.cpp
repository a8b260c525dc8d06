#include "reprise/engine/policy.hpp"

namespace reprise::engine {
namespace {

Turn unified_turn(Policy policy) {
  using enum Phase;
  Turn turn;
  switch (policy) {
    case Policy::synchronous: turn.add({reap, prepare, submit, await_sends, idle}); break;
    case Policy::deferred: turn.add({reap, prepare, submit, idle}); break;
    case Policy::eager: turn.add({reap, prepare, submit, reap, idle}); break;
    case Policy::adaptive: turn.add({prepare, collect, reap}); break;
  }
  return turn;
}

/// What a turn releases it gives back before the next drain; the announcement comes after the last
/// thing that could give the stage work.
Turn egress_turn(Policy policy) {
  using enum Phase;
  Turn turn;
  switch (policy) {
    case Policy::synchronous:
      // Beside its own sends, a wait for "writable" may have ended.
      turn.add({drain, reap, prepare, submit, await_sends, give_back, wake_peer});
      turn.add({announce, recheck, idle});
      break;
    case Policy::deferred:
      turn.add({drain, reap, prepare, give_back, wake_peer, submit});
      turn.add({announce, recheck, idle});
      break;
    case Policy::eager:
      turn.add({drain, reap, prepare, submit, reap, give_back, wake_peer});
      turn.add({announce, recheck, idle});
      break;
    case Policy::adaptive:
      turn.add({drain, prepare, announce, recheck, collect, reap, give_back, wake_peer});
      break;
  }
  return turn;
}

/// What has come back while it waited counts before what has arrived is judged.
Turn ingress_turn() {
  using enum Phase;
  Turn turn;
  turn.add({prepare, announce, recheck, collect, take_back, reap, hand_over, wake_peer});
  return turn;
}

/// A turn that sleeps whatever there is to do needs no other way of waiting.
Turn with_nap(const Turn& turn) {
  using enum Phase;
  Turn napping;
  for (const Phase phase : turn.all()) {
    if (phase == announce || phase == recheck || phase == idle) continue;
    napping.add({phase == collect ? submit : phase});
  }
  napping.add({nap});
  return napping;
}

}  // namespace

Turn turn_of(Role role, Policy policy, bool naps) {
  switch (role) {
    case Role::unified: return naps ? with_nap(unified_turn(policy)) : unified_turn(policy);
    case Role::ingress: return ingress_turn();
    case Role::egress: return naps ? with_nap(egress_turn(policy)) : egress_turn(policy);
  }
  return {};
}

}  // namespace reprise::engine
