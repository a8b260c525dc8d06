// Whether the kernel model admits what a real kernel did: carries the set of states in which the
// model may be, act by act, and drops those that do not post the completions that were observed.
//
//   B1  What the model leaves open is enumerated: which frames have left a queued link before each
//       step, and where between two calls the kernel did its work for the thread.
//   B2  Completions have one order: the n-th that a state posts must be the n-th observed, at once.
//   B3  States are the same when they will behave the same (Kernel::append_state).
//   B4  More states than allowed is an error, never an acceptance.
//
// A function of trace and profile alone: no clock, no kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "reprise/engine/error.hpp"
#include "reprise/sim/kernel_profile.hpp"
#include "reprise/trial/differential/trace.hpp"

namespace reprise::trial {

inline constexpr std::uint32_t kBeliefsMax = 20'000;

/// What a pick of the model can be. One is witnessed by a trace that cannot be had without it; that
/// some way to an accepted state took it says little, for another may not have.
enum class Alternative : std::uint8_t {
  entry_first,             ///< a frame could leave before an entry runs, and does not
  departure_before_entry,  ///< it does
  work_first,              ///< the same with what a call does for the thread
  departure_before_work,
  departure_between_calls,
  work_between_calls,     ///< work runs while the thread is not in a call (an interrupt)
  work_left_to_a_call,    ///< it waits for the thread's next call
  deadline_before_entry,  ///< a deadline that is over is seen inside a submit
  deadline_elsewhere,
  no_departure_between_fragments,  ///< a fragment meets a full queue, and nothing departs
  departure_between_fragments,
  wait_armed_undisturbed,
  wait_woken_while_arming,
  receive_armed_too_late,  ///< a frame arrives between a receive's first look and its waiting
};
inline constexpr std::size_t kAlternativeCount = 14;
std::string_view name(Alternative alternative);
using AlternativeCounts = std::array<std::uint64_t, kAlternativeCount>;

struct Verdict {
  bool admitted = false;
  bool exceeded = false;  ///< more beliefs than allowed: no verdict
  std::size_t act = 0;    ///< not admitted: the first act that no state survives
  std::string reason;     ///< not admitted: in words
  std::uint32_t beliefs_max = 0;
  AlternativeCounts taken{};  ///< on the way to the accepted state
};

/// The profile of the ring that recorded a trace.
sim::KernelProfile profile_of(const TraceSetup& setup);

/// What in a trace the model does not know or no recorder writes, by name.
engine::Expected<void> check(const Trace& trace);

/// Needs a trace that check() accepts. `without`: an alternative that is never taken.
Verdict judge(const Trace& trace, const sim::KernelProfile& profile,
              std::uint32_t beliefs_max = kBeliefsMax,
              std::optional<Alternative> without = std::nullopt);

}  // namespace reprise::trial
