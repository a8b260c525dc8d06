// A relay in this process: memberships, and lanes that share the flows (lane.hpp). The first lane
// runs on the thread that calls run(), each further one on a thread of its own.
//
// open() does everything that can fail for an operator's reasons, or nothing: no socket, no
// membership and no region outlives a failed call. run() relays until request_stop(). Where it has
// to give up it says so by regions that are still outstanding.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reprise/daemon/lane.hpp"
#include "reprise/daemon/relay_options.hpp"
#include "reprise/daemon/relay_report.hpp"
#include "reprise/daemon/shield/shield.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/rule.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/memberships.hpp"

namespace reprise::daemon {

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
  [[nodiscard]] const BackendChoice& backend() const { return lanes_.front()->backend(); }
  /// How it receives; automatic: by load.
  [[nodiscard]] IngressMode mode() const;

  /// What an operator should know though it stops nothing; one line each.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }

 private:
  explicit Relay(const RelayOptions& options) : options_(options) {}

  engine::Expected<void> open_lanes(std::span<const engine::Rule> rules);
  engine::Expected<void> record_flight();
  engine::Expected<void> join(std::span<const engine::Rule> rules);
  engine::Expected<void> shield_inputs(std::span<const engine::Rule> rules);
  void run_lanes(const Worker::Attend& attend);
  void end_other_lanes();
  void enforce_drain_time(engine::Instant now);
  RelayReport report();

  RelayOptions options_;
  std::unique_ptr<FlightLog> flight_log_;  ///< outlives the lanes, which record there
  std::vector<std::unique_ptr<Lane>> lanes_;
  posix::Memberships memberships_;
  std::vector<posix::Descriptor> held_ports_;
  std::vector<OutputReport> outputs_;  ///< their names; in the order of Worker::watch()
  bool abandoned_ = false;
  std::atomic<bool> stop_requested_ = false;
  engine::Instant stop_deadline_ = engine::kNever;
  engine::Instant started_at_{};
  std::vector<std::string> notes_;
  std::vector<Shield> shields_;  ///< last, so that they go first
};

}  // namespace reprise::daemon
