// Tries every order in which the threads of a pipeline and their surroundings can act.
//
// Every state is visited once; states that differ in telemetry alone are one. Found: a law broken
// at any step, a thread that sleeps with work, an end that is none, and states from which no end
// can be reached. The path to it is one of the shortest, and is printed for people.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "pipeline_world.hpp"

namespace reprise::engine::played {

inline constexpr std::size_t kStatesMax = 300'000;

struct Found {
  std::string problem;  ///< empty: none
  std::vector<Action> path;
  std::size_t states = 0;
  std::size_t ends = 0;
};

/// Breadth first, so that the path to a problem is one of the shortest.
class Exploration {
 public:
  explicit Exploration(const Bounds& bounds) : bounds_(bounds), shared_(bounds), batch_(16, 16) {}

  Found run() {
    Found found;
    PipelineState first(bounds_);
    seen_.emplace(first.fingerprint(), 0);
    nodes_.push_back({});
    waiting_.emplace_back(0, std::move(first));
    while (!waiting_.empty() && problem_.empty()) {
      const std::uint32_t from = waiting_.front().first;
      const PipelineState state = std::move(waiting_.front().second);
      waiting_.pop_front();
      if (!expand(from, state)) {
        ends_.push_back(from);
        report(from, state.unfinished());
      }
      if (nodes_.size() > kStatesMax) report(from, "too many states");
    }
    if (problem_.empty()) look_for_endless_runs();
    for (std::size_t thread = 0; thread < 2 && problem_.empty(); ++thread) look_for_rounds(thread);
    found.problem = problem_;
    for (std::uint32_t node = at_; node != 0; node = nodes_[node].parent) {
      found.path.insert(found.path.begin(), nodes_[node].action);
    }
    found.states = nodes_.size();
    found.ends = ends_.size();
    return found;
  }

 private:
  static constexpr std::uint32_t kNowhere = 0xffff'ffff;
  struct Node {
    std::uint32_t parent = 0;
    Action action{};
    std::vector<std::uint32_t> from;                              ///< states that lead here
    std::array<std::uint32_t, 2> after_step{kNowhere, kNowhere};  ///< of ingress, of egress
    std::array<bool, 2> may_go_round{};  ///< spinning, napping, or with open sends to look for
  };

  bool expand(std::uint32_t from, const PipelineState& state) {
    bool has_next = false;
    for (std::uint32_t index = 0; index < kActionCount; ++index) {
      const Action action{index};
      if (!state.is_possible(action, bounds_)) continue;
      has_next = true;
      PipelineState next(state);
      std::string problem = next.act(action, bounds_, shared_, batch_);
      const auto [place, is_new] = seen_.emplace(next.fingerprint(), nodes_.size());
      const std::uint32_t to = place->second;
      if (is_new) nodes_.push_back({from, action, {}});
      nodes_[to].from.push_back(from);
      if (index < 2) nodes_[from].after_step[index] = to;
      if (!is_new) continue;
      nodes_[to].may_go_round = {may_go_round(next.ingress), may_go_round(next.egress)};
      if (problem.empty()) problem = next.broken_law();
      if (problem.empty() && !next.is_busy(bounds_)) problem = next.forgotten();
      report(to, problem);
      waiting_.emplace_back(to, std::move(next));
    }
    return has_next;
  }
  void report(std::uint32_t node, const std::string& problem) {
    if (problem.empty() || !problem_.empty()) return;
    problem_ = problem;
    at_ = node;
  }
  /// From every state an end must be within reach.
  void look_for_endless_runs() {
    std::vector<bool> reaches(nodes_.size(), false);
    std::vector<std::uint32_t> open = ends_;
    for (const std::uint32_t end : ends_) reaches[end] = true;
    while (!open.empty()) {
      const std::uint32_t node = open.back();
      open.pop_back();
      for (const std::uint32_t before : nodes_[node].from) {
        if (reaches[before]) continue;
        reaches[before] = true;
        open.push_back(before);
      }
    }
    for (std::uint32_t node = 0; node < nodes_.size(); ++node) {
      if (!reaches[node]) report(node, "from here it goes on for ever");
    }
  }

  static bool may_go_round(const PipelineThread& thread) {
    return thread.rest == Rest::spins || thread.rest == Rest::polls || thread.rest == Rest::naps ||
           thread.stage->sends_open() > 0;
  }
  /// A thread that comes back to where it was by its own steps alone does so for ever: it has to
  /// say so, or to wait for sends.
  void look_for_rounds(std::size_t thread) {
    std::vector<std::uint32_t> seen_from(nodes_.size(), kNowhere);
    for (std::uint32_t start = 0; start < nodes_.size(); ++start) {
      std::uint32_t node = start;
      while (node != kNowhere && seen_from[node] == kNowhere) {
        seen_from[node] = start;
        node = nodes_[node].after_step[thread];
      }
      if (node == kNowhere || seen_from[node] != start) continue;
      bool may = false;
      std::uint32_t on = node;
      do {
        may = may || nodes_[on].may_go_round[thread];
        on = nodes_[on].after_step[thread];
      } while (on != node);
      if (!may)
        report(node, thread == 0 ? "the ingress thread runs on with nothing to do"
                                 : "the egress thread runs on with nothing to do");
    }
  }

  Bounds bounds_;
  SharedFrame shared_;
  CompletionBatch batch_;
  std::unordered_map<std::uint64_t, std::uint32_t> seen_;
  std::vector<Node> nodes_;
  std::deque<std::pair<std::uint32_t, PipelineState>> waiting_;
  std::vector<std::uint32_t> ends_;
  std::string problem_;
  std::uint32_t at_ = 0;
};

/// The path for people: who acted, and with which phase.
inline std::string told(const Bounds& bounds, const Found& found) {
  PipelineState state(bounds);
  const SharedFrame shared(bounds);
  CompletionBatch batch(16, 16);
  std::string text = found.problem + ", after:\n";
  for (const Action action : found.path) {
    text += std::string("  ") + name(action);
    state.act(action, bounds, shared, batch);
    if (action == Action::step_ingress) {
      text += ": " + std::string(name(state.ingress.runner.last_phase()));
    }
    if (action == Action::step_egress) {
      text += ": " + std::string(name(state.egress.runner.last_phase()));
    }
    text += "\n";
  }
  return text;
}

inline Bounds small_bounds(std::uint32_t frames) {
  Bounds bounds;
  bounds.config.pool = 2;
  bounds.config.landing = 1;
  bounds.config.region_bytes = 128;
  bounds.config.batch = 2;
  bounds.config.submissions_max = 8;
  bounds.config.sends_max = 2;
  bounds.config.output_queue = 2;
  bounds.config.inputs_max = 1;
  bounds.config.rules_max = 1;
  bounds.config.outputs_max = 1;
  bounds.config.spin_turns = 1;
  bounds.frames = frames;
  return bounds;
}

inline std::string label(const StageConfig& config) {
  return std::string(name(config.policy)) + "_" + std::string(name(config.wake_up)) + "_" +
         std::string(name(config.exhaustion));
}

inline void expect_no_problem(const Bounds& bounds) {
  const Found found = Exploration(bounds).run();
  EXPECT_TRUE(found.problem.empty()) << label(bounds.config) << ": " << told(bounds, found);
  EXPECT_GT(found.ends, 0U);
}

}  // namespace reprise::engine::played
