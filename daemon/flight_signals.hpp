// What signals mean to a process that records: SIGUSR2 a copy, a fatal one a mark in the recording.
#pragma once

#include <cstdint>

namespace reprise::daemon {

class FlightLog;

/// Installs the handlers. `fatal_signal`, in the recording's header, gets the number of a fatal
/// signal before it ends the process as it would anyway.
void handle_flight_signals(FlightLog& log, std::uint32_t& fatal_signal);
/// Before either goes.
void ignore_flight_signals();

}  // namespace reprise::daemon
