#include "reprise/trial/differential/beliefs.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <span>
#include <unordered_set>
#include <utility>
#include <vector>

#include "reprise/posix/errno_outcome.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/packet.hpp"
#include "reprise/trial/differential/model_state.hpp"

namespace reprise::trial {
namespace {

using engine::Instant;
using engine::Operation;
using engine::Outcome;
using engine::RegionIndex;
using engine::Slice;
using engine::SocketIndex;
using engine::Submission;
using sim::TaskRun;

/// io_uring's IO_LOCAL_TW_DEFAULT_MAX: so much deferred work one round does.
constexpr std::uint32_t kRoundMax = 20;
constexpr Instant kOver{0};

void count(ModelState& state, Alternative alternative) {
  ++state.taken[static_cast<std::size_t>(alternative)];
}

std::string text_of(const TraceCompletion& seen) {
  std::string text = fmt::format("token {}", seen.token);
  if (seen.errno_value != 0) text += fmt::format(" errno {}", seen.errno_value);
  if (seen.result_bytes != 0) text += fmt::format(" result {}", seen.result_bytes);
  if (seen.more) text += " more";
  if (seen.has_datagram) {
    text += fmt::format(" region {} flow {} sequence {}", seen.region, seen.flow, seen.sequence);
  }
  return text;
}

std::string text_of(const sim::Posted& posted) {
  TraceCompletion same;
  same.token = posted.token.slot;
  same.errno_value = posted.errno_value;
  same.result_bytes = posted.result_bytes;
  same.more = posted.more != 0;
  same.has_datagram = posted.region != engine::kNoRegion;
  same.region = static_cast<std::uint32_t>(posted.region);
  same.flow = posted.packet.flow;
  same.sequence = posted.packet.sequence;
  return text_of(same);
}

/// Goes through every list of picks that a step asks for.
class EveryPick final : public sim::Choices {
 public:
  /// False: there are no more lists.
  bool next() {
    while (!picks_.empty() && ++picks_.back().value == picks_.back().count) picks_.pop_back();
    place_ = 0;
    return !picks_.empty();
  }
  /// Notes what was picked on the way to this state.
  void note(ModelState& state) const {
    for (const Pick& pick : picks_) {
      if (pick.site == sim::Site::departure) {
        count(state, pick.value == 0 ? Alternative::no_departure_between_fragments
                                     : Alternative::departure_between_fragments);
      } else if (pick.site == sim::Site::woken_while_arming) {
        count(state, pick.value == 0 ? Alternative::wait_armed_undisturbed
                                     : Alternative::wait_woken_while_arming);
      }
    }
  }

 private:
  std::uint32_t choose(sim::Site site, std::uint32_t count) override {
    if (place_ == picks_.size()) picks_.push_back({site, 0, count});
    return picks_[place_++].value;
  }
  struct Pick {
    sim::Site site;
    std::uint32_t value;
    std::uint32_t count;
  };
  std::vector<Pick> picks_;
  std::size_t place_ = 0;
};

/// Carries the states of a trace's model from act to act.
class Judge {
 public:
  Judge(const Trace& trace, const sim::KernelProfile& profile, std::uint32_t beliefs_max,
        std::optional<Alternative> without);
  Verdict run();

 private:
  using States = std::vector<ModelState>;

  [[nodiscard]] bool is_deferred() const { return profile_.task_run == TaskRun::deferred; }
  void carry_out(const Act& act);
  void enter(Phase phase);
  void explore(const Act& act, Phase last);
  void advance(const ModelState& state, const Act& act);
  void let_environment_act(const ModelState& state);
  void submit_next(const ModelState& state);
  void end_submit(const ModelState& state, const Act& act);
  bool follow_up(const ModelState& state);
  void run_work(const ModelState& state);
  void collect(const ModelState& state);
  void wait(const ModelState& state, const Act& act);
  void arm_too_late(const ModelState& state);
  void quiesce(const ModelState& state);
  void go_to(const ModelState& state, Phase phase);
  void emit(ModelState&& state);

  [[nodiscard]] bool matches(ModelState& state);
  [[nodiscard]] bool is_as_observed(const sim::Posted& posted, const TraceCompletion& seen) const;
  [[nodiscard]] bool is_at_rest(const ModelState& state) const;
  [[nodiscard]] bool can_depart(const ModelState& state) const;
  void prepare(ModelState& state, const TraceEntry& entry) const;
  std::size_t gather(ModelState& state, const TraceEntry& entry,
                     std::array<Slice, kGatheredMax>& slices) const;
  static void reap(ModelState& state, std::uint32_t count);
  void keep_if(auto&& holds);

  const Trace* trace_;
  Environment environment_;
  sim::KernelProfile profile_;
  std::uint32_t beliefs_max_;
  std::optional<Alternative> without_;
  std::vector<const TraceCompletion*> expected_;
  States beliefs_;
  States todo_;
  std::unordered_set<std::string> seen_;
  std::uint32_t most_ = 1;
  std::uint32_t observed_ = 0;  ///< completions up to and with this act
  std::uint32_t furthest_ = 0;  ///< completions that some state posted as observed
  std::string mismatch_;
  bool exceeded_ = false;
};

Judge::Judge(const Trace& trace, const sim::KernelProfile& profile, std::uint32_t beliefs_max,
             std::optional<Alternative> without)
    : trace_(&trace),
      environment_(trace.setup),
      profile_(profile),
      beliefs_max_(beliefs_max),
      without_(without) {
  for (const Act& act : trace.acts) {
    for (const TraceCompletion& completion : act.completions) expected_.push_back(&completion);
  }
  ModelState first(kernel_config(trace, profile));
  first.allowance_bytes.fill(kUnlimited);
  for (std::uint32_t link = 0; link < trace.setup.links.size(); ++link) {
    first.kernel().link(link).set_untimed();
  }
  beliefs_.push_back(std::move(first));
}

Verdict Judge::run() {
  Verdict verdict;
  for (std::size_t number = 0; number < trace_->acts.size(); ++number) {
    const Act& act = trace_->acts[number];
    mismatch_.clear();
    observed_ += static_cast<std::uint32_t>(act.completions.size());
    explore(act, Phase::outside);
    if (!beliefs_.empty()) carry_out(act);
    verdict.beliefs_max = most_;
    verdict.exceeded = exceeded_;
    if (!exceeded_ && !beliefs_.empty()) continue;
    verdict.act = number;
    verdict.reason =
        exceeded_ ? fmt::format("act {} ({}): more than {} states of the model", number,
                                name(act.kind), beliefs_max_)
                  : fmt::format("act {} ({}): no state of the model goes on like this{}{}", number,
                                name(act.kind), mismatch_.empty() ? "" : "; ", mismatch_);
    return verdict;
  }
  verdict.admitted = true;
  verdict.taken = beliefs_.front().taken;
  return verdict;
}

void Judge::keep_if(auto&& holds) {
  const std::size_t before = beliefs_.size();
  std::erase_if(beliefs_, [&](ModelState& state) { return !holds(state); });
  if (beliefs_.empty() && before > 0 && mismatch_.empty()) {
    mismatch_ = fmt::format("{} states before it", before);
  }
}

void Judge::carry_out(const Act& act) {
  switch (act.kind) {
    case ActKind::provide:
      for (ModelState& state : beliefs_) {
        for (const std::uint32_t region : act.regions) state.kernel().provide(RegionIndex{region});
      }
      return;
    case ActKind::submit:
      for (ModelState& state : beliefs_) {
        for (const TraceEntry& entry : act.entries) prepare(state, entry);
        state.submitted = 0;
      }
      enter(Phase::submitting);
      explore(act, Phase::outside);
      keep_if([&](const ModelState& state) {
        return act.errno_value == 0 && state.submitted == act.submitted;
      });
      for (ModelState& state : beliefs_) state.submitted = 0;
      return;
    case ActKind::wait:
      enter(Phase::waiting);
      explore(act, Phase::outside);
      return;
    case ActKind::reap: {
      const auto count = static_cast<std::uint32_t>(act.completions.size());
      keep_if([&](const ModelState& state) {
        return state.posted - state.in_queue + count == observed_ &&
               state.kernel().visible_count(kTraceRing) == count;
      });
      for (ModelState& state : beliefs_) reap(state, count);
      return;
    }
    case ActKind::quiesce:
      enter(Phase::quiescing);
      explore(act, Phase::outside);
      return;
    case ActKind::set_up:
    case ActKind::set_carrier:
    case ActKind::set_address:
    case ActKind::set_mtu:
    case ActKind::set_blocked:
      for (ModelState& state : beliefs_) environment_.operate(state, act);
      enter(is_deferred() ? Phase::outside : Phase::leaving);
      explore(act, Phase::outside);
      return;
  }
}

// Exploring one act.

void Judge::enter(Phase phase) {
  for (ModelState& state : beliefs_) {
    state.phase = phase;
    if (state.kernel().work_count(kTraceRing) > 0) count(state, Alternative::work_left_to_a_call);
  }
}

/// All states that can be reached from the present ones and are in phase `last` then.
void Judge::explore(const Act& act, Phase last) {
  seen_.clear();
  todo_.clear();
  States reached;
  for (ModelState& state : beliefs_) emit(std::move(state));
  while (!todo_.empty() && !exceeded_) {
    const ModelState state = std::move(todo_.back());
    todo_.pop_back();
    advance(state, act);
    if (state.phase == last) reached.push_back(state);
  }
  most_ = std::max(most_, static_cast<std::uint32_t>(seen_.size()));
  beliefs_ = std::move(reached);
}

void Judge::emit(ModelState&& state) {
  if (without_ && state.taken[static_cast<std::size_t>(*without_)] > 0) return;
  if (!matches(state) || !seen_.insert(state.key()).second) return;
  if (seen_.size() > beliefs_max_) {
    exceeded_ = true;
    return;
  }
  todo_.push_back(std::move(state));
}

void Judge::advance(const ModelState& state, const Act& act) {
  let_environment_act(state);
  switch (state.phase) {
    case Phase::outside:
      if (!is_deferred() && state.kernel().work_count(kTraceRing) > 0) {
        go_to(state, Phase::interrupted);
      }
      return;
    case Phase::interrupted:
    case Phase::leaving:
      if (state.kernel().work_count(kTraceRing) > 0) return run_work(state);
      return go_to(state, Phase::outside);
    case Phase::submitting: return submit_next(state);
    case Phase::ending: return end_submit(state, act);
    case Phase::collecting: return collect(state);
    case Phase::waiting: return wait(state, act);
    case Phase::quiescing: return quiesce(state);
  }
}

void Judge::go_to(const ModelState& state, Phase phase) {
  ModelState next = state;
  next.phase = phase;
  if (phase == Phase::interrupted) count(next, Alternative::work_between_calls);
  emit(std::move(next));
}

void Judge::let_environment_act(const ModelState& state) {
  const bool holds_still = state.phase == Phase::submitting && !profile_.room_returns_inside_submit;
  for (std::uint32_t link = 0; link < trace_->setup.links.size(); ++link) {
    if (!trace_->setup.links[link].is_shaped || holds_still) continue;
    if (state.kernel().link(link).waiting_count() == 0) continue;
    for (const bool notice_last : {false, true}) {
      ModelState next = state;
      if (!environment_.depart(next, link, notice_last)) continue;
      count(next, state.phase == Phase::submitting ? Alternative::departure_before_entry
                  : state.phase == Phase::outside  ? Alternative::departure_between_calls
                                                   : Alternative::departure_before_work);
      emit(std::move(next));
    }
  }
  if (state.kernel().next_deadline(kTraceRing) <= kOver) {
    ModelState next = state;
    next.kernel().expire(kTraceRing, kOver);
    count(next, state.phase == Phase::submitting ? Alternative::deadline_before_entry
                                                 : Alternative::deadline_elsewhere);
    emit(std::move(next));
  }
}

bool Judge::can_depart(const ModelState& state) const {
  for (std::uint32_t link = 0; link < trace_->setup.links.size(); ++link) {
    if (state.kernel().link(link).waiting_count() > 0 && state.allowance_bytes[link] > 0) {
      return true;
    }
  }
  return false;
}

void Judge::submit_next(const ModelState& state) {
  if (state.kernel().prepared_count(kTraceRing) == 0) return go_to(state, Phase::ending);
  arm_too_late(state);
  EveryPick picks;
  do {
    ModelState next = state;
    sim::Kernel& kernel = next.kernel();
    if (can_depart(state)) count(next, Alternative::entry_first);
    const sim::Kernel::Executed executed = kernel.execute_next(kTraceRing, kOver, picks);
    ++next.submitted;
    picks.note(next);
    if (!environment_.deliver(next)) continue;
    if (executed.ends_submit) {
      next.is_cut = kernel.prepared_count(kTraceRing) > 0;
      next.phase = Phase::ending;
    }
    emit(std::move(next));
  } while (picks.next());
}

/// A frame arrives between a receive's first look and its waiting: what waited before is woken, and
/// the receive looks again behind that.
void Judge::arm_too_late(const ModelState& state) {
  if (!state.kernel().next_would_wait(kTraceRing) || !profile_.room_returns_inside_submit) return;
  for (std::uint32_t link = 0; link < trace_->setup.links.size(); ++link) {
    if (!trace_->setup.links[link].is_shaped) continue;
    for (const bool notice_last : {false, true}) {
      ModelState next = state;
      if (!environment_.depart(next, link, notice_last)) continue;
      if (next.kernel().next_would_wait(kTraceRing)) continue;  // it went elsewhere
      next.kernel().arm_too_late(kTraceRing);
      ++next.submitted;
      count(next, Alternative::receive_armed_too_late);
      emit(std::move(next));
    }
  }
}

/// What has ended is posted, and then its chains go on one by one.
bool Judge::follow_up(const ModelState& state) {
  if (!state.kernel().has_follow_up(kTraceRing)) return false;
  ModelState next = state;
  next.kernel().follow_up(kTraceRing);
  emit(std::move(next));
  return true;
}

/// A call that did not take everything does not collect (io_uring_enter).
void Judge::end_submit(const ModelState& state, const Act& act) {
  if (follow_up(state)) return;
  ModelState next = state;
  const bool collects = act.collects && !state.is_cut;
  next.is_cut = false;
  if (is_deferred()) {
    next.phase = collects ? Phase::collecting : Phase::outside;
    next.rounds = collects ? (state.submitted > 0 ? 2 : 1) : 0;
    next.batch = 0;
  } else {
    next.phase = Phase::leaving;
    if (collects) next.kernel().flush_overflow(kTraceRing);
  }
  emit(std::move(next));
}

void Judge::run_work(const ModelState& state) {
  if (follow_up(state)) return;
  EveryPick picks;
  do {
    ModelState next = state;
    if (can_depart(state)) count(next, Alternative::work_first);
    next.kernel().execute_work(kTraceRing, kOver, picks);
    if (next.batch > 0) --next.batch;
    picks.note(next);
    if (environment_.deliver(next)) emit(std::move(next));
  } while (picks.next());
}

/// A deferred ring's call goes once or twice through what is due then.
void Judge::collect(const ModelState& state) {
  if (state.batch > 0) return run_work(state);
  if (follow_up(state)) return;
  ModelState next = state;
  if (state.rounds > 0) {
    --next.rounds;
    next.batch = std::min(kRoundMax, state.kernel().work_count(kTraceRing));
    next.kernel().limit_batch(kTraceRing, kRoundMax);
  } else {
    next.kernel().flush_overflow(kTraceRing);
    next.phase = Phase::outside;
  }
  emit(std::move(next));
}

void Judge::wait(const ModelState& state, const Act& act) {
  if (follow_up(state)) return;
  const sim::Kernel& kernel = state.kernel();
  const std::uint32_t visible = kernel.visible_count(kTraceRing);
  const bool has_work = kernel.work_count(kTraceRing) > 0;
  if (has_work) run_work(state);
  if (kernel.completion_count(kTraceRing) > visible) {
    ModelState next = state;
    next.kernel().flush_overflow(kTraceRing);
    emit(std::move(next));
  }
  const bool may_end = act.errno_value == ETIME ? visible == 0 : visible > 0 || act.count == 0;
  if (may_end && (!has_work || visible >= act.count)) {
    go_to(state, is_deferred() ? Phase::outside : Phase::leaving);
  }
}

void Judge::quiesce(const ModelState& state) {
  if (is_at_rest(state)) return go_to(state, Phase::outside);
  if (state.kernel().work_count(kTraceRing) > 0) run_work(state);
  ModelState next = state;
  const std::uint32_t visible = next.kernel().visible_count(kTraceRing);
  if (next.kernel().completion_count(kTraceRing) > 0) {
    reap(next, visible);
    next.kernel().flush_overflow(kTraceRing);
    emit(std::move(next));
  }
}

/// Nothing is under way, and everything observed so far was posted.
bool Judge::is_at_rest(const ModelState& state) const {
  const sim::Kernel& kernel = state.kernel();
  for (std::uint32_t link = 0; link < trace_->setup.links.size(); ++link) {
    if (kernel.link(link).waiting_count() > 0) return false;
  }
  return kernel.work_count(kTraceRing) == 0 && kernel.completion_count(kTraceRing) == 0 &&
         kernel.next_deadline(kTraceRing) > kOver && state.posted == observed_;
}

// Against what was observed.

/// Whether what the state posted anew is what was observed next.
bool Judge::matches(ModelState& state) {
  const std::uint32_t in_queue = state.kernel().completion_count(kTraceRing);
  for (; state.in_queue < in_queue; ++state.in_queue) {
    const sim::Posted& posted = state.kernel().completion(kTraceRing, state.in_queue);
    const bool is_expected = state.posted < expected_.size();
    if (is_expected && is_as_observed(posted, *expected_[state.posted])) {
      ++state.posted;
      continue;
    }
    if (state.posted >= furthest_) {
      furthest_ = state.posted;
      mismatch_ =
          fmt::format("completion {}: observed {}, the model posts {}", state.posted,
                      is_expected ? text_of(*expected_[state.posted]) : "none", text_of(posted));
    }
    return false;
  }
  return true;
}

bool Judge::is_as_observed(const sim::Posted& posted, const TraceCompletion& seen) const {
  if (posted.token.slot != seen.token || (posted.more != 0) != seen.more ||
      posted.outcome != posix::outcome_of(seen.errno_value) ||
      posted.result_bytes != seen.result_bytes ||
      (posted.region != engine::kNoRegion) != seen.has_datagram) {
    return false;
  }
  if (posted.outcome == Outcome::invalid && posted.errno_value != seen.errno_value) return false;
  return !seen.has_datagram ||
         (posted.region == RegionIndex{seen.region} && posted.packet.flow == seen.flow &&
          posted.packet.sequence == seen.sequence);
}

/// A slice for each datagram, whose tags lie one after the other.
std::size_t Judge::gather(ModelState& state, const TraceEntry& entry,
                          std::array<Slice, kGatheredMax>& slices) const {
  const RegionIndex region = payload_region(trace_->setup, entry.token);
  const auto flow = static_cast<std::uint32_t>(entry.socket - trace_->setup.receivers.size());
  std::uint32_t left_bytes = entry.payload_bytes;
  std::uint32_t count = 0;
  for (; left_bytes > 0; ++count) {
    const std::uint32_t length_bytes = std::min<std::uint32_t>(left_bytes, entry.segment_bytes);
    const sim::Tag tag = sim::make_tag(entry.sequence + std::uint64_t{count} * entry.sequence_step,
                                       flow, length_bytes);
    const std::uint32_t place = count * sim::kTagBytes;
    std::memcpy(state.kernel().region_bytes(region).data() + place, &tag, sizeof tag);
    slices[count] = {region, place, length_bytes};
    left_bytes -= length_bytes;
  }
  return count;
}

void Judge::prepare(ModelState& state, const TraceEntry& entry) const {
  Submission submission;
  submission.token = {entry.token, 0};
  submission.target = {entry.target, 0};
  submission.deadline = entry.is_due ? kOver : engine::kNever;
  submission.socket = SocketIndex{entry.socket};
  submission.segment_bytes = entry.segment_bytes;
  submission.operation = entry.operation;
  submission.flags = entry.flags;
  std::array<Slice, kGatheredMax> slices;
  std::size_t slice_count = 0;
  if (entry.sequence_step != 0) {
    slice_count = gather(state, entry, slices);
  } else if (engine::is_send(entry.operation)) {
    // The tag, and the rest of the payload, which the model does not have.
    const RegionIndex region = payload_region(trace_->setup, entry.token);
    const auto flow = static_cast<std::uint32_t>(entry.socket - trace_->setup.receivers.size());
    const sim::Tag tag = sim::make_tag(entry.sequence, flow, sim::kTagBytes);
    std::memcpy(state.kernel().region_bytes(region).data(), &tag, sizeof tag);
    slices = {Slice{region, 0, sim::kTagBytes},
              Slice{engine::kNoRegion, 0, entry.payload_bytes - sim::kTagBytes}};
    slice_count = 2;
  }
  state.kernel().prepare(kTraceRing, submission, std::span(slices).first(slice_count),
                         entry.malformation);
}

void Judge::reap(ModelState& state, std::uint32_t count) {
  for (std::uint32_t reaped = 0; reaped < count; ++reaped) state.kernel().reap(kTraceRing);
  state.in_queue -= count;
}

}  // namespace

std::string_view name(Alternative alternative) {
  constexpr std::array<std::string_view, kAlternativeCount> kNames{
      "a frame waits while an entry of the same call runs",
      "a frame departs inside a submit",
      "a frame waits while a call does its work",
      "a frame departs while a call does its work",
      "a frame departs between two calls",
      "work is done between two calls",
      "work waits for the next call",
      "a deadline passes inside a submit",
      "a deadline passes elsewhere",
      "a fragment meets a full queue",
      "a frame departs inside a send",
      "a wait that could be woken while it is armed is not",
      "a wait is woken while it is armed",
      "a frame arrives before a receive waits that has found nothing"};
  return kNames[static_cast<std::size_t>(alternative)];
}

sim::KernelProfile profile_of(const TraceSetup& setup) {
  sim::KernelProfile profile;
  profile.task_run = setup.task_run;
  return profile;
}

Verdict judge(const Trace& trace, const sim::KernelProfile& profile, std::uint32_t beliefs_max,
              std::optional<Alternative> without) {
  return Judge(trace, profile, beliefs_max, without).run();
}

}  // namespace reprise::trial
