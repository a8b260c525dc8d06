// Plays a recorded stage back: the engine's own Runner over a backend and a hand-off that give what
// the recorded ones gave, in the same steps, and compare what they are given.
//
// The first difference ends it: an input that the engine does not ask for, an output that has
// another digest, a state that is not the next snapshot's, bit for bit.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "reprise/engine/runner.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/flight/reader.hpp"

namespace reprise::flight {

struct Divergence {
  std::uint64_t step = 0;
  engine::Phase phase{};
  std::string what;  ///< what was recorded and what the engine did
};

/// One step that did something.
struct PlayedStep {
  std::uint64_t step = 0;
  engine::Phase phase{};
  std::uint32_t completions = 0;
  std::uint32_t frames = 0;
  std::uint32_t submissions = 0;
  std::uint32_t taken = 0;
  std::uint32_t items = 0;  ///< that crossed, in either direction
};

struct PlayedTotals {
  std::uint64_t steps = 0;
  std::uint64_t completions = 0;
  std::uint64_t frames = 0;
  std::uint64_t submissions = 0;
  std::uint64_t commands = 0;
  std::uint64_t items = 0;
  std::uint32_t snapshots_equal = 0;  ///< later snapshots, and the state at the end
};

/// How a recording ended.
enum class RecordingEnd : std::uint8_t {
  open,     ///< in the middle: the process was gone, or a copy was made
  stopped,  ///< with its thread
  lost,     ///< at records that found no room
  damaged,  ///< at a damaged record
};

struct Playback {
  PlayedTotals totals;
  std::uint64_t first_step = 0;  ///< steps before the snapshot
  std::uint64_t last_step = 0;   ///< that was compared
  std::optional<engine::Instant> first_clock;
  std::optional<engine::Instant> last_clock;
  std::vector<PlayedStep> last_steps;  ///< that did something, oldest first
  std::vector<std::string> gaps;       ///< where it went on from a later snapshot
  RecordingEnd end = RecordingEnd::open;
  std::string end_text;  ///< damaged: where
  std::optional<Divergence> divergence;
};

class PlayedSeams;

class Player {
 public:
  /// `track`, which has a segment, outlives it.
  explicit Player(const Track& track);
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;
  ~Player();

  /// Whether a stage of this engine is as large as the recorded one.
  [[nodiscard]] bool fits() const { return stage_.bytes().size() == track_.header.stage_bytes; }
  /// To the end, or to the first divergence. Needs fits().
  void play();
  /// After play() of a recording that ended open: the step in which it ended, which was not whole.
  /// An engine that failed there fails again.
  void play_unfinished_step();

  [[nodiscard]] const Playback& playback() const { return playback_; }
  [[nodiscard]] const engine::Stage& stage() const { return *stage_; }
  [[nodiscard]] const engine::Runner& runner() const { return runner_; }
  /// Of stage and runner, as they are now.
  [[nodiscard]] std::uint64_t digest() const;

 private:
  static constexpr std::size_t kLastSteps = 24;

  bool begin(const Segment& segment, bool follows);
  void play_segment(const Segment& segment);
  [[nodiscard]] std::uint64_t last_whole_step(const Segment& segment);
  void step_once();
  void play_between();
  void compare_end(const Record& record);
  void compare_snapshot(const Segment& segment);
  void diverge(std::string what);
  void remember(const PlayedStep& step);

  const Track& track_;
  engine::Flat<engine::Stage> stage_;
  engine::Runner runner_;
  std::unique_ptr<PlayedSeams> seams_;
  Playback playback_;
  std::uint64_t step_ = 0;
};

}  // namespace reprise::flight
