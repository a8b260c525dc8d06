// Policies as data: when prepared submissions are handed over, what is waited for, when completions
// are reaped.
//
// A turn is a list of phases. The runner (runner.hpp) walks it; nothing else in the engine knows
// the policy.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace reprise::engine {

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

enum class Phase : std::uint32_t {
  reap,     ///< take completions, release, take in what was received
  prepare,  ///< re-provide regions, re-arm receives, put a batch of sends into the submission queue
  submit,   ///< hand the submission queue over
  await_sends,  ///< wait and reap until no send is open
  collect,  ///< submit and gather completions in one call; waits for one when there is nothing to
            ///< do
  idle,     ///< wait for one completion when there is nothing to do
};

struct Turn {
  std::array<Phase, 5> phases{};
  std::uint32_t phase_count = 0;
};

/// One turn of a unified stage.
constexpr Turn unified_turn(Policy policy) {
  using enum Phase;
  switch (policy) {
    case Policy::synchronous: return {{reap, prepare, submit, await_sends, idle}, 5};
    case Policy::deferred: return {{reap, prepare, submit, idle}, 4};
    case Policy::eager: return {{reap, prepare, submit, reap, idle}, 5};
    case Policy::adaptive: return {{prepare, collect, reap}, 3};
  }
  return {};
}

inline constexpr std::array<std::string_view, 4> kPolicyNames{"synchronous", "deferred", "eager",
                                                              "adaptive"};
inline constexpr std::array<std::string_view, 2> kExhaustionNames{"wait", "drop"};
inline constexpr std::array<std::string_view, 6> kPhaseNames{"reap",        "prepare", "submit",
                                                             "await_sends", "collect", "idle"};

constexpr std::string_view name(Policy policy) {
  return kPolicyNames[static_cast<std::size_t>(policy)];
}
constexpr std::string_view name(Exhaustion exhaustion) {
  return kExhaustionNames[static_cast<std::size_t>(exhaustion)];
}
constexpr std::string_view name(Phase phase) {
  return kPhaseNames[static_cast<std::size_t>(phase)];
}

constexpr std::optional<Policy> policy_from(std::string_view text) {
  for (std::size_t index = 0; index < kPolicyNames.size(); ++index) {
    if (kPolicyNames[index] == text) return static_cast<Policy>(index);
  }
  return std::nullopt;
}
constexpr std::optional<Exhaustion> exhaustion_from(std::string_view text) {
  for (std::size_t index = 0; index < kExhaustionNames.size(); ++index) {
    if (kExhaustionNames[index] == text) return static_cast<Exhaustion>(index);
  }
  return std::nullopt;
}

}  // namespace reprise::engine
