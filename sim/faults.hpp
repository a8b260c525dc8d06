// Faults: what goes wrong in a run, how often, and when nothing does (docs/FAULTS.md).
//
// A FaultPlan says which kinds there are and how strong. Whether a fault happens is a pick at its
// kind's site, so that a run is its picks and 0 is no fault. Nothing is drawn, and nothing costs
// more than a branch, where no plan is.
//
//   F1  In a quiet window no fault happens, and one that lasts ends with its start.
//   F2  Every fault that happened is counted under its kind; what it lost is counted by whoever
//       lost it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/flat.hpp"
#include "reprise/engine/time.hpp"
#include "reprise/sim/choices.hpp"

namespace reprise::sim {

enum class FaultKind : std::uint8_t {
  // Each time that it could happen, so often per million.
  send_unreachable,  ///< a send fails, unreachable
  send_refused,      ///< a send is refused though there is room
  send_no_memory,    ///< a send fails, no_buffer
  queue_drop,        ///< the queueing discipline drops a datagram though it is not full
  wire_loss,         ///< a frame does not reach its relay
  duplicate,         ///< a frame reaches its relay twice
  reorder,           ///< a frame is overtaken by the next ones before it reaches its relay
  receive_end,       ///< a multishot receive ends without reason
  chain_pause,       ///< the rest of a chain is left to a later call
  port_refused,      ///< whoever gets a datagram refuses its port (ICMP): the next send is told
  setup_failure,     ///< a socket cannot be opened (SimulatedHost; a world opens none)
  // For a while, again and again.
  receive_burst,  ///< frames are held back, and reach their relay all at once
  carrier_loss,   ///< a cable is unplugged
  down,           ///< an interface is down, that of an output or the input's
  address_loss,   ///< the source address of an output's interface is gone
  small_mtu,      ///< an output's MTU is smaller
  starvation,     ///< a thread does not get its core
  // From beginning to end.
  small_completion_queue,  ///< completions overflow
};
inline constexpr std::size_t kFaultKindCount = 18;
inline constexpr std::array<std::string_view, kFaultKindCount> kFaultNames{
    "send_unreachable", "send_refused",  "send_no_memory",        "queue_drop",  "wire_loss",
    "duplicate",        "reorder",       "receive_end",           "chain_pause", "port_refused",
    "setup_failure",    "receive_burst", "carrier_loss",          "down",        "address_loss",
    "small_mtu",        "starvation",    "small_completion_queue"};
constexpr std::string_view name(FaultKind kind) {
  return kFaultNames[static_cast<std::size_t>(kind)];
}
constexpr FaultKind fault_kind(std::size_t index) { return static_cast<FaultKind>(index); }
constexpr bool is_window(FaultKind kind) {
  return kind >= FaultKind::receive_burst && kind <= FaultKind::starvation;
}
constexpr bool is_rate(FaultKind kind) { return kind < FaultKind::receive_burst; }

/// Times of a fault that lasts: random ones, of which these are the means.
struct FaultWindow {
  std::int64_t spacing_ns = 0;  ///< from the end of one to the start of the next; 0: there is none
  std::int64_t length_ns = 0;
  friend bool operator==(const FaultWindow&, const FaultWindow&) = default;
};

/// A time without faults.
struct QuietWindow {
  std::int64_t start_ns = 0;
  std::int64_t length_ns = 0;
  friend bool operator==(const QuietWindow&, const QuietWindow&) = default;
};

struct FaultPlan {
  std::array<std::uint32_t, kFaultKindCount> per_million{};  ///< of the kinds that are rates
  std::array<FaultWindow, kFaultKindCount> windows{};        ///< of those that last
  std::uint32_t reorder_distance = 3;                        ///< how many frames overtake one
  std::uint32_t mtu_bytes = 576;                             ///< what a small MTU is
  std::uint32_t completion_queue = 0;                        ///< entries at most; 0: as configured
  std::vector<QuietWindow> quiet;                            ///< in order, not overlapping

  [[nodiscard]] std::uint32_t& rate(FaultKind kind) {
    return per_million[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] FaultWindow& window(FaultKind kind) {
    return windows[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] bool has(FaultKind kind) const;
  [[nodiscard]] bool is_empty() const;
  friend bool operator==(const FaultPlan&, const FaultPlan&) = default;
};

/// Every contradiction, by the name of its field as scenarios spell it.
std::vector<engine::Error> check(const FaultPlan& plan);

/// Every kind that a world has, as strong as a relay should still make sense of.
FaultPlan strongest_faults();

/// Swarm testing (Groce et al., "Swarm testing", ISSTA 2012): of the kinds that `most` has each
/// exists or not, and is as strong as there or weaker. What would hide behind a kind that is always
/// there shows in the runs without it.
FaultPlan draw_faults(Choices& choices, const FaultPlan& most = strongest_faults());

/// The faults of one node, as far as they have come. A flat value.
class Faults {
 public:
  void place(engine::FlatLayout& layout, const FaultPlan& plan);
  void start(const FaultPlan& plan);
  [[nodiscard]] bool are_planned() const { return kinds_.size() > 0; }

  /// Whether a fault of this kind happens here and now; counts it.
  bool happens(FaultKind kind, engine::Instant at, Choices& choices) {
    return are_planned() && draw(kind, at, choices);
  }

  enum class Change : std::uint8_t { none, begins, ends };
  /// Of a kind that lasts: whether it begins or ends by now, at one of `targets` places. One that
  /// nobody looked at did not happen.
  Change advance(FaultKind kind, engine::Instant at, std::uint32_t targets, Choices& choices);
  /// Between begin and end: when it ends, and where it is.
  [[nodiscard]] bool lasts(FaultKind kind) const { return kinds_[index(kind)].lasts != 0; }
  [[nodiscard]] engine::Instant end(FaultKind kind) const { return kinds_[index(kind)].end; }
  [[nodiscard]] std::uint32_t target(FaultKind kind) const { return kinds_[index(kind)].target; }

  /// How many faults of this kind happened.
  [[nodiscard]] std::uint64_t count(FaultKind kind) const {
    return are_planned() ? kinds_[index(kind)].count : 0;
  }
  [[nodiscard]] std::uint32_t reorder_distance() const { return reorder_distance_; }
  [[nodiscard]] std::uint32_t mtu_bytes() const { return mtu_bytes_; }
  /// The MTU of the output that has a small one now.
  void set_full_mtu(std::uint32_t mtu_bytes) { full_mtu_bytes_ = mtu_bytes; }
  [[nodiscard]] std::uint32_t full_mtu_bytes() const { return full_mtu_bytes_; }

 private:
  struct Kind {
    std::int64_t spacing_ns = 0;
    std::int64_t length_ns = 0;
    engine::Instant start;  ///< of this window, or the next one
    engine::Instant end;
    std::uint64_t count = 0;
    std::uint32_t per_million = 0;
    std::uint32_t target = 0;
    std::uint32_t is_set = 0;  ///< start and end are
    std::uint32_t lasts = 0;
  };
  static constexpr std::uint32_t index(FaultKind kind) { return static_cast<std::uint32_t>(kind); }
  bool draw(FaultKind kind, engine::Instant at, Choices& choices);
  void set_next(FaultKind kind, engine::Instant after, Choices& choices);
  [[nodiscard]] bool is_quiet(engine::Instant at) const;

  engine::FlatArray<Kind> kinds_;          ///< none where no fault is planned
  engine::FlatArray<std::int64_t> quiet_;  ///< start and end of each
  std::uint32_t reorder_distance_ = 0;
  std::uint32_t mtu_bytes_ = 0;
  std::uint32_t full_mtu_bytes_ = 0;
  std::uint32_t reserved_ = 0;
};

}  // namespace reprise::sim
