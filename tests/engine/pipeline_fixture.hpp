// Two stages on a hand-off in memory and on a small kernel each, all of it one value: copy it, step
// either thread, let the kernels answer. For tests that try every order of these.
//
// The kernels are as lazy as real ones may be: a completion is seen only by a thread that enters
// its kernel or waits there. Every frame has the same bytes, which the kernels share.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "engine_fixture.hpp"
#include "reprise/engine/hand_off.hpp"
#include "reprise/engine/runner.hpp"

namespace reprise::engine::played {

/// How a hand-off may be wrong.
enum class Planted : std::uint32_t {
  nothing,
  recheck_skipped,       ///< the recheck says "nothing there" without a look
  look_before_announce,  ///< the recheck says what was there before the announcement
  wake_before_push,      ///< who sleeps is woken first, and the items come after
  release_of_one,        ///< a region that comes back brings one reference, whatever it brought
};

/// What the two threads share; [0] is the ingress stage's, [1] the egress stage's.
struct SharedQueues {
  std::vector<WorkItem> items;
  std::vector<ReturnItem> returns;
  std::vector<WorkItem> late_items;
  std::vector<ReturnItem> late_returns;
  std::array<bool, 2> announced{};
  std::array<bool, 2> looked{};
};

class MemoryHandOff final : public HandOff {
 public:
  MemoryHandOff(SharedQueues& queues, Planted planted) : queues_(&queues), planted_(planted) {}

  void hand_over(std::span<const WorkItem> items) override {
    if (planted_ == Planted::wake_before_push) take_announcement(Role::egress);
    auto& queue = planted_ == Planted::wake_before_push ? queues_->late_items : queues_->items;
    queue.insert(queue.end(), items.begin(), items.end());
  }
  std::uint32_t take_back(std::span<ReturnItem> returns) override {
    return pop(queues_->returns, returns);
  }
  std::uint32_t drain(std::span<WorkItem> items) override { return pop(queues_->items, items); }
  void give_back(std::span<const ReturnItem> returns) override {
    if (planted_ == Planted::wake_before_push) take_announcement(Role::ingress);
    auto& queue = planted_ == Planted::wake_before_push ? queues_->late_returns : queues_->returns;
    for (ReturnItem item : returns) {
      if (planted_ == Planted::release_of_one) item.references = 1;
      queue.push_back(item);
    }
  }
  void announce(Role sleeper) override {
    queues_->looked[index(sleeper)] = has_items(sleeper);
    if (planted_ != Planted::look_before_announce) queues_->announced[index(sleeper)] = true;
  }
  [[nodiscard]] bool has_items_for(Role sleeper) const override {
    if (planted_ == Planted::recheck_skipped) return false;
    if (planted_ == Planted::look_before_announce) {
      queues_->announced[index(sleeper)] = true;
      return queues_->looked[index(sleeper)];
    }
    return has_items(sleeper);
  }
  void wake(Role peer) override {
    if (planted_ != Planted::wake_before_push) return take_announcement(peer);
    move_all(queues_->late_items, queues_->items);
    move_all(queues_->late_returns, queues_->returns);
  }
  /// This step woke the other thread.
  [[nodiscard]] bool woke_peer() const { return woke_peer_; }

 private:
  static std::size_t index(Role role) { return role == Role::ingress ? 0 : 1; }
  [[nodiscard]] bool has_items(Role sleeper) const {
    return sleeper == Role::ingress ? !queues_->returns.empty() : !queues_->items.empty();
  }
  void take_announcement(Role peer) {
    if (std::exchange(queues_->announced[index(peer)], false)) woke_peer_ = true;
  }
  template <class Item>
  static std::uint32_t pop(std::vector<Item>& queue, std::span<Item> into) {
    std::uint32_t count = 0;
    for (; count < into.size() && !queue.empty(); ++count) {
      into[count] = queue.front();
      queue.erase(queue.begin());
    }
    return count;
  }
  template <class Item>
  static void move_all(std::vector<Item>& from, std::vector<Item>& to) {
    to.insert(to.end(), from.begin(), from.end());
    from.clear();
  }

  SharedQueues* queues_;
  Planted planted_;
  bool woke_peer_ = false;
};

/// A completion that a kernel has, with or without a frame.
struct Answer {
  Token token;
  RegionIndex region = kNoRegion;
  Outcome outcome = Outcome::ok;
  bool more = false;
};

/// One thread's kernel.
struct LazyKernel {
  std::vector<Submission> prepared;
  std::vector<Submission> sends;       ///< in flight, oldest first
  std::optional<Token> receive;        ///< armed
  std::optional<Token> wait_writable;  ///< armed; a pipeline here has one output that blocks
  std::vector<RegionIndex> provided;
  std::vector<Answer> hidden;  ///< not seen before the thread enters the kernel
  std::vector<Answer> ready;
  std::uint32_t frames_waiting = 0;  ///< in the packet socket

  void enter() {
    for (const Submission& submission : prepared) carry_out(submission);
    prepared.clear();
    move_frames();
    ready.insert(ready.end(), hidden.begin(), hidden.end());
    hidden.clear();
  }
  /// Frames go into provided regions, in the thread's own time.
  void move_frames() {
    if (!receive) return;
    for (; frames_waiting > 0 && !provided.empty(); --frames_waiting) {
      hidden.push_back({*receive, provided.front(), Outcome::ok, true});
      provided.erase(provided.begin());
    }
    if (!provided.empty()) return;
    hidden.push_back({*std::exchange(receive, std::nullopt), kNoRegion, Outcome::no_buffer});
  }
  /// The oldest send ends; behind one that does not end ok its chain is cancelled.
  void end_send(Outcome outcome) {
    bool linked = true;
    for (bool first = true; linked && (first || outcome != Outcome::ok); first = false) {
      const Submission send = sends.front();
      sends.erase(sends.begin());
      linked = (send.flags & SubmissionFlags::kLinked) != 0;
      hidden.push_back({send.token, kNoRegion, first ? outcome : Outcome::cancelled});
    }
  }
  void end_wait(Outcome outcome) {
    hidden.push_back({*std::exchange(wait_writable, std::nullopt), kNoRegion, outcome});
  }

 private:
  void carry_out(const Submission& submission) {
    if (submission.operation == Operation::send) {
      sends.push_back(submission);
    } else if (submission.operation == Operation::receive) {
      receive = submission.token;
    } else if (submission.operation == Operation::wait_writable) {
      REPRISE_ASSERT(!wait_writable);
      wait_writable = submission.token;
    } else {
      REPRISE_ASSERT(submission.operation == Operation::cancel);
      const bool cancels_receive = receive && *receive == submission.target;
      const bool cancels_wait = wait_writable && *wait_writable == submission.target;
      if (cancels_receive) {
        hidden.push_back({*std::exchange(receive, std::nullopt), kNoRegion, Outcome::cancelled});
      }
      if (cancels_wait) end_wait(Outcome::cancelled);
      hidden.push_back({submission.token, kNoRegion,
                        cancels_receive || cancels_wait ? Outcome::ok : Outcome::invalid});
    }
  }
};

/// The engine's view of a LazyKernel, for one step.
class LazyBackend final : public Backend {
 public:
  LazyBackend(LazyKernel& kernel, const Frame& frame) : kernel_(&kernel), frame_(&frame) {}
  std::uint32_t prepare(SubmissionView view) override {
    for (const Submission& submission : view.submissions) {
      if (submission.operation == Operation::provide) {
        for (const Slice& slice :
             view.slices.subspan(submission.slice_first, submission.slice_count)) {
          kernel_->provided.push_back(slice.region);
        }
      } else {
        kernel_->prepared.push_back(submission);
      }
    }
    return static_cast<std::uint32_t>(view.submissions.size());
  }
  SubmitResult submit() override {
    kernel_->enter();
    return {};
  }
  SubmitResult submit_and_wait(std::uint32_t, Instant) override { return submit(); }
  std::uint32_t reap(CompletionBatch& batch) override {
    batch.clear();
    std::uint32_t count = 0;
    for (; !kernel_->ready.empty() && batch.has_room(1); ++count) {
      const Answer& answer = kernel_->ready.front();
      Completion& completion = batch.push();
      completion.token = answer.token;
      completion.region = answer.region;
      completion.outcome = answer.outcome;
      completion.more = answer.more;
      if (answer.region != kNoRegion) batch.push_frame() = *frame_;
      kernel_->ready.erase(kernel_->ready.begin());
    }
    return count;
  }
  [[nodiscard]] Instant now() const override { return {}; }
  void wake() override {}
  Expected<PacketMemory> register_memory(const engine::MemorySpec&) override {
    return PacketMemory{};
  }
  Expected<void> use_memory(const PacketMemory&) override { return {}; }
  Expected<SocketIndex> open(const PacketSocketSpec&) override { return SocketIndex{0}; }
  Expected<SocketIndex> open(const SendSocketSpec&) override { return SocketIndex{1}; }
  Expected<SocketIndex> adopt(int) override { return SocketIndex{0}; }
  void close(SocketIndex) override {}
  [[nodiscard]] SocketStatistics statistics(SocketIndex) override { return {}; }
  [[nodiscard]] Limits limits() const override { return {}; }

 private:
  LazyKernel* kernel_;
  const Frame* frame_;
};

}  // namespace reprise::engine::played
