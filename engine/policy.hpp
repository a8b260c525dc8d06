// Policies as data: when prepared submissions are handed over, what is waited for, when completions
// are reaped.
//
// A turn is a list of phases. The runner (runner.hpp) walks it; nothing else in the engine knows
// the policy.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <span>
#include <string_view>

namespace reprise::engine {

/// What a stage does. An ingress and an egress stage, each on a thread of its own, make a pipeline.
enum class Role : std::uint32_t {
  unified,  ///< both, on one thread
  ingress,  ///< receives and hands over
  egress,   ///< sends what was handed over
};

enum class Policy : std::uint32_t {
  synchronous,  ///< submit, then wait until this batch's sends have ended
  deferred,     ///< reap what older turns left, submit at the end of the turn
  eager,        ///< as deferred, then reap once more after the submit
  adaptive,  ///< submit and collect in one call, reap at once; waits only when there is nothing to
             ///< do
};

/// What happens to a datagram when the ledger has no region for it.
enum class Exhaustion : std::uint32_t {
  wait,  ///< it stays in the kernel's socket buffer, which drops and counts when it is full
  drop,  ///< it is received, counted as no_buffer and dropped (the historic relay)
};

/// How an egress stage waits for datagrams when it has nothing to do.
enum class WakeUp : std::uint32_t {
  spin,    ///< it looks again and again; nobody needs to wake it
  event,   ///< it announces that it sleeps, looks once more, and sleeps until it is woken
  hybrid,  ///< it spins for some turns, then sleeps
};

enum class Phase : std::uint32_t {
  take_back,  ///< ingress: regions that the egress stage has given back
  drain,      ///< egress: datagrams that the ingress stage has handed over
  reap,       ///< take completions, release, take in what was received
  prepare,  ///< re-provide regions, re-arm receives, put a batch of sends into the submission queue
  submit,   ///< hand the submission queue over
  await_sends,  ///< wait and reap until no send is open
  hand_over,    ///< ingress: what was accepted goes to the egress stage
  give_back,    ///< egress: released regions go to the ingress stage
  wake_peer,    ///< wake the other stage if it has announced that it sleeps
  announce,     ///< say that this stage is about to sleep
  recheck,      ///< look whether something came between the last look and the announcement
  collect,  ///< submit and gather completions in one call; waits for one when there is nothing to
            ///< do
  idle,     ///< wait for one completion when there is nothing to do
  nap,      ///< hazard: sleep for a fixed time, whatever there is to do
};

struct Turn {
  static constexpr std::size_t kPhasesMax = 12;
  std::array<Phase, kPhasesMax> phases{};
  std::uint32_t phase_count = 0;

  constexpr void add(std::initializer_list<Phase> more) {
    for (const Phase phase : more) phases[phase_count++] = phase;
  }
  [[nodiscard]] constexpr std::span<const Phase> all() const {
    return std::span<const Phase>(phases).first(phase_count);
  }
};

/// One turn of a stage. With `naps` it ends with a sleep of fixed length instead of a wait.
Turn turn_of(Role role, Policy policy, bool naps = false);

inline constexpr std::array<std::string_view, 3> kRoleNames{"unified", "ingress", "egress"};
inline constexpr std::array<std::string_view, 4> kPolicyNames{"synchronous", "deferred", "eager",
                                                              "adaptive"};
inline constexpr std::array<std::string_view, 2> kExhaustionNames{"wait", "drop"};
inline constexpr std::array<std::string_view, 3> kWakeUpNames{"spin", "event", "hybrid"};
inline constexpr std::array<std::string_view, 14> kPhaseNames{
    "take_back", "drain",     "reap",     "prepare", "submit",  "await_sends", "hand_over",
    "give_back", "wake_peer", "announce", "recheck", "collect", "idle",        "nap"};

constexpr std::string_view name(Role role) { return kRoleNames[static_cast<std::size_t>(role)]; }
constexpr std::string_view name(Policy policy) {
  return kPolicyNames[static_cast<std::size_t>(policy)];
}
constexpr std::string_view name(Exhaustion exhaustion) {
  return kExhaustionNames[static_cast<std::size_t>(exhaustion)];
}
constexpr std::string_view name(WakeUp wake_up) {
  return kWakeUpNames[static_cast<std::size_t>(wake_up)];
}
constexpr std::string_view name(Phase phase) {
  return kPhaseNames[static_cast<std::size_t>(phase)];
}

/// The value of an enumeration whose names are listed in its order.
template <class Enum, std::size_t Count>
constexpr std::optional<Enum> value_from(const std::array<std::string_view, Count>& names,
                                         std::string_view text) {
  for (std::size_t index = 0; index < Count; ++index) {
    if (names[index] == text) return static_cast<Enum>(index);
  }
  return std::nullopt;
}
constexpr std::optional<Policy> policy_from(std::string_view text) {
  return value_from<Policy>(kPolicyNames, text);
}
constexpr std::optional<Exhaustion> exhaustion_from(std::string_view text) {
  return value_from<Exhaustion>(kExhaustionNames, text);
}
constexpr std::optional<WakeUp> wake_up_from(std::string_view text) {
  return value_from<WakeUp>(kWakeUpNames, text);
}

}  // namespace reprise::engine
