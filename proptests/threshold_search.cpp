#include "threshold_search.hpp"

#include <rapidcheck.h>

#include <algorithm>
#include <deque>
#include <map>
#include <utility>

#include "threshold_table.hpp"

namespace reprise::proptests {
namespace {

using Config = std::shared_ptr<const sim::TurnWorldConfig>;
using Key = std::vector<std::uint32_t>;

constexpr int kSequencesMax = 3000;
constexpr std::uint64_t kComparedEvery = 16;

sim::TurnStep step_with(sim::TurnWorld& world, std::uint32_t arrivals) {
  AtMost choices(std::span(&arrivals, 1));
  return world.step(choices);
}

/// Whether two worlds with equal keys go on alike.
bool go_on_alike(const sim::TurnWorld& left, const sim::TurnWorld& right) {
  if (left.arrivals_max() != right.arrivals_max()) return false;
  for (std::uint32_t arrivals = 0; arrivals <= left.arrivals_max(); ++arrivals) {
    sim::TurnWorld left_next = left;
    sim::TurnWorld right_next = right;
    const sim::TurnStep left_step = step_with(left_next, arrivals);
    const sim::TurnStep right_step = step_with(right_next, arrivals);
    if (left_step.refused != right_step.refused || left_step.phase != right_step.phase ||
        left_next.key() != right_next.key()) {
      return false;
    }
  }
  return true;
}

/// Lets as many datagrams arrive as may, less what its list says; none after the list's end. So the
/// simplest lists are those that press most.
class HoldingBack final : public sim::Choices {
 public:
  explicit HoldingBack(std::span<const std::uint32_t> held) : held_(held) {}
  [[nodiscard]] bool is_used_up() const { return position_ == held_.size(); }

 private:
  std::uint32_t choose(sim::Site, std::uint32_t count) override {
    if (is_used_up()) return 0;
    return count - 1 - std::min(held_[position_++], count - 1);
  }
  std::span<const std::uint32_t> held_;
  std::size_t position_ = 0;
};

/// Along the list, and two turns further.
std::optional<Counterexample> run_holding_back(const Config& config,
                                               const std::vector<std::uint32_t>& held) {
  sim::TurnWorld world(config);
  HoldingBack choices(held);
  sim::Recorded recorded(choices);
  std::uint64_t last_turn = 2;
  for (std::uint64_t steps = 1; world.turns() <= last_turn; ++steps) {
    const sim::TurnStep step = world.step(recorded);
    if (step.refused > 0) {
      return Counterexample{recorded.picks(), {steps, step.turn, step.begins_turn}, 0};
    }
    if (!choices.is_used_up()) last_turn = step.turn + 2;
  }
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> run_pressed(sim::TurnWorld& world, sim::Choices& choices,
                                   std::uint64_t turns) {
  for (std::uint64_t steps = 1; world.turns() < turns; ++steps) {
    const sim::TurnStep step = world.step(choices);
    if (step.refused > 0) return Refusal{steps, step.turn, step.begins_turn};
  }
  return std::nullopt;
}

Exhausted try_all(Config config, std::uint64_t worlds_max) {
  struct Open {
    sim::TurnWorld world;
    std::uint64_t steps = 0;
  };
  Exhausted result;
  std::deque<Open> open;
  open.push_back({sim::TurnWorld(std::move(config))});
  // Every 16th world is kept, to be compared with those that are left out as its equals.
  std::map<Key, std::optional<sim::TurnWorld>> known;
  known.emplace(open.front().world.key(), open.front().world);
  for (; !open.empty(); open.pop_front()) {
    const Open& from = open.front();
    const std::uint32_t arrivals_max = from.world.arrivals_max();
    for (std::uint32_t arrivals = 0; arrivals <= arrivals_max; ++arrivals) {
      sim::TurnWorld next = from.world;
      const sim::TurnStep step = step_with(next, arrivals);
      REPRISE_ASSERT(next.laws_hold());
      if (step.refused > 0) {
        result.shortest = Refusal{from.steps + 1, step.turn, step.begins_turn};
        result.is_complete = true;
        return result;
      }
      Key key = next.key();
      const auto found = known.find(key);
      if (found == known.end()) {
        ++result.worlds;
        std::optional<sim::TurnWorld> kept;
        if (result.worlds % kComparedEvery == 0) kept = next;
        known.emplace(std::move(key), std::move(kept));
        open.push_back({std::move(next), from.steps + 1});
      } else if (found->second.has_value()) {
        ++result.compared;
        if (!go_on_alike(*found->second, next)) return result;
      }
      if (result.worlds > worlds_max) return result;
    }
  }
  result.is_complete = true;
  return result;
}

std::optional<Counterexample> find_and_shrink(Config config, std::uint64_t seed) {
  // Half of the entries hold nothing back, a quarter everything; all shrink towards nothing.
  const std::uint32_t most = config->burst;
  const rc::Gen<std::uint32_t> entry = rc::gen::map(
      rc::gen::inRange<std::uint32_t>(0, 4 * most),
      [most](std::uint32_t drawn) { return std::min(std::max(drawn, 2 * most) - 2 * most, most); });
  const auto lists = rc::gen::container<std::vector<std::uint32_t>>(entry);
  std::optional<Counterexample> smallest;
  rc::detail::TestParams parameters;
  parameters.seed = seed;
  parameters.maxSuccess = kSequencesMax;
  const auto result = rc::detail::checkTestable(
      [&] {
        const std::optional<Counterexample> found = run_holding_back(config, *lists);
        if (!found) return;
        smallest = found;  // at last the smallest: RapidCheck runs it once more
        RC_FAIL("a datagram is refused");
      },
      rc::detail::TestMetadata{}, parameters);
  rc::detail::FailureResult failure;
  if (!result.match(failure)) return std::nullopt;
  smallest->tries = failure.numSuccess;
  return smallest;
}

}  // namespace reprise::proptests
