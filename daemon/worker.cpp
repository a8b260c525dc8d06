#include "reprise/daemon/worker.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

namespace reprise::daemon {

using engine::Instant;
using engine::Next;

namespace {

/// Tells the processor that this is a loop that waits.
void relax_processor() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

std::uint32_t completions_max(const engine::StageConfig& config) {
  return config.region_count() + config.blocks + config.sends_max + 64;
}

std::uint32_t frames_max(const engine::StageConfig& config) {
  return completions_max(config) + (config.blocks > 0 ? config.intake + 1 : 0);
}

}  // namespace

Worker::Worker(const engine::StageConfig& config, std::unique_ptr<engine::Backend> backend)
    : config_(config),
      stage_(config),
      backend_(std::move(backend)),
      runner_(config),
      batch_(completions_max(config), frames_max(config)) {}

void Worker::watch(engine::OutputIndex output) { watched_.push_back(output); }

void Worker::record_flight(flight::Recorder& recorder) {
  flight_.emplace(recorder, *backend_, hand_off_);
}

flight::TrackPlan Worker::flight_plan() const {
  return {.stage = config_, .memory = memory_, .stage_bytes = stage_.bytes().size()};
}

void Worker::carry_out(const flight::StageCommand& command) {
  if (flight_) flight_->recorder.commanded(command);
  flight::carry_out(*stage_, command);
}

engine::Surroundings Worker::surroundings() {
  if (!flight_) return {*backend_, batch_, memory_, hand_off_};
  return {flight_->backend, batch_, memory_, flight_->hand_off ? &*flight_->hand_off : nullptr};
}

void Worker::run(const Attend& attend) {
  attend_ = &attend;
  const engine::Surroundings around = surroundings();
  while (obey()) {
    if (look_due_) look_at_clock();
    const std::uint64_t turn = runner_.turns();
    if (sampler_) sampler_->look(turn, *stage_, *backend_);
    if (flight_) flight_->recorder.begin_step(stage_.bytes(), runner_);
    const Next next = runner_.step(*stage_, around);
    keep_records();
    if (next.kind == Next::Kind::stopped) break;
    pause(next);
    if (sampler_) sampler_->look(turn, *stage_, *backend_);
  }
  if (flight_) flight_->recorder.end(stage_.bytes(), runner_);
  publish();
  const std::lock_guard lock(mutex_);
  ended_ = true;
  ended_condition_.notify_all();
}

/// False where it is to give up.
bool Worker::obey() {
  const Command command = command_.load(std::memory_order_acquire);
  if (command == obeyed_) return true;
  using Kind = flight::StageCommand::Kind;
  const bool receives = stage_->role() != engine::Role::egress;
  const bool sends = stage_->role() != engine::Role::ingress;
  if (receives && obeyed_ < Command::stop) carry_out({.kind = Kind::stop});
  if (sends && obeyed_ < Command::abandon && command >= Command::abandon)
    carry_out({.kind = Kind::abandon});
  obeyed_ = command;
  look_due_ = true;
  return command != Command::give_up;
}

void Worker::pause(const Next& next) {
  switch (next.kind) {
    case Next::Kind::run:
    case Next::Kind::stopped: break;
    case Next::Kind::spin: relax_processor(); break;
    case Next::Kind::poll: backend_->submit_and_wait(0, engine::kNever); break;
    case Next::Kind::wait:
      backend_->submit_and_wait(next.completions, std::min(attend_at_, publish_at_));
      if (next.completions > 0) look_due_ = true;
      break;
    case Next::Kind::sleep:
      std::this_thread::sleep_for(std::chrono::nanoseconds(next.length.ns));
      look_due_ = true;
      break;
  }
  if (runner_.turns() - looked_at_turn_ >= kTurnsBetweenLooks) look_due_ = true;
}

void Worker::look_at_clock() {
  look_due_ = false;
  looked_at_turn_ = runner_.turns();
  const bool publishes = publish_interval_ > engine::Duration{};
  if (!publishes && !*attend_) return;
  const Instant now = backend_->now();
  if (flight_) flight_->recorder.saw_clock(now);
  if (publishes && (publish_at_ == engine::kNever || now >= publish_at_)) {
    publish();
    publish_at_ = now + publish_interval_;
  }
  if (*attend_) attend_at_ = (*attend_)(now);
}

/// What hazards and census want after a step.
void Worker::keep_records() {
  if (lines_) lines_->write_due(*stage_);
  if (occupancy_ == nullptr) return;
  occupancy_->free.store(stage_->ledger().free_count(), std::memory_order_relaxed);
  occupancy_->being_filled.store(stage_->ledger().kernel_count(), std::memory_order_relaxed);
}

void Worker::publish() {
  const bool laws_hold = stage_->laws_hold();  // looks at everything: not under the lock
  std::uint64_t kernel_drops = 0;
  for (const engine::SocketIndex socket : watched_inputs_)
    kernel_drops += backend_->statistics(socket).kernel_drops;
  const std::lock_guard lock(mutex_);
  WorkerCounts& counts = published_;
  counts.ingress = stage_->ingress_counters();
  counts.outputs.clear();
  for (const engine::OutputIndex output : watched_) {
    counts.outputs.push_back({stage_->egress().counters(output), stage_->egress().pending(output)});
  }
  counts.kernel_drops = kernel_drops;
  counts.crossed = stage_->crossed();
  counts.turns = runner_.turns();
  counts.held = stage_->ledger().held_count();
  counts.laws_hold = laws_hold;
  counts.is_stopped = stage_->is_stopped();
  if (sampler_) counts.census = sampler_->result();
}

void Worker::command(Command command) {
  Command before = command_.load(std::memory_order_relaxed);
  while (before < command &&
         !command_.compare_exchange_weak(before, command, std::memory_order_release,
                                         std::memory_order_relaxed)) {
  }
  backend_->wake();
}

WorkerCounts Worker::counts() const {
  const std::lock_guard lock(mutex_);
  return published_;
}

bool Worker::wait_until_ended(engine::Duration longest) {
  std::unique_lock lock(mutex_);
  return ended_condition_.wait_for(lock, std::chrono::nanoseconds(longest.ns),
                                   [this] { return ended_; });
}

}  // namespace reprise::daemon
