#include "reprise/lab/shrink.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace reprise::lab {
namespace {

using engine::Expected;
using engine::failure;
using sim::PicksBySite;

/// More picks that are not 0 than these are not looked at one by one, at up to 32 runs each.
constexpr std::size_t kAloneMax = 64;

/// A pick by its site and how manieth it is there.
struct PickPlace {
  std::size_t site = 0;
  std::size_t index = 0;
};

std::vector<PickPlace> not_zero(const PicksBySite& picks) {
  std::vector<PickPlace> places;
  for (std::size_t site = 0; site < picks.size(); ++site) {
    for (std::size_t index = 0; index < picks[site].size(); ++index) {
      if (picks[site][index] != 0) places.push_back({site, index});
    }
  }
  return places;
}

PicksBySite without(PicksBySite picks, const std::vector<PickPlace>& places, std::size_t first,
                    std::size_t count) {
  for (std::size_t at = first; at < std::min(first + count, places.size()); ++at)
    picks[places[at].site][places[at].index] = 0;
  return picks;
}

/// Runs what is tried, and counts.
class Trials {
 public:
  explicit Trials(const ShrinkOptions& options) : options_(options) {}

  [[nodiscard]] bool are_over() const {
    return attempts_ >= options_.attempts_max ||
           (options_.stop != nullptr && options_.stop->load(std::memory_order_relaxed));
  }
  [[nodiscard]] std::uint64_t count() const { return attempts_; }

  Expected<Attempt> run(const WrittenScenario& scenario, const std::optional<PicksBySite>& picks,
                        const AttemptControl& control) {
    ++attempts_;
    if (options_.progress) options_.progress(attempts_, options_.attempts_max);
    AttemptControl stoppable = control;
    stoppable.record.run.stop = options_.stop;
    return attempt_run(scenario, picks, stoppable);
  }

  /// The run of the file, with its picks as lists; an error where it does not fail alike.
  Expected<Attempt> run_first(const RunFile& file, bool keeps_times) {
    if (file.failures.empty()) {
      return failure(
          fmt::format("{}: nothing failed in this run; expected one that a failure is kept of",
                      file.scenario.file));
    }
    AttemptControl control;
    control.record.lists_picks = true;
    control.record.keeps_times = keeps_times;
    control.keeps = [](const RunFile&) { return true; };
    auto first = run(file.scenario, file.picks, control);
    if (!first) return failure(fmt::format("{}: {}", file.scenario.file, first.error().message));
    if (fails_alike(first->failures, file.failures.front())) return first;
    return failure(
        fmt::format("{}: it does not fail here (\"{}\"); see: reprise-lab replay --continue",
                    file.scenario.file, shown(file.failures.front())));
  }

 private:
  const ShrinkOptions& options_;
  std::uint64_t attempts_ = 0;
};

class Shrinker {
 public:
  Shrinker(Trials& trials, RunFailure wanted, RunFile start)
      : trials_(trials), wanted_(std::move(wanted)), best_(std::move(start)) {}

  /// Until nothing shrinks any more, or trials are over.
  void run() {
    for (bool has_shrunk = true; has_shrunk && !trials_.are_over();) {
      const std::uint64_t accepted = accepted_;
      if (side_of(wanted_) >= 0) shrink_scenario();
      drop_picks();
      close_gaps();
      has_shrunk = accepted_ != accepted;
    }
    lower_picks();
  }
  [[nodiscard]] RunFile take() { return std::move(best_); }

 private:
  bool accept(const WrittenScenario& scenario, const PicksBySite& picks);
  bool accept_scenario(const std::function<void(WrittenScenario&)>& change);
  template <class Place>
  void lower(Place place, std::uint64_t least);
  void shrink_scenario();
  void drop_traffic();
  void drop_faults();
  void drop_picks();
  bool drop_blocks(std::size_t block);
  void close_gaps();
  void lower_picks();

  Trials& trials_;
  RunFailure wanted_;
  RunFile best_;
  std::uint64_t accepted_ = 0;
};

/// Tries it, and keeps it where it fails alike.
bool Shrinker::accept(const WrittenScenario& scenario, const PicksBySite& picks) {
  if (trials_.are_over()) return false;
  AttemptControl control;
  control.record.lists_picks = true;
  control.keeps = [this](const RunFile& file) {
    return file.complete && fails_alike(file.failures, wanted_);
  };
  auto attempt = trials_.run(scenario, picks, control);
  // A run that fails in another way, or a scenario that is none, is not what is looked for.
  if (!attempt || !attempt->file) return false;
  best_ = std::move(*attempt->file);
  ++accepted_;
  return true;
}

bool Shrinker::accept_scenario(const std::function<void(WrittenScenario&)>& change) {
  WrittenScenario changed = best_.scenario;
  change(changed);
  return accept(changed, *best_.picks);
}

/// Gives `place` of the scenario the smallest value that still fails, as far as doubling from
/// `least` and halving find it.
template <class Place>
void Shrinker::lower(Place place, std::uint64_t least) {
  using Number = std::remove_reference_t<decltype(place(best_.scenario))>;
  const auto value = [&] { return std::uint64_t{place(best_.scenario)}; };
  const auto fails_with = [&](std::uint64_t number) {
    return accept_scenario(
        [&](WrittenScenario& changed) { place(changed) = static_cast<Number>(number); });
  };
  if (value() <= least) return;
  std::uint64_t too_low = least - 1;
  for (std::uint64_t number = least; number < value(); number *= 2) {
    if (fails_with(number)) break;
    too_low = number;
  }
  while (value() - too_low > 1 && !trials_.are_over()) {
    const std::uint64_t middle = too_low + (value() - too_low) / 2;
    if (!fails_with(middle)) too_low = middle;
  }
}

void Shrinker::drop_traffic() {
  for (std::size_t entry = best_.scenario.traffic.size(); entry-- > 0;) {
    if (best_.scenario.traffic.size() == 1) return;
    accept_scenario([entry](WrittenScenario& changed) {
      changed.traffic.erase(changed.traffic.begin() + static_cast<std::ptrdiff_t>(entry));
    });
  }
}

void Shrinker::drop_faults() {
  if (!best_.scenario.draft.faults.is_empty()) {
    accept_scenario([](WrittenScenario& changed) {
      changed.draft.faults = sim::FaultPlan{};
      changed.draft.swarm = false;
    });
  }
  for (std::size_t index = 0; index < sim::kFaultKindCount; ++index) {
    const sim::FaultKind kind = sim::fault_kind(index);
    if (!best_.scenario.draft.faults.has(kind)) continue;
    accept_scenario([kind](WrittenScenario& changed) {
      sim::FaultPlan& faults = changed.draft.faults;
      faults.rate(kind) = 0;
      faults.window(kind) = sim::FaultWindow{};
      if (kind == sim::FaultKind::small_completion_queue) faults.completion_queue = 0;
    });
  }
}

void Shrinker::shrink_scenario() {
  drop_traffic();
  drop_faults();
  for (std::size_t entry = 0; entry < best_.scenario.traffic.size(); ++entry) {
    lower([entry](WrittenScenario& s) -> auto& { return s.traffic[entry].flows; }, 1);
    TrafficDraft& traffic = best_.scenario.traffic[entry];
    if (traffic.count == 0) traffic.count = size_of(best_).datagrams;  // all of a capture
    lower([entry](WrittenScenario& s) -> auto& { return s.traffic[entry].count; }, traffic.flows);
  }
  lower([](WrittenScenario& s) -> auto& { return s.draft.hops; }, 1);
  lower([](WrittenScenario& s) -> auto& { return s.draft.node.fan_out; }, 1);
}

/// Delta debugging (Zeller, Hildebrandt: "Simplifying and isolating failure-inducing input", 2002),
/// all picks of a site first.
void Shrinker::drop_picks() {
  for (std::size_t site = 0; site < sim::kSiteCount; ++site) {
    PicksBySite changed = *best_.picks;
    if (std::ranges::all_of(changed[site], [](std::uint32_t value) { return value == 0; }))
      continue;
    std::ranges::fill(changed[site], 0);
    accept(best_.scenario, changed);
  }
  std::size_t block = (not_zero(*best_.picks).size() + 1) / 2;
  while (block > 0 && !trials_.are_over()) {
    const bool has_dropped = drop_blocks(block);
    if (block == 1 && !has_dropped) return;
    block = block == 1 ? 1 : block / 2;
  }
}

/// Sets one block after the other to 0, each of so many picks that are not. False: none could be.
bool Shrinker::drop_blocks(std::size_t block) {
  bool has_dropped = false;
  std::vector<PickPlace> places = not_zero(*best_.picks);
  for (std::size_t first = 0; first < places.size() && !trials_.are_over();) {
    if (accept(best_.scenario, without(*best_.picks, places, first, block))) {
      has_dropped = true;
      places = not_zero(*best_.picks);  // what came behind it may have gone too
    } else {
      first += block;
    }
  }
  return has_dropped;
}

/// Takes zeros away in front of each pick that is not 0, so that it is asked for earlier and less
/// traffic is enough.
void Shrinker::close_gaps() {
  if (not_zero(*best_.picks).size() > kAloneMax) return;
  for (std::size_t site = 0; site < sim::kSiteCount; ++site) {
    for (std::size_t gap_start = 0;; ++gap_start) {
      const auto gap = [&]() -> std::size_t {
        const auto& values = (*best_.picks)[site];
        const auto from =
            values.begin() + static_cast<std::ptrdiff_t>(std::min(gap_start, values.size()));
        return static_cast<std::size_t>(
            std::find_if(from, values.end(), [](std::uint32_t value) { return value != 0; }) -
            from);
      };
      if (gap_start + gap() >= (*best_.picks)[site].size()) break;
      for (std::size_t cut = gap(); cut > 0 && !trials_.are_over();) {
        PicksBySite changed = *best_.picks;
        const auto first = changed[site].begin() + static_cast<std::ptrdiff_t>(gap_start);
        changed[site].erase(first, first + static_cast<std::ptrdiff_t>(cut));
        cut = accept(best_.scenario, changed) ? std::min(cut, gap()) : cut / 2;
      }
      gap_start += gap();
    }
  }
}

void Shrinker::lower_picks() {
  const std::vector<PickPlace> places = not_zero(*best_.picks);
  if (places.size() > kAloneMax) return;
  for (const PickPlace& place : places) {
    const auto value = [&]() -> std::uint32_t {
      const auto& values = (*best_.picks)[place.site];
      return place.index < values.size() ? values[place.index] : 0;
    };
    std::uint32_t too_low = 0;
    while (value() > too_low + 1 && !trials_.are_over()) {
      const std::uint32_t middle = too_low + (value() - too_low) / 2;
      PicksBySite changed = *best_.picks;
      changed[place.site][place.index] = middle;
      if (!accept(best_.scenario, changed)) too_low = middle;
    }
  }
}

/// The picks of `file` that are not 0, in the order in which they were made.
std::vector<NamedPick> named_picks(const RunFile& file, const std::vector<std::int64_t>& times_ns) {
  std::vector<NamedPick> named;
  std::array<std::size_t, sim::kSiteCount> asked{};
  std::uint64_t pick = 0;
  for (const AskOrder::Repeat& repeat : file.order.repeats()) {
    const Ask& ask = file.order.ask(repeat.kind);
    const auto site = static_cast<std::size_t>(*sim::site_named(ask.site));
    for (std::uint64_t time = 0; time < repeat.times; ++time, ++pick) {
      const std::size_t index = asked[site]++;
      const std::uint32_t value = (*file.picks)[site][index];
      if (value == 0) continue;
      named.push_back({pick, ask.site, index, value, ask.count,
                       pick < times_ns.size() ? times_ns[pick] : file.end.time_ns});
    }
  }
  return named;
}

/// Finds the necessary ones among the picks of one run that are not 0.
class NecessitySearch {
 public:
  NecessitySearch(Trials& trials, const RunFile& file, RunFailure wanted,
                  std::vector<NamedPick> picks)
      : trials_(trials), file_(file), wanted_(std::move(wanted)), picks_(std::move(picks)) {}

  void look(std::size_t first, std::size_t count);
  [[nodiscard]] std::vector<NamedPick> take() { return std::move(found_); }
  [[nodiscard]] std::uint64_t untried() const { return untried_; }

 private:
  Trials& trials_;
  const RunFile& file_;
  RunFailure wanted_;
  std::vector<NamedPick> picks_;
  std::vector<NamedPick> found_;
  std::uint64_t untried_ = 0;
};

void NecessitySearch::look(std::size_t first, std::size_t count) {
  if (trials_.are_over()) untried_ += count;
  if (count == 0 || trials_.are_over()) return;
  PicksBySite changed = *file_.picks;
  for (std::size_t at = first; at < first + count; ++at) {
    const auto site = static_cast<std::size_t>(*sim::site_named(picks_[at].site));
    changed[site][picks_[at].index] = 0;
  }
  const auto attempt = trials_.run(file_.scenario, changed, {});
  if (attempt && !attempt->complete) {  // interrupted
    untried_ += count;
    return;
  }
  if (attempt && attempt->end == file_.end && attempt->failures == file_.failures) return;
  if (count > 1) {
    look(first, count / 2);
    look(first + count / 2, count - count / 2);
  } else if (!attempt || !fails_alike(attempt->failures, wanted_)) {
    found_.push_back(picks_[first]);
  }
}

nlohmann::ordered_json to_json(const RunSize& size) {
  return {{"datagrams", size.datagrams},
          {"events", size.events},
          {"time_ns", size.time_ns},
          {"picks", size.picks},
          {"picks_not_zero", size.picks_not_zero}};
}

}  // namespace

RunSize size_of(const RunFile& file) {
  RunSize size{0, file.end.events, file.end.time_ns, file.order.size(), 0};
  if (const auto scenario = resolve(file.scenario)) {
    for (const sim::TrafficConfig& traffic : scenario->world.traffic)
      size.datagrams += traffic.count;
  }
  if (file.picks) size.picks_not_zero = not_zero(*file.picks).size();
  return size;
}

Expected<Shrunk> shrink(const RunFile& file, const ShrinkOptions& options) {
  Trials trials(options);
  auto first = trials.run_first(file, false);
  if (!first) return std::unexpected(first.error());
  Shrunk shrunk;
  shrunk.failure = file.failures.front();
  shrunk.before = size_of(*first->file);
  Shrinker shrinker(trials, shrunk.failure, std::move(*first->file));
  shrinker.run();
  shrunk.complete = !trials.are_over();
  shrunk.file = shrinker.take();
  shrunk.after = size_of(shrunk.file);
  shrunk.attempts = trials.count();
  return shrunk;
}

Expected<Necessary> necessary_picks(const RunFile& file, const ShrinkOptions& options) {
  Trials trials(options);
  auto first = trials.run_first(file, true);
  if (!first) return std::unexpected(first.error());
  std::vector<NamedPick> picks = named_picks(*first->file, first->pick_times_ns);
  Necessary necessary;
  necessary.failure = file.failures.front();
  necessary.picks_not_zero = picks.size();
  const std::size_t count = picks.size();
  NecessitySearch search(trials, *first->file, necessary.failure, std::move(picks));
  search.look(0, count);
  necessary.picks = search.take();
  necessary.untried = search.untried();
  necessary.complete = necessary.untried == 0;
  necessary.attempts = trials.count();
  return necessary;
}

nlohmann::ordered_json to_json(const Shrunk& shrunk) {
  nlohmann::ordered_json json;
  json["failed"] = to_json(shrunk.failure);
  json["before"] = to_json(shrunk.before);
  json["after"] = to_json(shrunk.after);
  json["attempts"] = shrunk.attempts;
  json["complete"] = shrunk.complete;
  return json;
}

nlohmann::ordered_json to_json(const Necessary& necessary) {
  nlohmann::ordered_json json;
  json["failed"] = to_json(necessary.failure);
  json["picks_not_zero"] = necessary.picks_not_zero;
  json["necessary"] = nlohmann::ordered_json::array();
  for (const NamedPick& each : necessary.picks) {
    json["necessary"].push_back({{"pick", each.pick},
                                 {"time_ns", each.time_ns},
                                 {"site", each.site},
                                 {"index", each.index},
                                 {"value", each.value},
                                 {"count", each.count}});
  }
  json["untried"] = necessary.untried;
  json["attempts"] = necessary.attempts;
  json["complete"] = necessary.complete;
  return json;
}

std::string to_text(const Shrunk& shrunk) {
  std::string text = shown(shrunk.failure) + "\n";
  const auto line = [&](std::string_view label, std::uint64_t before, std::uint64_t after) {
    text += fmt::format("  {:<18}{} → {}\n", label, before, after);
  };
  line("datagrams", shrunk.before.datagrams, shrunk.after.datagrams);
  line("events", shrunk.before.events, shrunk.after.events);
  line("nanoseconds", static_cast<std::uint64_t>(shrunk.before.time_ns),
       static_cast<std::uint64_t>(shrunk.after.time_ns));
  line("picks", shrunk.before.picks, shrunk.after.picks);
  line("picks not zero", shrunk.before.picks_not_zero, shrunk.after.picks_not_zero);
  return text + fmt::format("  {:<18}{}{}\n", "runs tried", shrunk.attempts,
                            shrunk.complete ? "" : "; stopped before nothing shrank any more");
}

std::string to_text(const Necessary& necessary) {
  std::string text = fmt::format("{}\n  {} of {} picks that are not zero are necessary{}\n",
                                 shown(necessary.failure), necessary.picks.size(),
                                 necessary.picks_not_zero, necessary.picks.empty() ? "" : ":");
  for (const NamedPick& each : necessary.picks) {
    text += fmt::format("  {:>14.6f} ms  {:<18} its pick {}, of the run {}: {} of {}\n",
                        static_cast<double>(each.time_ns) / 1e6, each.site, each.index, each.pick,
                        each.value, each.count);
  }
  if (necessary.untried > 0)
    text += fmt::format("  stopped early: {} picks were not tried\n", necessary.untried);
  return text;
}

}  // namespace reprise::lab
