// A worker: drives one stage on one thread, with its runner and its backend. It does what each kind
// of engine::Next says, obeys commands from other threads, and tells them its counts.
//
// Everything but command(), counts() and wait_until_ended() belongs to one thread at a time: the
// one that sets it up, then the one that calls run(). It reads the clock only after waits and
// sleeps, after commands, and every 16 turns.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "reprise/daemon/line_writer.hpp"
#include "reprise/daemon/occupancy_sampler.hpp"
#include "reprise/daemon/thread_hand_off.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/engine/runner.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/flight/recording.hpp"

namespace reprise::daemon {

/// Each goes further than the one before it.
enum class Command : std::uint32_t {
  none,
  stop,     ///< a stage that receives: receive nothing more, end when all is sent
  abandon,  ///< a stage that sends: drop what waits
  give_up,  ///< return from run(), whatever is open
};

struct OutputCount {
  engine::OutputCounters counters;
  std::uint32_t pending = 0;
};

/// What a stage has done so far.
struct WorkerCounts {
  engine::IngressCounters ingress;
  std::vector<OutputCount> outputs;  ///< in the order of watch()
  std::uint64_t kernel_drops = 0;    ///< on the sockets of watch_input()
  std::uint64_t crossed = 0;
  std::uint64_t turns = 0;
  std::uint32_t held = 0;  ///< regions
  bool laws_hold = true;
  bool is_stopped = false;
  std::optional<CensusResult> census;
};

class Worker {
 public:
  /// Called on the worker's thread, about as often as it reads the clock. Returns when it is to be
  /// called again at the latest.
  using Attend = std::function<engine::Instant(engine::Instant now)>;

  Worker(const engine::StageConfig& config, std::unique_ptr<engine::Backend> backend);

  // Before run().

  [[nodiscard]] engine::Stage& stage() { return *stage_; }
  [[nodiscard]] engine::Backend& backend() { return *backend_; }
  void set_memory(const engine::PacketMemory& memory) { memory_ = memory; }
  /// Of a pipeline; it outlives run().
  void set_hand_off(ThreadHandOff& hand_off) { hand_off_ = &hand_off; }
  /// Adds an output to what counts() tells.
  void watch(engine::OutputIndex output);
  /// Adds a socket to what counts() tells.
  void watch_input(engine::SocketIndex socket) { watched_inputs_.push_back(socket); }
  void write_lines_to(int descriptor) { lines_.emplace(descriptor); }
  /// Takes a census; of a pipeline's egress stage, with what its peer tells. After set_hand_off().
  void take_census(const IngressOccupancy* peer) { sampler_.emplace(hand_off_, peer); }
  /// An ingress stage: where it tells its own counts, for its peer's census.
  void tell_census(IngressOccupancy& own) { occupancy_ = &own; }
  /// Records what comes into the stage; the recorder outlives run(). After set_hand_off().
  void record_flight(flight::Recorder& recorder);
  /// What a recorder of this stage has to know; after set_memory().
  [[nodiscard]] flight::TrackPlan flight_plan() const;
  /// counts() shall be at most about this old while it runs; else they are those of its end.
  void publish_every(engine::Duration interval) { publish_interval_ = interval; }

  /// Relays until the stage has stopped or is given up.
  void run(const Attend& attend = {});
  /// On the thread of run(): makes counts() those of now.
  void publish();
  /// On the thread of run(), between two steps.
  void carry_out(const flight::StageCommand& command);

  // Any thread.

  /// Async-signal-safe.
  void command(Command command);
  /// As last published.
  [[nodiscard]] WorkerCounts counts() const;
  /// Whether run() has returned before so long.
  [[nodiscard]] bool wait_until_ended(engine::Duration longest);

 private:
  static constexpr std::uint64_t kTurnsBetweenLooks = 16;

  [[nodiscard]] bool obey();
  void pause(const engine::Next& next);
  void look_at_clock();
  void keep_records();

  /// A flight recorder, with the seams that it listens at.
  struct Flight {
    Flight(flight::Recorder& to, engine::Backend& inner, engine::HandOff* crossing)
        : recorder(to), backend(inner, to) {
      if (crossing != nullptr) hand_off.emplace(*crossing, to);
    }
    flight::Recorder& recorder;
    flight::RecordingBackend backend;
    std::optional<flight::RecordingHandOff> hand_off;
  };

  [[nodiscard]] engine::Surroundings surroundings();

  engine::StageConfig config_;
  engine::Flat<engine::Stage> stage_;
  std::unique_ptr<engine::Backend> backend_;
  engine::Runner runner_;
  engine::CompletionBatch batch_;
  engine::PacketMemory memory_{};
  ThreadHandOff* hand_off_ = nullptr;
  std::vector<engine::OutputIndex> watched_;
  std::vector<engine::SocketIndex> watched_inputs_;
  std::optional<LineWriter> lines_;
  std::optional<OccupancySampler> sampler_;
  IngressOccupancy* occupancy_ = nullptr;
  std::optional<Flight> flight_;
  engine::Duration publish_interval_{};

  const Attend* attend_ = nullptr;
  Command obeyed_ = Command::none;
  bool look_due_ = true;
  std::uint64_t looked_at_turn_ = 0;
  engine::Instant attend_at_ = engine::kNever;
  engine::Instant publish_at_ = engine::kNever;

  std::atomic<Command> command_ = Command::none;
  static_assert(std::atomic<Command>::is_always_lock_free);
  mutable std::mutex mutex_;
  std::condition_variable ended_condition_;
  WorkerCounts published_;  ///< under mutex_
  bool ended_ = false;      ///< under mutex_
};

}  // namespace reprise::daemon
