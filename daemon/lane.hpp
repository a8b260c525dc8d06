// A lane: everything that relays one share of the flows. A worker with a unified stage, or a
// pipeline of two; their backends, their sockets, their memory.
//
// open() opens all of it or nothing. run() is called on the lane's own thread, the rest on the
// thread that opened it, but where it says otherwise.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "reprise/daemon/mode_switch.hpp"
#include "reprise/daemon/relay_options.hpp"
#include "reprise/daemon/relay_report.hpp"
#include "reprise/daemon/thread_hand_off.hpp"
#include "reprise/daemon/worker.hpp"

namespace reprise::daemon {

/// Which of the lanes of a relay.
struct LaneShare {
  std::uint16_t index = 0;
  std::uint16_t count = 1;
  std::vector<std::uint16_t> fanout_groups;  ///< of its interfaces; empty: this is the first lane
};

class Lane {
 public:
  /// In mode automatic, where packet rings or fanout groups are refused, it receives frame by frame
  /// and notes why.
  static engine::Expected<std::unique_ptr<Lane>> open(std::span<const engine::Rule> rules,
                                                      const RelayOptions& options,
                                                      const LaneShare& share);

  /// Relays until it has stopped or is given up. `attend` as Worker::run().
  void run(const Worker::Attend& attend = {});

  // Any thread.
  void stop() { first_->command(Command::stop); }
  void abandon() { sending().command(Command::abandon); }
  void give_up();
  [[nodiscard]] bool wait_until_ended(engine::Duration longest);

  /// What recorders of its stages have to know.
  [[nodiscard]] std::vector<flight::TrackPlan> flight_plans() const;
  /// Records its stages, in the order of flight_plans(); `log` outlives run(). Before run().
  void record_flight(FlightLog& log, std::size_t first_recorder);
  /// Counts shall be at most about this old while it runs; else they are those of its end. Before
  /// run().
  void publish_every(engine::Duration interval);
  /// Adds what was counted. On the thread of run(), or as last published.
  void add_to(RelayReport& report, bool is_own_thread);
  [[nodiscard]] engine::Instant now() const { return first_->backend().now(); }
  [[nodiscard]] const BackendChoice& backend() const { return backend_; }
  /// Of its interfaces, in the order of the rules; 0: none.
  [[nodiscard]] const std::vector<std::uint16_t>& fanout_groups() const { return fanout_groups_; }
  /// What an operator should know of how it began.
  [[nodiscard]] const std::vector<std::string>& notes() const { return notes_; }
  [[nodiscard]] IngressPlan plan() const { return plan_; }

 private:
  struct Input {
    std::string interface;
    engine::InputIndex index{};  ///< which the routes name
    std::vector<engine::WantedTraffic> wanted;
  };

  static engine::Expected<std::unique_ptr<Lane>> open_once(std::span<const engine::Rule> rules,
                                                           const RelayOptions& options,
                                                           const LaneShare& share);
  Lane(const RelayOptions& options, engine::StageConfig stage, IngressPlan plan,
       const LaneShare& share, OpenedBackend first, std::unique_ptr<engine::Backend> second);

  [[nodiscard]] Worker& sending() { return second_ ? *second_ : *first_; }
  engine::Expected<void> share_memory();
  engine::Expected<void> open_inputs(std::span<const engine::Rule> rules);
  engine::Expected<void> open_sockets(Input& input, std::size_t place);
  engine::Expected<engine::SocketIndex> open_socket(const engine::PacketSocketSpec& spec);
  engine::Expected<void> open_outputs(std::span<const engine::Rule> rules);
  engine::Expected<engine::OutputIndex> open_route(const engine::Rule& rule,
                                                   std::span<const engine::SocketIndex> sockets);
  void run_on_core(std::size_t thread);

  RelayOptions options_;
  engine::StageConfig stage_;
  IngressPlan plan_;
  LaneShare share_;
  BackendChoice backend_;
  // In this order: the second worker's backend sends from the first one's memory, and both threads
  // have ended before what they share does.
  std::unique_ptr<Worker> first_;
  std::unique_ptr<Worker> second_;  ///< of a pipeline
  std::unique_ptr<ThreadHandOff> hand_off_;
  IngressOccupancy ingress_occupancy_;
  std::vector<Input> inputs_;
  std::vector<std::uint16_t> fanout_groups_;
  std::vector<std::string> notes_;
  std::vector<SwitchedInput> switched_;
  std::unique_ptr<ModeSwitch> mode_switch_;
};

}  // namespace reprise::daemon
