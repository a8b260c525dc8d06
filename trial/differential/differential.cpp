#include "reprise/trial/differential/differential.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>
#include <utility>

#include "reprise/sim/choices.hpp"
#include "reprise/trial/differential/corruption.hpp"
#include "reprise/trial/differential/draft_generator.hpp"
#include "reprise/trial/differential/model_mutants.hpp"
#include "reprise/trial/differential/plan.hpp"
#include "reprise/trial/differential/recorder.hpp"
#include "reprise/trial/differential/trace_json.hpp"

namespace reprise::trial {
namespace {

using engine::Expected;

/// Of an accepted run, so many traces are kept for falsifying and for wrong models.
constexpr std::size_t kTracesKept = 2000;
constexpr int kShrinksMax = 400;
constexpr int kDraftSize = 30;
/// Wrong models go other ways: beyond this nothing is said about a trace, and the next is tried.
constexpr std::uint32_t kMutantBeliefsMax = 4000;

class Campaign {
 public:
  Campaign(const DifferentialRequest& request, std::unique_ptr<Recorder> recorder)
      : request_(&request), recorder_(std::move(recorder)) {}

  Expected<DifferentialResult> run();

 private:
  using Drafts = rc::Shrinkable<Draft>;
  Expected<void> run_sequence(std::uint64_t number);
  Expected<void> shrink(std::uint64_t number, Drafts drafts, Trace trace, Verdict verdict);
  void note_alternatives(const Trace& trace, const Verdict& verdict);
  void judge_corruptions();
  void judge_mutants();
  bool is_caught(const ModelMutant& mutant);
  [[nodiscard]] bool is_stopped() const {
    return request_->stop != nullptr && request_->stop->load(std::memory_order_relaxed);
  }

  const DifferentialRequest* request_;
  std::unique_ptr<Recorder> recorder_;
  rc::Gen<Draft> drafts_ = drafts();
  std::vector<Trace> traces_;
  DifferentialResult result_;
};

Expected<DifferentialResult> Campaign::run() {
  for (std::uint64_t number = 0; number < request_->sequences && !is_stopped(); ++number) {
    if (auto done = run_sequence(number); !done) return std::unexpected(done.error());
    ++result_.sequences;
    if (request_->progress) request_->progress(number + 1, request_->sequences);
  }
  judge_corruptions();
  judge_mutants();
  result_.incomplete = is_stopped();
  return std::move(result_);
}

Expected<void> Campaign::run_sequence(std::uint64_t number) {
  const rc::Random random(sim::mix(request_->seed) + number);
  Drafts draft = drafts_(random, kDraftSize);
  auto trace = recorder_->record(plan_of(draft.value()));
  if (!trace) return std::unexpected(trace.error());
  result_.operations += operation_count(*trace);
  for (const Act& act : trace->acts) result_.completions += act.completions.size();
  Verdict verdict = judge(*trace, profile_of(trace->setup));
  result_.beliefs_max = std::max(result_.beliefs_max, verdict.beliefs_max);
  if (verdict.admitted) {
    note_alternatives(*trace, verdict);
    if (traces_.size() < request_->keep) {
      const std::string path =
          fmt::format("{}/accepted-{}-{}.jsonl", request_->folder, request_->seed, number);
      if (auto written = write_trace(path, *trace); !written) return written;
    }
    if (traces_.size() < kTracesKept) traces_.push_back(*std::move(trace));
    return {};
  }
  ++(verdict.exceeded ? result_.exceeded : result_.rejected);
  return shrink(number, std::move(draft), *std::move(trace), std::move(verdict));
}

void Campaign::note_alternatives(const Trace& trace, const Verdict& verdict) {
  for (std::size_t kind = 0; kind < kAlternativeCount; ++kind) {
    result_.alternatives[kind] += verdict.taken[kind];
    if (verdict.taken[kind] == 0 || result_.witnessed[kind]) continue;
    const Verdict without =
        judge(trace, profile_of(trace.setup), kMutantBeliefsMax, static_cast<Alternative>(kind));
    result_.witnessed[kind] = !without.admitted && !without.exceeded;
  }
}

/// Simpler drafts on the real kernel, as long as the model rejects what it does with them.
Expected<void> Campaign::shrink(std::uint64_t number, Drafts drafts, Trace trace, Verdict verdict) {
  int tries = 0;
  for (bool has_shrunk = true; has_shrunk && !verdict.exceeded;) {
    has_shrunk = false;
    auto simpler = drafts.shrinks();
    while (auto next = simpler.next()) {
      if (++tries > kShrinksMax || is_stopped()) break;
      auto again = recorder_->record(plan_of(next->value()));
      if (!again) return std::unexpected(again.error());
      Verdict other = judge(*again, profile_of(again->setup));
      if (other.admitted || other.exceeded) continue;
      drafts = *next;
      trace = *std::move(again);
      verdict = std::move(other);
      has_shrunk = true;
      break;
    }
  }
  const std::string path =
      fmt::format("{}/differential-{}-{}.jsonl", request_->folder, request_->seed, number);
  if (auto written = write_trace(path, trace); !written) return written;
  result_.paths.push_back(path);
  if (request_->rejected) request_->rejected(path, verdict.reason);
  return {};
}

// Against vacuity.

void Campaign::judge_corruptions() {
  if (traces_.empty()) return;
  const std::uint64_t tries_max = 4 * request_->corruptions;
  for (std::uint64_t tries = 0;
       tries < tries_max && result_.corrupted < request_->corruptions && !is_stopped(); ++tries) {
    const Trace& trace = traces_[tries % traces_.size()];
    const auto corruption = corrupt(trace, sim::mix(request_->seed ^ (tries << 20)));
    if (!corruption) continue;
    ++result_.corrupted;
    const Verdict verdict = judge(corruption->trace, profile_of(corruption->trace.setup));
    if (!verdict.admitted && !verdict.exceeded) {
      ++result_.corrupted_caught;
      continue;
    }
    const std::string path = fmt::format("{}/corrupted-{}-{}.jsonl", request_->folder,
                                         request_->seed, result_.corruptions_missed.size());
    [[maybe_unused]] const auto written = write_trace(path, corruption->trace);
    result_.corruptions_missed.push_back(path + ": " + corruption->what);
  }
}

void Campaign::judge_mutants() {
  for (const ModelMutant& mutant : model_mutants()) {
    if (is_stopped()) return;
    ++result_.mutants;
    if (is_caught(mutant)) {
      ++result_.mutants_caught;
    } else {
      result_.mutants_missed.emplace_back(mutant.name);
    }
  }
}

bool Campaign::is_caught(const ModelMutant& mutant) {
  return std::ranges::any_of(traces_, [&](const Trace& trace) {
    sim::KernelProfile profile = profile_of(trace.setup);
    mutant.alter(profile);
    const Verdict verdict = judge(trace, profile, kMutantBeliefsMax);
    return !verdict.admitted && !verdict.exceeded;
  });
}

}  // namespace

Expected<DifferentialResult> run_differential(const DifferentialRequest& request) {
  auto recorder = Recorder::create();
  if (!recorder) return std::unexpected(recorder.error());
  return Campaign(request, *std::move(recorder)).run();
}

}  // namespace reprise::trial
