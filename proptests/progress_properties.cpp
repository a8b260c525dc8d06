// Progress: when traffic has ended and links no longer stall, every relay finishes its work within
// a bounded number of steps and waits; told to stop, it stops and holds nothing.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "properties.hpp"
#include "property_check.hpp"
#include "region_watch.hpp"

namespace reprise::proptests {
namespace {

/// What a node still has to do; empty where nothing.
std::string unfinished_work(const sim::Node& node) {
  std::string text;
  const auto add = [&text](const char* what, std::uint64_t count) {
    if (count > 0) text += fmt::format(" {} {}", what, count);
  };
  const engine::Egress& egress = node.egress().egress();
  const engine::OutputCounters out = node.egress().output_total();
  add("backlog", egress.backlog_size());
  add("sends_open", egress.sends_open());
  add("pending", out.assigned - out.sent - out.dropped_total());
  const std::uint32_t lying = node.ingress().is_stopped() ? 0 : returns_waiting(node);
  add("held", node.ingress().ledger().held_count() - lying);
  if (node.threads.size() > 1) add("handed_over", node.hand_off.items.size());
  for (std::uint32_t thread = 0; thread < node.threads.size(); ++thread) {
    add("completions", node.kernel.completion_count(sim::RingIndex{thread}));
  }
  add("travelling", node.kernel.travelling());
  add("held by the network", node.inlet.held());
  return text;
}

Verdict run_to_its_end(CaseRun& run) {
  while (run.next()) {
  }
  if (run.is_quiet()) return {};
  return std::unexpected(fmt::format("{}still busy after {} steps", run.place(), run.steps_max()));
}

}  // namespace

Verdict relays_become_quiet(CaseRun& run) {
  if (const Verdict verdict = run_to_its_end(run); !verdict) return verdict;
  for (std::uint32_t index = 0; index < run.world().node_count(); ++index) {
    const sim::Node& node = run.world().node(index);
    std::string work = unfinished_work(node);
    if (node.kernel.socket_backlog() > 0) {
      work += fmt::format(" socket_backlog {}", node.kernel.socket_backlog());
    }
    if (work.empty()) continue;
    return std::unexpected(
        fmt::format("{}node {} waits for ever, with{}", run.place(), index, work));
  }
  return {};
}

Verdict relays_stop(CaseRun& run) {
  if (const Verdict verdict = run_to_its_end(run); !verdict) return verdict;
  for (std::uint32_t index = 0; index < run.world().node_count(); ++index) {
    const sim::Node& node = run.world().node(index);
    const std::string work = unfinished_work(node);
    if (node.is_stopped() && work.empty()) continue;
    return std::unexpected(fmt::format("{}node {} {}, with{}", run.place(), index,
                                       node.is_stopped() ? "stopped" : "does not stop", work));
  }
  return {};
}

TEST(Progress, EveryRelayBecomesQuietWithNothingLeft) {
  check_property("relays_become_quiet", cases(),
                 {{Sight::delivery, 60},
                  {Sight::refusal, 15},
                  {Sight::sent_again, 10},
                  {Sight::refused_in_stall, 10},
                  {Sight::exhaustion, 40},
                  {Sight::send_error, 15},
                  {Sight::hand_off, 40},
                  {Sight::sleep, 15},
                  {Sight::fault, 20},
                  {Sight::lasting_fault, 10}});
}

TEST(Progress, EveryRelayStopsWithNothingHeld) {
  check_property("relays_stop", stopped_cases(),
                 {{Sight::delivery, 60},
                  {Sight::refusal, 15},
                  {Sight::exhaustion, 40},
                  {Sight::stop_with_work, 10},
                  {Sight::give_up, 5},
                  {Sight::hand_off, 40}});
}

}  // namespace reprise::proptests
