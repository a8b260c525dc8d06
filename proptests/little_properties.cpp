// Little's law, exactly: over a run that ends empty, the integral of a count over time equals the
// sum of the times that each one was counted. The two sides have different sources.
//
//   outstanding   count: the ledger's held regions     times: from received to released, by region
//                 (relays with a packet ring copy into regions that nothing received: not these)
//   in flight     count: the stage's open sends        times: from submitted to reaped, by slot
//                 without those not yet handed over
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "properties.hpp"
#include "property_check.hpp"
#include "region_watch.hpp"

namespace reprise::proptests {
namespace {

/// The integral over time of a count that changes in steps.
class Integral {
 public:
  /// From `now` on it is `count`.
  void change(engine::Instant now, std::uint32_t count) {
    sum_ns_ += (now - since_).ns * count_;
    since_ = now;
    count_ = count;
  }
  [[nodiscard]] std::int64_t sum_ns() const { return sum_ns_; }
  [[nodiscard]] std::uint32_t count() const { return count_; }

 private:
  engine::Instant since_;
  std::uint32_t count_ = 0;
  std::int64_t sum_ns_ = 0;
};

Verdict compare(std::uint32_t node, const char* what, const Integral& integral,
                std::int64_t times_ns, std::uint32_t left = 0) {
  if (integral.count() != left) {
    return std::unexpected(
        fmt::format("node {}: {} {} at the end, expected {}", node, integral.count(), what, left));
  }
  if (integral.sum_ns() == times_ns) return {};
  return std::unexpected(
      fmt::format("node {}: the integral of what is {} is {} ns, the sum of the times {} ns", node,
                  what, integral.sum_ns(), times_ns));
}

/// Time from submission to the reaped completion, summed over one node's sends.
class SendTimes {
 public:
  Verdict observe(const sim::PhaseDetail& detail, engine::Instant now) {
    for (const std::uint32_t slot : detail.reaped) {
      const auto since = since_.find(slot);
      if (since == since_.end()) continue;  // a wait or a cancel
      sum_ns_ += (now - since->second).ns;
      since_.erase(since);
    }
    for (const std::uint32_t slot : detail.submitted) {
      if (!since_.emplace(slot, now).second) {
        return std::unexpected(fmt::format("slot {} was submitted while in flight", slot));
      }
    }
    return {};
  }
  [[nodiscard]] std::int64_t sum_ns() const { return sum_ns_; }

 private:
  std::map<std::uint32_t, engine::Instant> since_;  ///< by token slot
  std::int64_t sum_ns_ = 0;
};

/// Nothing while the kernel's submission queue holds something: then nothing was handed over, and
/// the count is what it was.
std::optional<std::uint32_t> sends_in_flight(const sim::Node& node) {
  if (node.kernel.prepared_count(node.egress_ring()) > 0) return std::nullopt;
  std::uint32_t waiting = 0;
  for (const engine::Submission& submission : node.egress().outgoing().submissions) {
    if (submission.operation == engine::Operation::send ||
        submission.operation == engine::Operation::segmented_send)
      ++waiting;
  }
  return node.egress().sends_open() - waiting;
}

}  // namespace

Verdict outstanding_obeys_little(CaseRun& run) {
  const sim::World& world = run.world();
  std::vector<RegionWatch> watches = watch_regions(world);
  std::vector<Integral> integrals(world.node_count());
  while (const std::optional<Step> step = run.next()) {
    for (std::uint32_t node = 0; node < world.node_count(); ++node) {
      if (const Verdict verdict = watches[node].observe(*step); !verdict) {
        return std::unexpected(run.place() + verdict.error());
      }
      integrals[node].change(step->event.time, world.node(node).ingress().ledger().held_count());
    }
  }
  for (std::uint32_t node = 0; node < world.node_count(); ++node) {
    integrals[node].change(world.now(), world.node(node).ingress().ledger().held_count());
    if (world.config().nodes[node].stage.blocks > 0) continue;
    const Verdict verdict =
        compare(node, "outstanding", integrals[node], watches[node].time_held_ns(world.now()),
                returns_waiting(world.node(node)));
    if (!verdict) return verdict;
  }
  return {};
}

Verdict in_flight_obeys_little(CaseRun& run) {
  const sim::World& world = run.world();
  std::vector<SendTimes> times(world.node_count());
  std::vector<Integral> integrals(world.node_count());
  while (const std::optional<Step> step = run.next()) {
    if (step->is_command || step->event.kind != sim::EventKind::phase) continue;
    const std::uint32_t node = step->event.index;
    const engine::Instant now = step->event.time;
    if (const Verdict verdict = times[node].observe(world.detail(), now); !verdict) {
      return std::unexpected(fmt::format("{}node {}: {}", run.place(), node, verdict.error()));
    }
    if (const auto count = sends_in_flight(world.node(node))) integrals[node].change(now, *count);
  }
  for (std::uint32_t node = 0; node < world.node_count(); ++node) {
    const Verdict verdict = compare(node, "in flight", integrals[node], times[node].sum_ns());
    if (!verdict) return verdict;
  }
  return {};
}

TEST(Little, HoldsExactlyForWhatIsOutstanding) {
  check_property("outstanding_obeys_little", rc::gen::oneOf(cases(), stopped_cases()),
                 {{Sight::delivery, 60},
                  {Sight::exhaustion, 40},
                  {Sight::sent_again, 10},
                  {Sight::hand_off, 40}});
}

TEST(Little, HoldsExactlyForWhatIsInFlight) {
  check_property("in_flight_obeys_little", rc::gen::oneOf(cases(), stopped_cases()),
                 {{Sight::delivery, 60},
                  {Sight::chain_cut, 6},
                  {Sight::sent_again, 10},
                  {Sight::hand_off, 40},
                  {Sight::unlinked, 10}});
}

}  // namespace reprise::proptests
