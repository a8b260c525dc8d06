#include "reprise/lab/recorded_run.hpp"

#include <fmt/format.h>

#include <utility>

#include "reprise/engine/assert.hpp"
#include "reprise/engine/source_hash.hpp"
#include "reprise/sim/source_hash.hpp"

namespace reprise::lab {
namespace {

using engine::Expected;

/// Digest of the captures that a scenario plays; 0 where there are none.
std::uint64_t capture_digest(const Scenario& scenario) {
  sim::Digest digest;
  for (const sim::TrafficConfig& traffic : scenario.world.traffic) {
    if (!traffic.capture) continue;
    for (const sim::CapturedDatagram& datagram : *traffic.capture) {
      digest.add(static_cast<std::uint64_t>(datagram.time_ns));
      digest.add(datagram.payload_bytes);
    }
  }
  return digest.value();
}

/// Keeps checkpoints, and compares them with those of a run before.
class CheckpointKeeper final : public RunObserver {
 public:
  CheckpointKeeper(const RunFile* expected, const PickComparer* comparer, bool stops_at_divergence)
      : expected_(expected), comparer_(comparer), stops_at_divergence_(stops_at_divergence) {}

  void see(const sim::World&, const Measurement& measured, const sim::Event& event) override {
    last_ = {measured.events(), event.time.ns, measured.digest()};
    if (last_.events % spacing_ == 0) keep();
    if (expected_ == nullptr) return;
    compare();
    if (comparer_->divergence() && !divergence_time_ns_) {
      divergence_time_ns_ = event.time.ns;
      is_over_ = is_over_ || stops_at_divergence_;
    }
    if (!expected_->complete && last_.events == expected_->end.events) is_over_ = true;
  }

  [[nodiscard]] const std::vector<Checkpoint>& kept() const { return kept_; }
  [[nodiscard]] const Checkpoint& last() const { return last_; }
  [[nodiscard]] const std::optional<Checkpoint>& differs_at() const { return differs_at_; }
  [[nodiscard]] std::optional<std::int64_t> divergence_time_ns() const {
    return divergence_time_ns_;
  }
  [[nodiscard]] const bool& is_over() const { return is_over_; }
  void end() {
    if (expected_ != nullptr && !differs_at_ && last_ != expected_->end)
      differs_at_ = expected_->end;
  }

 private:
  static constexpr std::size_t kKeptMax = 64;

  /// The spacing doubles whenever there are too many.
  void keep() {
    kept_.push_back(last_);
    if (kept_.size() < kKeptMax) return;
    spacing_ *= 2;
    std::erase_if(kept_, [&](const Checkpoint& each) { return each.events % spacing_ != 0; });
  }
  void compare() {
    if (differs_at_ || next_ == expected_->checkpoints.size()) return;
    const Checkpoint& expected = expected_->checkpoints[next_];
    if (last_.events != expected.events) return;
    if (last_ != expected) differs_at_ = expected;
    ++next_;
  }

  const RunFile* expected_;
  const PickComparer* comparer_;
  bool stops_at_divergence_;
  bool is_over_ = false;
  std::uint64_t spacing_ = 1024;
  std::size_t next_ = 0;  ///< of the expected checkpoints
  Checkpoint last_;
  std::vector<Checkpoint> kept_;
  std::optional<Checkpoint> differs_at_;
  std::optional<std::int64_t> divergence_time_ns_;
};

/// When each pick was made: at the time of the event that it led to.
class PickTimes final : public RunObserver {
 public:
  explicit PickTimes(const PickRecorder& recorder) : recorder_(&recorder) {}
  void see(const sim::World&, const Measurement&, const sim::Event& event) override {
    times_ns_.resize(recorder_->order().size(), event.time.ns);
  }
  /// Of `count` picks, the newest of which led to no event any more.
  std::vector<std::int64_t> take(std::size_t count, const Checkpoint& last) {
    if (!times_ns_.empty()) times_ns_.resize(count, last.time_ns);
    return std::move(times_ns_);
  }

 private:
  const PickRecorder* recorder_;
  std::vector<std::int64_t> times_ns_;
};

/// All that records one run, as long as it goes.
class Recording {
 public:
  Recording(WrittenScenario scenario, std::uint64_t capture,
            const std::optional<sim::PicksBySite>& picks, const RecordControl& control)
      : scenario_(std::move(scenario)),
        capture_(capture),
        is_compared_(control.expected != nullptr),
        lists_picks_(picks.has_value() || control.lists_picks),
        hashed_(scenario_.seed),
        listed_(picks.value_or(sim::PicksBySite{})),
        comparer_(picks.has_value() ? static_cast<sim::Choices&>(listed_) : hashed_,
                  control.expected != nullptr ? control.expected->order : nothing_),
        recorder_(comparer_),
        checkpoints_(control.expected, &comparer_, control.stops_at_divergence),
        times_(recorder_) {}
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  /// The run as `control` has it, recorded.
  RunControl control(const RecordControl& control) {
    RunControl recorded = control.run;
    recorded.choices = &recorder_;
    recorded.over = &checkpoints_.is_over();
    recorded.observers.push_back(&checkpoints_);
    if (control.keeps_times) recorded.observers.push_back(&times_);
    return recorded;
  }

  /// The run is over: all but its result.
  RecordedRun take(bool complete, std::vector<RunFailure> failures) {
    RecordedRun recorded;
    recorded.file = file();
    recorded.file.complete = complete;
    recorded.file.failures = std::move(failures);
    recorded.pick_times_ns = times_.take(recorder_.order().size(), checkpoints_.last());
    if (!is_compared_) return recorded;
    if (!checkpoints_.is_over()) comparer_.end();
    checkpoints_.end();
    recorded.divergence = divergence();
    recorded.differs_at = checkpoints_.differs_at();
    return recorded;
  }

 private:
  [[nodiscard]] RunFile file() const {
    RunFile file;
    file.scenario = scenario_;
    if (lists_picks_) file.picks = recorder_.picks();
    file.engine = engine::source_hash();
    file.simulation = sim::source_hash();
    file.capture = capture_;
    file.order = recorder_.order();
    file.checkpoints = checkpoints_.kept();
    file.end = checkpoints_.last();
    return file;
  }

  [[nodiscard]] std::optional<Divergence> divergence() const {
    std::optional<Divergence> divergence = comparer_.divergence();
    if (divergence)
      divergence->time_ns = checkpoints_.divergence_time_ns().value_or(checkpoints_.last().time_ns);
    return divergence;
  }

  WrittenScenario scenario_;
  std::uint64_t capture_;
  bool is_compared_;
  bool lists_picks_;
  AskOrder nothing_;  ///< is compared with where nothing is
  sim::Hashed hashed_;
  sim::ListedBySite listed_;
  PickComparer comparer_;
  PickRecorder recorder_;
  CheckpointKeeper checkpoints_;
  PickTimes times_;
};

/// While it lives, a failed assertion of this thread hands over the file of its recording.
class AssertionGuard {
 public:
  AssertionGuard(Recording& recording,
                 const std::function<void(const RecordedRun&)>& on_assertion) {
    if (!on_assertion) return;
    recording_ = &recording;
    on_assertion_ = &on_assertion;
    engine::set_assertion_handler(&AssertionGuard::hand_over);
  }
  AssertionGuard(const AssertionGuard&) = delete;
  AssertionGuard& operator=(const AssertionGuard&) = delete;
  ~AssertionGuard() { engine::set_assertion_handler(nullptr); }

 private:
  static void hand_over(const char* condition, const char* file, int line) {
    (*on_assertion_)(recording_->take(
        true, {{std::string(kAssertion), condition, fmt::format("{}:{}", file, line)}}));
  }
  static thread_local Recording* recording_;
  static thread_local const std::function<void(const RecordedRun&)>* on_assertion_;
};

thread_local Recording* AssertionGuard::recording_ = nullptr;
thread_local const std::function<void(const RecordedRun&)>* AssertionGuard::on_assertion_ = nullptr;

std::vector<RunFailure> failures_of(const Scenario& scenario, const RunResult& result) {
  std::vector<RunFailure> failures;
  for (const ExpectationResult& each : check(scenario.expectations, result)) {
    if (each.held) continue;
    failures.push_back(
        {each.expectation.key(), each.expectation.expected.dump(), each.found.dump()});
  }
  return failures;
}

}  // namespace

Expected<RecordedRun> record_run(const WrittenScenario& scenario,
                                 const std::optional<sim::PicksBySite>& picks,
                                 const RecordControl& control) {
  const auto resolved = resolve(scenario);
  if (!resolved) return std::unexpected(resolved.error());
  WrittenScenario kept = scenario;
  kept.title = resolved->name;
  kept.profile_name = resolved->profile;
  kept.profile = kept.draft.kernel;
  Recording recording(std::move(kept), capture_digest(*resolved), picks, control);
  RunResult result;
  {
    const AssertionGuard guard(recording, control.on_assertion);
    result = run(*resolved, scenario.seed, recording.control(control));
  }
  RecordedRun recorded = recording.take(result.complete, failures_of(*resolved, result));
  recorded.result = std::move(result);
  return recorded;
}

}  // namespace reprise::lab
