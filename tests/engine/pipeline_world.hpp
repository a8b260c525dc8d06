// A pipeline and its surroundings as one state, and everything that can happen next to it.
//
// The two threads do what the driver in runner.hpp does. Beside their steps, datagrams arrive,
// sends end well or are refused, a blocked output becomes writable, and the commands stop and
// abandon come; each as one action, each so often as Bounds says.
#pragma once

#include <cstring>
#include <string>

#include "pipeline_fixture.hpp"

namespace reprise::engine::played {

/// What may happen to a pipeline in one exploration.
struct Bounds {
  StageConfig config;
  Planted planted = Planted::nothing;
  std::uint32_t frames = 2;
  std::uint32_t datagrams_in_frame = 1;
  std::uint32_t outputs = 1;
  std::uint32_t refusals = 0;
  bool stops_early = true;  ///< at any moment; else when all frames have come
  bool abandons = false;    ///< the commands are stop and abandon, in this order
};

enum class Action : std::uint32_t {
  step_ingress,
  step_egress,
  arrive,
  send_ends,
  send_is_refused,
  becomes_writable,
  stop,
  abandon,
};
inline constexpr std::uint32_t kActionCount = 8;

/// How a thread is between two steps.
enum class Rest : std::uint32_t { runs, spins, polls, naps, waits, stopped };

/// Bytes that all explored states share.
struct SharedFrame {
  explicit SharedFrame(const Bounds& bounds)
      : stride(bounds.config.region_bytes),
        bytes(std::size_t{stride} * bounds.config.region_count()) {
    const std::vector<std::byte> one = numbered_frame(1, 1);
    for (std::size_t at = 0; at < bytes.size(); at += stride) {
      std::ranges::copy(one, bytes.begin() + static_cast<std::ptrdiff_t>(at));
    }
    frame = whole_frame(one);
    if (bounds.datagrams_in_frame > 1) {
      frame.segment_bytes = static_cast<std::uint16_t>(kPayloadBytes / bounds.datagrams_in_frame);
    }
  }
  [[nodiscard]] PacketMemory memory() const {
    return {{const_cast<std::byte*>(bytes.data()), stride, stride, stride,
             static_cast<std::uint32_t>(bytes.size() / stride)},
            {}};
  }
  std::uint32_t stride;
  std::vector<std::byte> bytes;
  Frame frame;
};

/// One of the pipeline's two threads.
struct PipelineThread {
  explicit PipelineThread(const StageConfig& config) : stage(config), runner(config) {}
  Flat<Stage> stage;
  Runner runner;
  LazyKernel kernel;
  Rest rest = Rest::runs;
  std::uint32_t waits_for = 0;
  bool woken = false;  ///< its next wait ends at once (I7)
};

class PipelineState {
 public:
  explicit PipelineState(const Bounds& bounds)
      : ingress(with_role(bounds.config, Role::ingress)),
        egress(with_role(bounds.config, Role::egress)),
        frames_left(bounds.frames),
        refusals_left(bounds.refusals) {
    std::vector<SocketIndex> sockets;
    for (std::uint32_t output = 0; output < bounds.outputs; ++output) {
      sockets.push_back(SocketIndex{output + 1});
    }
    const OutputIndex first = egress.stage->add_outputs(sockets).value();
    const InputIndex input = ingress.stage->add_input(SocketIndex{0}).value();
    REPRISE_ASSERT(ingress.stage->add_route({{}, group(1), input, kPort}, first).has_value());
  }

  [[nodiscard]] bool is_possible(Action action, const Bounds& bounds) const;
  /// What went wrong; empty where nothing.
  std::string act(Action action, const Bounds& bounds, const SharedFrame& shared,
                  CompletionBatch& batch);
  /// Equal for states that differ in telemetry alone.
  [[nodiscard]] std::uint64_t fingerprint() const;
  /// Conservation over both ledgers and what is between them; empty where it holds.
  [[nodiscard]] std::string broken_law() const;
  /// Something can happen that is neither an arrival nor a command.
  [[nodiscard]] bool is_busy(const Bounds& bounds) const;
  /// What is not as it should be where nothing but arrivals and commands can happen; empty where
  /// all is.
  [[nodiscard]] std::string forgotten() const;
  /// What is not as it should be when nothing can happen any more; empty where all is.
  [[nodiscard]] std::string unfinished() const;

  PipelineThread ingress;
  PipelineThread egress;
  SharedQueues queues;
  std::uint32_t frames_left;
  std::uint32_t refusals_left;
  bool is_stopped = false;
  bool is_abandoned = false;

 private:
  [[nodiscard]] bool can_step(const PipelineThread& thread, bool has_items) const;
  std::string step(PipelineThread& thread, PipelineThread& peer, const Bounds& bounds,
                   const SharedFrame& shared, CompletionBatch& batch);
};

/// 64 bits of everything that is added.
class Fingerprint {
 public:
  void add(std::uint64_t value) {
    state_ = (state_ ^ value) * 0x9e37'79b9'7f4a'7c15U;
    state_ ^= state_ >> 29;
  }
  void add(std::span<const std::byte> bytes) {
    const std::byte* at = bytes.data();  // tests are built without optimisation
    const std::byte* const end = at + bytes.size() / sizeof(std::uint64_t) * sizeof(std::uint64_t);
    for (std::uint64_t word = 0; at != end; at += sizeof word) {
      std::memcpy(&word, at, sizeof word);
      state_ = (state_ ^ word) * 0x9e37'79b9'7f4a'7c15U;
      state_ ^= state_ >> 29;
    }
  }
  void add(const Token& token) { add(std::uint64_t{token.slot} << 32 | token.generation); }
  void add(const std::vector<Answer>& answers) {
    add(answers.size());
    for (const Answer& answer : answers) {
      add(answer.token);
      add(static_cast<std::uint64_t>(answer.region) << 8 |
          static_cast<std::uint64_t>(answer.outcome));
    }
  }
  void add(const std::vector<Submission>& submissions) {
    add(submissions.size());
    for (const Submission& submission : submissions) {
      add(submission.token);
      add(submission.target);
      add(static_cast<std::uint64_t>(submission.flags));
    }
  }
  void add(const std::optional<Token>& token) {
    add(token.has_value() ? 1U : 0U);
    if (token) add(*token);
  }
  void add(const LazyKernel& kernel) {
    add(kernel.prepared);
    add(kernel.sends);
    add(kernel.receive);
    add(kernel.wait_writable);
    add(kernel.provided.size());
    for (const RegionIndex region : kernel.provided) add(static_cast<std::uint64_t>(region));
    add(kernel.hidden);
    add(kernel.ready);
    add(std::uint64_t{kernel.frames_waiting});
  }
  void add(const PipelineThread& thread) {
    add(thread.stage.bytes());
    // Its last member counts turns.
    const auto runner = std::as_bytes(std::span(&thread.runner, 1));
    add(runner.first(sizeof(Runner) - sizeof(std::uint64_t)));
    add(thread.kernel);
    add(static_cast<std::uint64_t>(thread.rest) << 32 | thread.waits_for << 1 |
        (thread.woken ? 1U : 0U));
  }
  void add(const std::vector<WorkItem>& items) {
    add(items.size());
    for (const WorkItem& item : items) {
      add(static_cast<std::uint64_t>(item.payload.region) << 32 | item.payload.offset_bytes);
      add(static_cast<std::uint64_t>(item.first_output));
    }
  }
  void add(const std::vector<ReturnItem>& returns) {
    add(returns.size());
    for (const ReturnItem& item : returns) {
      add(static_cast<std::uint64_t>(item.region) << 32 | item.references);
    }
  }
  [[nodiscard]] std::uint64_t value() const { return state_; }

 private:
  std::uint64_t state_ = 0;
};

inline bool is_satisfied(const PipelineThread& thread) {
  return thread.kernel.ready.size() + thread.kernel.hidden.size() >= thread.waits_for;
}

inline const char* name(Action action) {
  constexpr std::array<const char*, kActionCount> kNames{
      "the ingress thread steps", "the egress thread steps",
      "a frame arrives",          "a send ends",
      "a send is refused",        "the output becomes writable",
      "the command stop",         "the command abandon"};
  return kNames[static_cast<std::size_t>(action)];
}

inline bool PipelineState::can_step(const PipelineThread& thread, bool has_items) const {
  switch (thread.rest) {
    case Rest::runs:
    case Rest::naps: return true;
    case Rest::stopped: return false;
    case Rest::waits: return is_satisfied(thread);
    case Rest::polls:
      if (!thread.kernel.hidden.empty()) return true;
      [[fallthrough]];
    case Rest::spins: break;
  }
  // Its turns do nothing (Next::spin) until there is something, or until it is tired of it.
  return has_items || !thread.kernel.ready.empty() || thread.stage->has_work() ||
         thread.stage->is_stopped() || thread.runner.spins_left() > 0;
}

inline bool PipelineState::is_possible(Action action, const Bounds& bounds) const {
  switch (action) {
    case Action::step_ingress: return can_step(ingress, !queues.returns.empty());
    case Action::step_egress: return can_step(egress, !queues.items.empty());
    case Action::arrive: return frames_left > 0;
    case Action::send_ends: return !egress.kernel.sends.empty();
    case Action::send_is_refused:
      return !egress.kernel.sends.empty() && refusals_left > 0 && !egress.kernel.wait_writable;
    case Action::becomes_writable: return egress.kernel.wait_writable.has_value();
    case Action::stop: return !is_stopped && (bounds.stops_early || frames_left == 0);
    case Action::abandon: return bounds.abandons && is_stopped && !is_abandoned;
  }
  return false;
}

inline std::string PipelineState::act(Action action, const Bounds& bounds,
                                      const SharedFrame& shared, CompletionBatch& batch) {
  const auto command = [](PipelineThread& thread) {
    thread.woken = true;  // as whoever gives it does
    if (thread.rest == Rest::waits) thread.rest = Rest::runs;
  };
  switch (action) {
    case Action::step_ingress: return step(ingress, egress, bounds, shared, batch);
    case Action::step_egress: return step(egress, ingress, bounds, shared, batch);
    case Action::arrive:
      --frames_left;
      ++ingress.kernel.frames_waiting;
      if (ingress.rest == Rest::waits) ingress.kernel.move_frames();
      break;
    case Action::send_ends: egress.kernel.end_send(Outcome::ok); break;
    case Action::send_is_refused:
      --refusals_left;
      egress.kernel.end_send(Outcome::refused);
      break;
    case Action::becomes_writable: egress.kernel.end_wait(Outcome::ok); break;
    case Action::stop:
      is_stopped = true;
      ingress.stage->stop();
      command(ingress);
      break;
    case Action::abandon:
      is_abandoned = true;
      egress.stage->abandon();
      command(egress);
      break;
  }
  return {};
}

inline std::string PipelineState::step(PipelineThread& thread, PipelineThread& peer,
                                       const Bounds& bounds, const SharedFrame& shared,
                                       CompletionBatch& batch) {
  LazyBackend backend(thread.kernel, shared.frame);
  MemoryHandOff hand_off(queues, bounds.planted);
  const PacketMemory memory = shared.memory();
  // Back from a wait, or polling: it has entered the kernel.
  if (thread.rest == Rest::waits || thread.rest == Rest::polls) thread.kernel.enter();
  thread.rest = Rest::runs;
  const Next next = thread.runner.step(*thread.stage, {backend, batch, memory, &hand_off});
  if (hand_off.woke_peer()) {
    peer.woken = true;
    if (peer.rest == Rest::waits) peer.rest = Rest::runs;
  }
  switch (next.kind) {
    case Next::Kind::run: break;
    case Next::Kind::sleep: thread.rest = Rest::naps; break;
    case Next::Kind::spin:
    case Next::Kind::poll:
      thread.rest = next.kind == Next::Kind::spin ? Rest::spins : Rest::polls;
      if (next.kind == Next::Kind::poll) thread.kernel.enter();
      if (thread.stage->has_work()) return "it spins with work";
      if (bounds.config.wake_up == WakeUp::event && queues.items.empty() && !is_abandoned) {
        return "it spins though it could sleep";
      }
      break;
    case Next::Kind::stopped: thread.rest = Rest::stopped; break;
    case Next::Kind::wait:
      thread.kernel.enter();
      thread.waits_for = next.completions;
      if (is_satisfied(thread) || std::exchange(thread.woken, false)) break;
      thread.rest = Rest::waits;
      if (thread.runner.last_phase() != Phase::await_sends && thread.stage->has_work())
        return "it sleeps with work";
      break;
  }
  return {};
}

inline std::uint64_t PipelineState::fingerprint() const {
  Fingerprint fingerprint;
  fingerprint.add(ingress);
  fingerprint.add(egress);
  fingerprint.add(queues.items);
  fingerprint.add(queues.returns);
  fingerprint.add(queues.late_items);
  fingerprint.add(queues.late_returns);
  for (std::size_t thread = 0; thread < 2; ++thread) {
    fingerprint.add((queues.announced[thread] ? 2U : 0U) | (queues.looked[thread] ? 1U : 0U));
  }
  fingerprint.add(std::uint64_t{frames_left} << 32 | refusals_left);
  fingerprint.add((is_stopped ? 2U : 0U) | (is_abandoned ? 1U : 0U));
  return fingerprint.value();
}

inline std::string PipelineState::broken_law() const {
  if (!ingress.stage->laws_hold()) return "a law of the ingress stage is broken";
  if (!egress.stage->laws_hold()) return "a law of the egress stage is broken";
  const Ledger& in = ingress.stage->ledger();
  std::vector<std::uint32_t> out(in.size());
  for (std::uint32_t index = 0; index < in.size(); ++index) {
    out[index] = egress.stage->ledger().adopted(RegionIndex{index});
  }
  const auto add = [&out](const WorkItem& item) {
    if (item.is_datagram()) ++out[static_cast<std::uint32_t>(item.payload.region)];
  };
  std::ranges::for_each(ingress.stage->handing_over(), add);
  std::ranges::for_each(queues.items, add);
  std::ranges::for_each(queues.late_items, add);
  for (const auto* returns : {&queues.returns, &queues.late_returns}) {
    for (const ReturnItem& item : *returns) {
      out[static_cast<std::uint32_t>(item.region)] += item.references;
    }
  }
  for (std::uint32_t index = 0; index < in.size(); ++index) {
    if (in.references(RegionIndex{index}) != out[index]) return "references have come or gone";
  }
  return {};
}

inline bool PipelineState::is_busy(const Bounds& bounds) const {
  return is_possible(Action::step_ingress, bounds) || is_possible(Action::step_egress, bounds) ||
         is_possible(Action::send_ends, bounds) || is_possible(Action::becomes_writable, bounds);
}

inline std::string PipelineState::forgotten() const {
  if (!queues.items.empty()) return "items lie in the hand-off and nobody comes";
  if (!queues.returns.empty() && ingress.stage->needs_returns()) {
    return "the ingress stage sleeps on regions that have come back";
  }
  if (egress.stage->ledger().held_count() > 0) return "the egress stage sleeps on datagrams";
  if (egress.stage->has_returns()) return "the egress stage sleeps on free regions";
  if (ingress.kernel.frames_waiting > 0 && !is_stopped &&
      ingress.stage->ledger().kernel_count() + ingress.stage->ledger().free_count() > 0) {
    return "frames wait, and regions for them";
  }
  return {};
}

inline std::string PipelineState::unfinished() const {
  if (ingress.rest != Rest::stopped) return "the ingress thread never stops";
  if (egress.rest != Rest::stopped) return "the egress thread never stops";
  if (!queues.items.empty() || !queues.returns.empty()) return "something lies in the hand-off";
  if (ingress.stage->ledger().held_count() > 0) return "a region has not come home";
  if (egress.stage->ledger().held_count() + egress.stage->ledger().free_count() > 0) {
    return "the egress stage has kept a region";
  }
  const OutputCounters out = egress.stage->output_total();
  if (out.assigned != out.sent + out.dropped_total())
    return "a datagram is neither sent nor counted";
  if (ingress.stage->ingress_counters().accepted != egress.stage->crossed()) {
    return "a datagram was lost on its way";
  }
  return {};
}

}  // namespace reprise::engine::played
