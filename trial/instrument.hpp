// What measures: each instrument finds some of the costs, once per round.
#pragma once

#include <memory>

#include "reprise/engine/error.hpp"
#include "reprise/trial/cable.hpp"
#include "reprise/trial/readings.hpp"

namespace reprise::trial {

class Instrument {
 public:
  Instrument() = default;
  Instrument(const Instrument&) = delete;
  Instrument& operator=(const Instrument&) = delete;
  virtual ~Instrument() = default;

  /// Adds one round's values. Called by the pinned thread. An error ends the calibration.
  virtual engine::Expected<void> read(Readings& readings) = 0;
};

using MadeInstrument = engine::Expected<std::unique_ptr<Instrument>>;

/// call, send, linked, send_byte, prepare, completion.
MadeInstrument make_send_costs(const Cable& cable, unsigned other_core);
/// receive, receive_byte, provide, datagram. Reads completion_ns: comes after make_send_costs().
MadeInstrument make_receive_costs(const Cable& cable, unsigned other_core);
/// turn, spin.
MadeInstrument make_turn_costs();
/// wake, wake_call.
MadeInstrument make_wake_costs(unsigned other_core);
/// crossing, shared.
MadeInstrument make_crossing_costs(unsigned other_core);
/// sleep_slack, switch, slice. `core` is the one that the calling thread is pinned to.
MadeInstrument make_scheduler_costs(unsigned core);
/// move_byte.
MadeInstrument make_move_costs();
/// log_line.
MadeInstrument make_log_costs();

}  // namespace reprise::trial
