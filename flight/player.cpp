#include "reprise/flight/player.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "reprise/flight/command.hpp"
#include "reprise/flight/played_seams.hpp"
#include "reprise/flight/recorder.hpp"

namespace reprise::flight {
namespace {

bool is_between_steps(RecordKind kind) {
  return kind == RecordKind::command || kind == RecordKind::time || kind == RecordKind::end;
}

std::string describe(const Record& record) {
  switch (record.kind) {
    case RecordKind::reap: return fmt::format("{} completions were reaped", record.count);
    case RecordKind::prepare: return fmt::format("{} submissions were taken", record.count);
    case RecordKind::drain: return fmt::format("{} datagrams were drained", record.count);
    case RecordKind::take_back: return fmt::format("{} regions were taken back", record.count);
    case RecordKind::hand_over: return fmt::format("{} datagrams were handed over", record.count);
    case RecordKind::give_back: return fmt::format("{} regions were given back", record.count);
    case RecordKind::found: return "something was found after an announcement";
    case RecordKind::command: return "a command was carried out";
    case RecordKind::time: return "the clock was read";
    case RecordKind::end: return "the stage's thread ended";
  }
  return "?";
}

}  // namespace

Player::Player(const Track& track)
    : track_(track),
      stage_(track.header.stage),
      runner_(track.header.stage),
      seams_(std::make_unique<PlayedSeams>(track)) {}

Player::~Player() = default;

std::uint64_t Player::digest() const { return digest_of_state(stage_.bytes(), runner_); }

void Player::play() {
  REPRISE_ASSERT(!track_.segments.empty() && fits());
  const Segment* before = nullptr;
  for (const Segment& segment : track_.segments) {
    const bool follows = before != nullptr && playback_.end == RecordingEnd::open &&
                         before->header.end == SegmentEnd::next &&
                         before->header.sequence + 1 == segment.header.sequence &&
                         step_ == segment.header.first_step;
    if (before != nullptr && !follows) {
      playback_.gaps.push_back(fmt::format(
          "after step {} it goes on from the snapshot of step {}{}", step_,
          segment.header.first_step, playback_.end_text.empty() ? "" : ": " + playback_.end_text));
    }
    if (!begin(segment, follows)) return;
    play_segment(segment);
    if (playback_.divergence) return;
    before = &segment;
  }
}

/// False where the state is another one than the snapshot.
bool Player::begin(const Segment& segment, bool follows) {
  seams_->begin(segment);
  if (follows) {
    compare_snapshot(segment);
    return !playback_.divergence;
  }
  if (!take_snapshot(segment.snapshot, stage_.bytes(), runner_)) {
    playback_.divergence = Divergence{segment.header.first_step, {}, "the snapshot cannot be read"};
    return false;
  }
  step_ = segment.header.first_step;
  if (playback_.gaps.empty()) playback_.first_step = step_;
  playback_.end = RecordingEnd::open;
  playback_.end_text.clear();
  return true;
}

void Player::compare_snapshot(const Segment& segment) {
  engine::Flat<engine::Stage> expected(track_.header.stage);
  engine::Runner runner(track_.header.stage);
  if (!take_snapshot(segment.snapshot, expected.bytes(), runner))
    return diverge("the snapshot cannot be read");
  if (std::memcmp(&runner, &runner_, sizeof runner) != 0)
    return diverge("the runner differs from the snapshot's");
  const auto here = stage_.bytes();
  const auto there = expected.bytes();
  const auto difference = std::ranges::mismatch(here, there).in1 - here.begin();
  if (static_cast<std::size_t>(difference) < here.size()) {
    return diverge(fmt::format("the stage differs from the snapshot at byte {} of {}", difference,
                               here.size()));
  }
  ++playback_.totals.snapshots_equal;
}

std::uint64_t Player::last_whole_step(const Segment& segment) {
  const SegmentHeader& header = segment.header;
  std::uint64_t newest = header.first_step;
  Records records(segment);
  for (; records.front() != nullptr; records.advance()) newest = records.front()->step;
  const auto before = [&header](std::uint64_t step) {
    return step > header.first_step ? step - 1 : header.first_step;
  };
  if (records.is_damaged()) {
    playback_.end = RecordingEnd::damaged;
    playback_.end_text =
        fmt::format("record at byte {} of the segment's records is damaged", records.place_bytes());
    return before(newest);
  }
  if (header.lost_at != 0) {
    playback_.end = RecordingEnd::lost;
    playback_.end_text = "the next records found no room";
    return before(header.lost_at);
  }
  if (header.end == SegmentEnd::next) return header.steps;
  if (header.end == SegmentEnd::stopped) {
    playback_.end = RecordingEnd::stopped;
    return header.steps;
  }
  return before(std::max(header.steps, newest));
}

void Player::play_segment(const Segment& segment) {
  const std::uint64_t last = last_whole_step(segment);
  play_between();
  while (step_ < last && !playback_.divergence) step_once();
  playback_.last_step = step_;
}

void Player::step_once() {
  ++step_;
  ++playback_.totals.steps;
  seams_->begin_step(step_);
  runner_.step(*stage_, seams_->surroundings());
  PlayedStep done = seams_->step();
  done.phase = runner_.last_phase();
  remember(done);
  if (!seams_->difference().empty()) return diverge(seams_->difference());
  const Record* const left = seams_->records().front();
  if (left != nullptr && left->step == step_ && !is_between_steps(left->kind))
    return diverge(fmt::format("recorded: {}; the engine does not ask for it", describe(*left)));
  play_between();
}

/// What was recorded after the step at hand and before the next one.
void Player::play_between() {
  Records& records = seams_->records();
  for (; records.front() != nullptr && records.front()->step == step_; records.advance()) {
    const Record& record = *records.front();
    if (!is_between_steps(record.kind)) return;
    WordReader in(record.payload);
    if (record.kind == RecordKind::time) {
      const engine::Instant clock{static_cast<std::int64_t>(in.take())};
      if (!playback_.first_clock) playback_.first_clock = clock;
      playback_.last_clock = clock;
    } else if (record.kind == RecordKind::end) {
      compare_end(record);
    } else {
      StageCommand command;
      if (!take(in, command)) return diverge("a command cannot be read");
      carry_out(*stage_, command);
      ++playback_.totals.commands;
    }
  }
}

void Player::compare_end(const Record& record) {
  if (record.payload.empty() || record.payload[0] != digest())
    return diverge("the state at the end has another digest than the recorded one");
  ++playback_.totals.snapshots_equal;
}

void Player::play_unfinished_step() {
  ++step_;
  seams_->begin_step(step_);
  runner_.step(*stage_, seams_->surroundings());
}

void Player::diverge(std::string what) {
  if (playback_.divergence) return;
  playback_.divergence = Divergence{step_, runner_.last_phase(), std::move(what)};
}

void Player::remember(const PlayedStep& step) {
  PlayedTotals& totals = playback_.totals;
  totals.completions += step.completions;
  totals.frames += step.frames;
  totals.submissions += step.taken;
  totals.items += step.items;
  if (step.completions + step.submissions + step.items == 0) return;
  std::vector<PlayedStep>& last = playback_.last_steps;
  if (last.size() == kLastSteps) last.erase(last.begin());
  last.push_back(step);
}

}  // namespace reprise::flight
