#include "reprise/daemon/mode_switch.hpp"

#include <algorithm>
#include <system_error>
#include <utility>

namespace reprise::daemon {

using engine::Instant;
using engine::milliseconds;

namespace {

constexpr engine::Duration kLook = milliseconds(20);
constexpr engine::Duration kDrainLook = milliseconds(1);
constexpr engine::Duration kDrainTime = engine::seconds(1);

}  // namespace

IngressMode ModeChoice::next(IngressMode now, const Load& load) {
  const bool is_latency = now == IngressMode::latency;
  const bool is_heavy = load.has_drops || load.busy_permille >= kHeavyPermille;
  const bool wants_other = is_latency ? is_heavy || load.busy_permille >= kUpPermille
                                      : !load.has_drops && load.busy_permille <= kDownPermille;
  looks_ = wants_other ? looks_ + 1 : 0;
  heavy_looks_ = is_heavy ? heavy_looks_ + 1 : 0;
  const bool is_time =
      is_latency ? looks_ >= kLooksUp || heavy_looks_ >= kLooksHeavy : looks_ >= kLooksDown;
  if (!is_time) return now;
  looks_ = heavy_looks_ = 0;
  return is_latency ? IngressMode::throughput : IngressMode::latency;
}

ModeSwitch::ModeSwitch(Worker& worker, std::vector<SwitchedInput> inputs)
    : worker_(worker), inputs_(std::move(inputs)) {}

Instant ModeSwitch::attend(Instant now) {
  if (state_ == State::steering && is_steered_.load(std::memory_order_acquire)) {
    steering_.join();
    state_ = State::draining;
    draining_ = inputs_;
    drained_by_ = now + kDrainTime;
    due_at_ = now;
  }
  if (now < due_at_) return state_ == State::steering ? engine::kNever : due_at_;
  switch (state_) {
    case State::steady: look(now); break;
    case State::steering: return engine::kNever;  // it wakes the worker
    case State::draining: drain(now); break;
  }
  due_at_ = now + (state_ == State::draining ? kDrainLook : kLook);
  return state_ == State::steering ? engine::kNever : due_at_;
}

Load ModeSwitch::load_since_last_look(Instant now) {
  const std::int64_t busy_before_ns = std::exchange(busy_ns_, thread_load_.busy_ns());
  const Instant looked_before = std::exchange(looked_at_, now);
  std::uint64_t drops = 0;
  for (const SwitchedInput& input : inputs_) {
    drops += worker_.backend().statistics(input.frames_socket).kernel_drops;
    drops += worker_.backend().statistics(input.ring_socket).kernel_drops;
  }
  const std::uint64_t drops_before = std::exchange(drops_, drops);
  if (looked_before == engine::kNever || now <= looked_before) return {};
  const std::int64_t span_ns = (now - looked_before).ns;
  const std::int64_t busy_permille =
      std::clamp<std::int64_t>((busy_ns_ - busy_before_ns) * 1000 / span_ns, 0, 1000);
  return {static_cast<std::uint32_t>(busy_permille), drops > drops_before};
}

void ModeSwitch::look(Instant now) {
  const bool is_first = looked_at_ == engine::kNever;
  const Load load = load_since_last_look(now);
  if (is_first || is_refused_.load(std::memory_order_relaxed)) return;
  if (choice_.next(mode_, load) != mode_) begin();
}

void ModeSwitch::begin() {
  is_steered_.store(false, std::memory_order_relaxed);
  const bool to_ring = mode_ == IngressMode::latency;
  try {
    steering_ = std::jthread([this, to_ring] {
      for (const SwitchedInput& input : inputs_) {
        const engine::Steering steering = to_ring ? input.to_ring : input.to_frames;
        if (!worker_.backend().steer(input.ring_socket, steering))
          is_refused_.store(true, std::memory_order_relaxed);
      }
      is_steered_.store(true, std::memory_order_release);
      worker_.backend().wake();
    });
    state_ = State::steering;
  } catch (const std::system_error&) {
    state_ = State::steady;  // no thread to be had: the next look tries again
  }
}

/// Whether the stage has taken every frame that the kernel put into the socket steered away from.
bool ModeSwitch::is_drained(const SwitchedInput& input) {
  const bool from_ring = mode_ == IngressMode::throughput;
  const engine::SocketIndex socket = from_ring ? input.ring_socket : input.frames_socket;
  const engine::InputIndex index = from_ring ? input.ring : input.frames;
  return worker_.stage().input_frames(index) >= worker_.backend().statistics(socket).queued;
}

void ModeSwitch::drain(Instant now) {
  const bool is_late = now >= drained_by_;
  std::erase_if(draining_, [&](const SwitchedInput& input) {
    const bool has_drained = is_drained(input);
    if (!has_drained && !is_late) return false;
    if (!has_drained) ++forced_;
    finish(input);
    return true;
  });
  if (!draining_.empty()) return;
  mode_ = mode_ == IngressMode::latency ? IngressMode::throughput : IngressMode::latency;
  state_ = State::steady;
  looked_at_ = engine::kNever;
  ++switches_;
}

void ModeSwitch::finish(const SwitchedInput& input) {
  const bool to_ring = mode_ == IngressMode::latency;
  using Kind = flight::StageCommand::Kind;
  const auto [from, to] =
      to_ring ? std::pair(input.frames, input.ring) : std::pair(input.ring, input.frames);
  if (!is_refused_.load(std::memory_order_relaxed))
    worker_.carry_out({.kind = Kind::pause_input, .index = static_cast<std::uint32_t>(from)});
  worker_.carry_out({.kind = Kind::resume_input, .index = static_cast<std::uint32_t>(to)});
}

}  // namespace reprise::daemon
