// Every cost of the simulator's profile, in its order: name, where it goes, what it is.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include "reprise/sim/world_config.hpp"

namespace reprise::trial {

struct Cost {
  std::string_view name;  ///< as scenarios spell it; its end is the unit, ns or ps
  std::int64_t sim::CostProfile::* member;
  std::string_view meaning;  ///< what was done to measure it, for people
};

inline constexpr std::array kCosts{
    Cost{"call_ns", &sim::CostProfile::call_ns, "an enter that finds nothing"},
    Cost{"submit_ns", &sim::CostProfile::submit_ns, "a submit beside its sends and call_ns"},
    Cost{"gather_ns", &sim::CostProfile::gather_ns, "an enter beside its receives and call_ns"},
    Cost{"send_ns", &sim::CostProfile::send_ns, "one send more in a submit, less its bytes"},
    Cost{"linked_ns", &sim::CostProfile::linked_ns, "the same in a chain, less the send"},
    Cost{"send_byte_ps", &sim::CostProfile::send_byte_ps, "sends of 1400 bytes against 64"},
    Cost{"receive_ns", &sim::CostProfile::receive_ns, "one frame more that waits at an enter"},
    Cost{"receive_byte_ps", &sim::CostProfile::receive_byte_ps, "frames of 1400 bytes against 64"},
    Cost{"prepare_ns", &sim::CostProfile::prepare_ns, "one send more: stage and backend"},
    Cost{"provide_ns", &sim::CostProfile::provide_ns, "one region more: stage and backend"},
    Cost{"completion_ns", &sim::CostProfile::completion_ns, "one ended send more: both"},
    Cost{"datagram_ns", &sim::CostProfile::datagram_ns, "one frame more, less completion_ns"},
    Cost{"turn_ns", &sim::CostProfile::turn_ns, "one phase of an idle unified stage"},
    Cost{"wake_ns", &sim::CostProfile::wake_ns, "wake() has returned to the sleeper runs"},
    Cost{"crossing_ns", &sim::CostProfile::crossing_ns,
         "an item of batches of 32 in a queue, less shared_ns"},
    Cost{"shared_ns", &sim::CostProfile::shared_ns, "half a ping-pong between two cores"},
    Cost{"wake_call_ns", &sim::CostProfile::wake_call_ns, "wake(), to a sleeper"},
    Cost{"spin_ns", &sim::CostProfile::spin_ns, "one turn of an idle egress stage"},
    Cost{"sleep_slack_ns", &sim::CostProfile::sleep_slack_ns, "a sleep of 50 us, less 50 us"},
    Cost{"switch_ns", &sim::CostProfile::switch_ns, "a yield to another thread, less a yield"},
    Cost{"slice_ns", &sim::CostProfile::slice_ns, "one of two busy threads on a core runs"},
    Cost{"move_byte_ps", &sim::CostProfile::move_byte_ps,
         "32 moves of 96 KiB by 96 bytes, from far caches"},
    Cost{"log_line_ns", &sim::CostProfile::log_line_ns, "a line formatted, written to a file"},
};

static_assert(sizeof(sim::CostProfile) == kCosts.size() * sizeof(std::int64_t),
              "a cost of the profile is missing here: nothing would measure it");

}  // namespace reprise::trial
