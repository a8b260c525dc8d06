// What happened in one step of a world: the only input of digests, traces and properties.
#pragma once

#include <cstdint>

#include "reprise/engine/policy.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/sim/choices.hpp"

namespace reprise::sim {

enum class EventKind : std::uint8_t {
  quiet,    ///< nothing can happen any more
  arrival,  ///< a datagram was offered: index = flow, first = sequence, second = 1 where the socket
            ///< dropped it
  phase,  ///< a thread did a phase: index = node, first = thread << 32 | phase, second = digest of
          ///< what it did
  wake,   ///< a thread came back from a wait, and the kernel did for it what it does on the way:
          ///< index = node, first = thread << 32
  departure,    ///< a frame left a sender's socket buffer: index = link
  delivery,     ///< a frame reached the end of a link: index = node, first = sequence of its first
                ///< datagram, second: delivered_of()
  release,      ///< a frame that the network had held back reached its relay: index = node, first =
                ///< sequence, second = flow
  disturbance,  ///< a fault began or ended that lasts: index = node
  ring_tick,    ///< the timer of a packet ring handed over a block: index = node
};

struct Event {
  engine::Instant time;
  EventKind kind = EventKind::quiet;
  std::uint32_t index = 0;
  std::uint64_t first = 0;
  std::uint64_t second = 0;
};

/// Of phase events.
constexpr engine::Phase phase_of(const Event& event) {
  return static_cast<engine::Phase>(event.first & 0xffff'ffffU);
}
constexpr std::uint32_t thread_of(const Event& event) {
  return static_cast<std::uint32_t>(event.first >> 32);
}

/// Of delivery events.
struct DeliveredFrame {
  std::uint32_t link = 0;
  std::uint32_t flow = 0;
  std::uint32_t datagrams = 1;  ///< merged into it
  bool is_damaged = false;
};
constexpr std::uint64_t delivered_word(std::uint32_t link, std::uint32_t flow,
                                       std::uint32_t datagrams, bool is_damaged) {
  return std::uint64_t{link} << 32 | std::uint64_t{datagrams - 1} << 20 | std::uint64_t{flow} << 1 |
         (is_damaged ? 1U : 0U);
}
constexpr DeliveredFrame delivered_of(const Event& event) {
  return {static_cast<std::uint32_t>(event.second >> 32),
          static_cast<std::uint32_t>(event.second >> 1) & 0x7'ffffU,
          (static_cast<std::uint32_t>(event.second) >> 20) + 1, (event.second & 1U) != 0};
}

/// A running digest of events. Equal runs have equal digests on every machine, compiler and build
/// type.
class Digest {
 public:
  void add(std::uint64_t value) { state_ = mix(state_ ^ value); }
  void add(const Event& event) {
    add(static_cast<std::uint64_t>(event.time.ns));
    add(static_cast<std::uint64_t>(event.kind) << 32 | event.index);
    add(event.first);
    add(event.second);
  }
  [[nodiscard]] std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0;
};

}  // namespace reprise::sim
