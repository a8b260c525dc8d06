// Random cases for RapidCheck, each valid and small enough to run in milliseconds, that shrink to
// fewer nodes, flows and datagrams, to roomy buffers, to no faults and to the simplest picks.
#pragma once

#include <rapidcheck.h>

#include "case.hpp"

namespace reprise::proptests {

/// Runs that go on until nothing can happen any more.
rc::Gen<Case> cases();

/// Runs in which the relays are told to stop, some of them before all traffic came; some then give
/// up what still waits.
rc::Gen<Case> stopped_cases();

}  // namespace reprise::proptests
