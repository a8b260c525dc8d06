// Switches a worker between packet ring and single frames by load, losing and reordering nothing.
//
// Each interface has two sockets in one fanout group, of which one gets all traffic:
//
//   steady    every look: how busy was the thread?
//   steering  the group's program is exchanged, on a thread of its own: that takes some 10 ms
//   draining  until the stage has taken all frames that the kernel put into an interface's old
//             socket; the new one keeps what comes. Then that one is received from, the old one no
//             more. After a second it is switched all the same, and counted.
//
// Where a group refuses the exchange, both its sockets are received from, for good.
// All calls but the steering are made on the worker's thread.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "reprise/daemon/ingress_mode.hpp"
#include "reprise/daemon/thread_load.hpp"
#include "reprise/daemon/worker.hpp"
#include "reprise/engine/time.hpp"

namespace reprise::daemon {

/// What was seen between two looks.
struct Load {
  std::uint32_t busy_permille = 0;  ///< of the time the thread ran, or could have run
  bool has_drops = false;           ///< the kernel dropped datagrams of ours
};

/// When to switch. Up soon where half a core is used, and after a while where the thread has
/// something to do: from there on the ring spares the whole host more work than any other way in.
/// Back where the ring is nearly idle: a datagram costs 5 to 15 times less there
/// (docs/BENCHMARKS.md), so what is 11 of 1000 with it is less than 180 without.
class ModeChoice {
 public:
  static constexpr std::uint32_t kHeavyPermille = 500;
  static constexpr std::uint32_t kUpPermille = 180;
  static constexpr std::uint32_t kDownPermille = 11;
  static constexpr std::uint32_t kLooksHeavy = 2;
  static constexpr std::uint32_t kLooksUp = 10;  ///< one that was only disturbed is not sent there
  static constexpr std::uint32_t kLooksDown = 50;

  /// The mode to work in, after one more look.
  IngressMode next(IngressMode now, const Load& load);

 private:
  // In a row:
  std::uint32_t looks_ = 0;        ///< that spoke for the other mode
  std::uint32_t heavy_looks_ = 0;  ///< that found the thread half busy or the kernel dropping
};

/// One interface's two sockets.
struct SwitchedInput {
  engine::SocketIndex frames_socket{};
  engine::SocketIndex ring_socket{};
  engine::InputIndex frames{};
  engine::InputIndex ring{};
  engine::Steering to_frames;
  engine::Steering to_ring;
};

class ModeSwitch {
 public:
  /// Starts in mode latency: the ring inputs are paused. The worker outlives it.
  ModeSwitch(Worker& worker, std::vector<SwitchedInput> inputs);
  ModeSwitch(const ModeSwitch&) = delete;
  ModeSwitch& operator=(const ModeSwitch&) = delete;
  ~ModeSwitch() = default;

  /// Does what is due. Returns when it is to be called again at the latest.
  engine::Instant attend(engine::Instant now);

  [[nodiscard]] IngressMode mode() const { return mode_; }
  [[nodiscard]] std::uint64_t switches() const { return switches_; }
  /// Interfaces whose old socket was not empty in time.
  [[nodiscard]] std::uint64_t forced() const { return forced_; }

 private:
  enum class State : std::uint8_t { steady, steering, draining };

  void look(engine::Instant now);
  void begin();
  [[nodiscard]] bool is_drained(const SwitchedInput& input);
  void drain(engine::Instant now);
  void finish(const SwitchedInput& input);
  [[nodiscard]] Load load_since_last_look(engine::Instant now);

  Worker& worker_;
  std::vector<SwitchedInput> inputs_;
  ModeChoice choice_;
  IngressMode mode_ = IngressMode::latency;
  State state_ = State::steady;
  engine::Instant due_at_{};
  engine::Instant looked_at_ = engine::kNever;
  ThreadLoad thread_load_;
  std::int64_t busy_ns_ = 0;
  std::uint64_t drops_ = 0;
  std::uint64_t switches_ = 0;
  std::uint64_t forced_ = 0;
  std::vector<SwitchedInput> draining_;
  engine::Instant drained_by_ = engine::kNever;
  std::atomic<bool> is_steered_ = false;
  std::atomic<bool> is_refused_ = false;
  std::jthread steering_;  ///< last: it has ended before the rest goes
};

}  // namespace reprise::daemon
