// Every property by its name, so that a case in a file can be tried again.
//
// Each is defined in the *_properties.cpp of its subject. It steps a run to its end and says what
// went wrong first, if anything.
#pragma once

#include <array>
#include <expected>
#include <string>
#include <string_view>

#include "case_run.hpp"

namespace reprise::proptests {

/// Nothing, or what was violated, with the step and the node.
using Verdict = std::expected<void, std::string>;

Verdict buffers_are_conserved(CaseRun& run);
Verdict datagrams_are_conserved(CaseRun& run);
Verdict payloads_arrive_unaltered(CaseRun& run);
Verdict flows_keep_their_order(CaseRun& run);
Verdict relays_become_quiet(CaseRun& run);
Verdict relays_stop(CaseRun& run);
Verdict outstanding_obeys_little(CaseRun& run);
Verdict in_flight_obeys_little(CaseRun& run);

struct Property {
  std::string_view name;
  Verdict (*holds)(CaseRun& run);
};

inline constexpr std::array<Property, 8> kProperties{{
    {"buffers_are_conserved", buffers_are_conserved},
    {"datagrams_are_conserved", datagrams_are_conserved},
    {"payloads_arrive_unaltered", payloads_arrive_unaltered},
    {"flows_keep_their_order", flows_keep_their_order},
    {"relays_become_quiet", relays_become_quiet},
    {"relays_stop", relays_stop},
    {"outstanding_obeys_little", outstanding_obeys_little},
    {"in_flight_obeys_little", in_flight_obeys_little},
}};

}  // namespace reprise::proptests
