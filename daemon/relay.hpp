// A relay in this process, with the sockets that its rules need: one worker with a unified stage,
// or a pipeline of two, of which one receives on the thread that calls run() and one sends on a
// thread of its own.
//
// open() does everything that can fail for an operator's reasons, or nothing: no socket, no
// membership and no region outlives a failed call. run() relays until request_stop(). Where it has
// to give up it says so by regions that are still outstanding.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reprise/daemon/backend_choice.hpp"
#include "reprise/daemon/relay_report.hpp"
#include "reprise/daemon/thread_hand_off.hpp"
#include "reprise/daemon/worker.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/rule.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/memberships.hpp"

namespace reprise::daemon {

struct RelayOptions {
  BackendKind backend = BackendKind::automatic;
  std::uint32_t threads = 1;  ///< 1: a unified stage; 2: a pipeline
  engine::StageConfig stage;  ///< capacities grow with the rules; region_bytes with the inputs' MTU
  std::uint8_t hops = 16;     ///< TTL or hop limit of what is sent, 1…255
  std::uint32_t receive_buffer_bytes = 4U
                                       << 20U;  ///< of each packet socket; the host may grant less
  std::uint32_t send_buffer_bytes = 0;          ///< of each output's socket; 0: the host's default
  engine::Duration drain = engine::seconds(1);  ///< how long a stop waits for blocked outputs
  bool one_core = false;                        ///< hazard: all threads on one core
  int log_descriptor = 2;                       ///< hazard log_lines: where they are written
  bool census = false;                          ///< sample where the buffers are
};

class Relay {
 public:
  static engine::Expected<std::unique_ptr<Relay>> open(std::span<const engine::Rule> rules,
                                                       const RelayOptions& options);

  /// Relays until request_stop(), then sends what was accepted, for at most the drain time; what is
  /// left then is dropped and counted. With an interval, `on_interval` is called about that often
  /// on this thread.
  RelayReport run(engine::Duration interval = {},
                  const std::function<void(const RelayReport&)>& on_interval = {});

  /// Any thread, async-signal-safe.
  void request_stop();

  /// What it works with, and why.
  [[nodiscard]] const BackendChoice& backend() const { return backend_; }

 private:
  struct Input {
    std::string interface;
    engine::SocketIndex socket{};
    engine::InputIndex index{};
    std::vector<engine::WantedTraffic> wanted;
  };

  Relay(const RelayOptions& options, OpenedBackend first, std::unique_ptr<engine::Backend> second);

  [[nodiscard]] Worker& receiving() { return *first_; }
  [[nodiscard]] Worker& sending() { return second_ ? *second_ : *first_; }
  engine::Expected<void> share_memory();
  engine::Expected<void> open_inputs(std::span<const engine::Rule> rules);
  engine::Expected<void> open_outputs(std::span<const engine::Rule> rules);
  engine::Expected<engine::OutputIndex> open_route(const engine::Rule& rule,
                                                   std::span<const engine::SocketIndex> sockets);
  void run_workers(const Worker::Attend& attend);
  void enforce_drain_time(engine::Instant now);
  RelayReport report();

  RelayOptions options_;
  BackendChoice backend_;
  // In this order: the second worker's backend sends from the first one's memory, and both threads
  // have ended before what they share does.
  std::unique_ptr<Worker> first_;
  std::unique_ptr<Worker> second_;  ///< of a pipeline
  std::unique_ptr<ThreadHandOff> hand_off_;
  IngressOccupancy ingress_occupancy_;
  posix::Memberships memberships_;
  std::vector<posix::Descriptor> held_ports_;
  std::vector<Input> inputs_;
  std::vector<OutputReport> outputs_;  ///< their names; in the order of Worker::watch()
  bool abandoned_ = false;
  std::atomic<bool> stop_requested_ = false;
  engine::Instant stop_deadline_ = engine::kNever;
  engine::Instant started_at_{};
};

}  // namespace reprise::daemon
