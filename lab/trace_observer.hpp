// A run as a trace: what each thread of each relay did when, and how full everything was.
//
//   a process         a relay
//   a thread          a thread of it: turns, in them phases, in these submits; and what it did
//                     between phases: wait, spin, sleep, or no core
//   slices beside     "output N blocked": its socket has no room, what was refused waits;
//                     "send in the kernel": handed over and not ended when its call returned
//   counters          pool, backlog, in flight, frames, hand-off
//   instants          what was dropped or found no buffer, and faults that begin and end
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "reprise/lab/run_observer.hpp"
#include "reprise/lab/series.hpp"
#include "reprise/lab/trace_file.hpp"

namespace reprise::lab {

class TraceObserver final : public RunObserver {
 public:
  /// Writes about `events_max` events at most: what has begun then is still ended.
  TraceObserver(TraceFile file, std::uint64_t events_max);
  void see(const sim::World& world, const Measurement& measured, const sim::Event& event) override;

  /// Where the limit was reached; kNever: it was not.
  [[nodiscard]] engine::Instant full_at() const { return full_at_; }
  [[nodiscard]] std::uint64_t events() const { return file_.events(); }
  /// Ends what has begun, and the file. Call it once.
  engine::Expected<void> close();

 private:
  struct Thread {
    engine::Instant busy_until{};  ///< end of its last phase
    std::string_view between;      ///< what it does since; empty: nothing yet
    bool is_in_turn = false;
  };
  struct Hop {
    std::vector<Thread> threads;
    std::vector<bool> is_blocked;    ///< by output
    std::vector<bool> is_in_kernel;  ///< by token slot: a send beside
    std::array<bool, sim::kFaultKindCount> lasts{};
    std::array<std::uint64_t, 3> pool{};  ///< free, being filled, outstanding
    std::optional<Quantities> quantities;
    std::array<std::uint32_t, 2> hand_off{};
    std::uint64_t no_buffer = 0;
    std::uint64_t kernel_drops = 0;
    std::uint64_t queue_drops = 0;
  };

  void start(const sim::World& world);
  void add_phase(const sim::World& world, const sim::Event& event);
  void add_wake(const sim::World& world, const sim::Event& event);
  void add_between(Thread& thread, TraceTrack track, engine::Instant now);
  void add_parked(std::uint32_t index, const sim::PhaseDetail& detail, engine::Instant start,
                  engine::Instant end);
  void end_parked(std::uint32_t index, std::uint32_t slot, engine::Instant at);
  void add_blocked(std::uint32_t index, const engine::Egress& egress, engine::Instant now);
  void add_counters(std::uint32_t index, const sim::Node& node, const NodeMeasurement& measured,
                    engine::Instant now);
  void add_losses(std::uint32_t index, const sim::Node& node, const NodeMeasurement& measured,
                  engine::Instant now);
  void add_faults(std::uint32_t index, const sim::Faults& faults, engine::Instant now);

  TraceFile file_;
  std::uint64_t events_max_;
  std::vector<Hop> hops_;
  engine::Instant last_{};
  engine::Instant full_at_ = engine::kNever;
};

}  // namespace reprise::lab
