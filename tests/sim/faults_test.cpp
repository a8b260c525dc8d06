#include "reprise/sim/faults.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <map>
#include <set>
#include <vector>

#include "reprise/sim/inlet.hpp"
#include "reprise/sim/simulated_host.hpp"
#include "world_fixture.hpp"

namespace reprise::sim {
namespace {

using engine::Instant;

/// A busy relay with two outputs and two threads, and what a run of it came to.
WorldConfig busy_config() {
  WorldConfig config = calm_config(400);
  config.traffic[0].rate = 30'000;
  config.traffic.push_back(config.traffic[0]);
  config.traffic[1].arrivals = Arrivals::burst;
  config.traffic[1].burst = 8;
  config.nodes.resize(2);
  for (std::uint32_t index = 0; index < 2; ++index) {
    config.nodes[index].fan_out = 2;
    config.nodes[index].stage.pool = 96;
    config.nodes[index].threads = 1 + index;
    config.nodes[index].core = 2 * index;
    config.nodes[index].egress_core = 2 * index + 1;
    config.nodes[index].link.bits_per_second = 3'000'000'000;
    config.nodes[index].link.delay_ns = 5'000;
  }
  return config;
}

/// Only this kind, as strong as it gets.
FaultPlan only(FaultKind kind) {
  FaultPlan all = strongest_faults();
  FaultPlan plan;
  const auto index = static_cast<std::size_t>(kind);
  plan.per_million[index] = all.per_million[index];
  plan.windows[index] = all.windows[index];
  plan.windows[index].spacing_ns /= 2;
  if (kind == FaultKind::small_completion_queue) plan.completion_queue = 1;
  return plan;
}

std::vector<FaultKind> kinds_of_a_world() {
  std::vector<FaultKind> kinds;
  for (std::size_t index = 0; index < kFaultKindCount; ++index) {
    if (fault_kind(index) != FaultKind::setup_failure) kinds.push_back(fault_kind(index));
  }
  return kinds;
}

struct Outcome {
  std::map<FaultKind, std::uint64_t> counts;
  std::uint64_t digest = 0;
  std::uint64_t arrived = 0;    ///< at the second relay
  std::uint64_t reordered = 0;  ///< on the way to it
};

/// Runs to the end; the laws hold at every step, and at the end nothing is held.
Outcome run(WorldConfig config, std::uint64_t seed) {
  World world(checked(std::move(config)));
  Hashed choices(seed);
  Digest digest;
  Outcome outcome;
  std::map<std::uint32_t, std::uint64_t> next;
  while (true) {
    const Event event = world.step(choices);
    if (event.kind == EventKind::quiet) break;
    digest.add(event);
    EXPECT_TRUE(world.laws_hold()) << "at " << event.time.ns;
    if (testing::Test::HasFailure()) break;
    for (const World::Arrival& arrival : world.arrivals()) {
      if (arrival.node != 1) continue;
      ++outcome.arrived;
      if (arrival.sequence < next[arrival.flow]) ++outcome.reordered;
      next[arrival.flow] = std::max(next[arrival.flow], arrival.sequence + 1);
    }
  }
  for (std::uint32_t index = 0; index < world.node_count(); ++index) {
    const Node& node = world.node(index);
    EXPECT_EQ(node.ingress().ledger().held_count(),
              node.threads.size() == 1 ? 0 : node.hand_off.returns.size());
    EXPECT_EQ(node.kernel.travelling(), 0U);
    EXPECT_EQ(node.kernel.socket_backlog(), 0U);
    EXPECT_EQ(node.inlet.held(), 0U);
  }
  for (const FaultKind kind : kinds_of_a_world()) outcome.counts[kind] = world.fault_count(kind);
  outcome.digest = digest.value();
  return outcome;
}

class EveryFault : public testing::TestWithParam<std::size_t> {
 protected:
  [[nodiscard]] FaultKind kind() const { return kinds_of_a_world()[GetParam()]; }
};

TEST_P(EveryFault, HappensIsCountedAndTheRelaySurvivesIt) {
  WorldConfig config = busy_config();
  config.faults = only(kind());
  const Outcome outcome = run(config, 7);
  for (const auto& [each, count] : outcome.counts) {
    EXPECT_EQ(count > 0, each == kind()) << name(each) << ' ' << count;
  }
  EXPECT_EQ(run(config, 7).digest, outcome.digest);
  EXPECT_NE(run(busy_config(), 7).digest, outcome.digest);
}

TEST_P(EveryFault, NeverHappensInAQuietWindow) {
  WorldConfig config = busy_config();
  config.faults = only(kind());
  config.faults.quiet = {{0, 1'000'000'000'000}};
  const Outcome outcome = run(config, 7);
  if (kind() == FaultKind::small_completion_queue) return;  // it lasts from beginning to end
  EXPECT_EQ(outcome.counts.at(kind()), 0U);
  EXPECT_EQ(outcome.digest, run(busy_config(), 7).digest);
}

INSTANTIATE_TEST_SUITE_P(Faults, EveryFault, testing::Range<std::size_t>(0, kFaultKindCount - 1),
                         [](const testing::TestParamInfo<std::size_t>& tested) {
                           return std::string(name(kinds_of_a_world()[tested.param]));
                         });

TEST(Faults, AllAtOnceAreSurvivedToo) {
  for (std::uint64_t seed = 1; seed <= 4; ++seed) {
    WorldConfig config = busy_config();
    config.faults = strongest_faults();
    const Outcome outcome = run(config, seed);
    EXPECT_GT(outcome.counts.at(FaultKind::send_refused), 0U);
  }
}

TEST(Faults, OfSmallRandomWorldsBreakNoLaw) {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    WorldConfig config = random_config(seed);
    Hashed choices(seed);
    config.faults = draw_faults(choices);
    run(config, seed);
    ASSERT_FALSE(HasFailure()) << "seed " << seed;
  }
}

TEST(Faults, BesideTheQuietWindowStillHappen) {
  WorldConfig config = busy_config();
  config.faults = strongest_faults();
  config.faults.quiet = {{7'000'000, 1'000'000'000'000}};
  World world(checked(config));
  Hashed choices(3);
  std::map<FaultKind, std::uint64_t> before;
  bool is_quiet = false;
  for (Event event = world.step(choices); event.kind != EventKind::quiet;
       event = world.step(choices)) {
    if (!is_quiet && event.time.ns > 7'000'000) {
      is_quiet = true;
      for (const FaultKind kind : kinds_of_a_world()) before[kind] = world.fault_count(kind);
    }
    if (event.time.ns <= 7'500'000) continue;
    // What lasted has ended.
    const Kernel& kernel = world.node(0).kernel;
    for (std::uint32_t link = 0; link < kernel.link_count(); ++link) {
      ASSERT_TRUE(kernel.link(link).is_up() && kernel.link(link).has_carrier());
      ASSERT_EQ(kernel.link(link).mtu_bytes(), 1500U);
    }
  }
  ASSERT_TRUE(is_quiet);
  EXPECT_GT(before.at(FaultKind::send_refused), 0U);
  for (const FaultKind kind : kinds_of_a_world()) {
    if (kind == FaultKind::small_completion_queue) continue;
    EXPECT_EQ(world.fault_count(kind), before.at(kind)) << name(kind);
  }
}

/// What is offered a while after the faults have ended leaves on every output.
TEST(Faults, ThatAreOverLeaveARelayAsItWas) {
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    WorldConfig config = busy_config();
    Hashed choices(seed);
    config.faults = draw_faults(choices);
    for (FaultWindow& window : config.faults.windows) window.length_ns *= 4;
    // Nothing but frames comes to a relay that only waits: they must find its input up again.
    config.faults.window(FaultKind::down) = {500'000, 400'000};
    config.faults.quiet = {{7'000'000, 1'000'000'000'000}};
    World world(checked(config));
    std::vector<std::uint64_t> first(config.traffic.size(), 400);
    std::map<std::uint64_t, std::uint64_t> delivered;  // by node, output and flow
    for (Event event = world.step(choices); event.kind != EventKind::quiet;
         event = world.step(choices)) {
      if (event.kind == EventKind::arrival && event.time.ns > 9'000'000)
        first[event.index] = std::min(first[event.index], event.first);
      if (event.kind != EventKind::delivery) continue;
      const auto flow = static_cast<std::uint32_t>(event.second & 0xffff'ffffU) >> 1;
      if (event.first >= first[flow])
        ++delivered[event.second >> 32 << 8 | std::uint64_t{event.index} << 4 | flow];
    }
    EXPECT_EQ(delivered.size(), 8U) << "seed " << seed;
    for (const auto& [place, count] : delivered)
      EXPECT_EQ(count, 400 - first[place & 0xfU]) << "seed " << seed << ", place " << place;
    ASSERT_LT(first[0], 390U);
  }
}

TEST(Faults, OfTheNetworkChangeWhatARelayGets) {
  const auto with = [](FaultKind kind) {
    WorldConfig config = busy_config();
    config.faults = only(kind);
    return run(config, 5);
  };
  const std::uint64_t offered = 800;
  const Outcome lost = with(FaultKind::wire_loss);
  EXPECT_LT(lost.arrived, offered);
  EXPECT_EQ(lost.reordered, 0U);
  const Outcome doubled = with(FaultKind::duplicate);
  EXPECT_GT(doubled.arrived, offered);
  const Outcome reordered = with(FaultKind::reorder);
  EXPECT_EQ(reordered.arrived, offered);
  EXPECT_GT(reordered.reordered, 0U);
  const Outcome burst = with(FaultKind::receive_burst);
  EXPECT_EQ(burst.arrived, offered);
  EXPECT_EQ(burst.reordered, 0U);
}

TEST(Faults, WithoutAPlanDrawNothing) {
  engine::Flat<Kernel> kernel{KernelConfig{}};
  EXPECT_FALSE(kernel->faults().are_planned());
  const std::vector<std::uint32_t> picks{999'999, 999'999};
  Listed choices(picks);
  EXPECT_FALSE(kernel->faults().happens(FaultKind::send_refused, Instant{5}, choices));
  EXPECT_EQ(choices.used(), 0U);
}

TEST(Faults, ThatContradictThemselvesAreNamed) {
  const auto error = [](auto change) {
    FaultPlan plan;
    change(plan);
    const std::vector<engine::Error> errors = check(plan);
    return errors.empty() ? std::string("none") : errors.front().message;
  };
  EXPECT_EQ(error([](FaultPlan&) {}), "none");
  EXPECT_EQ(error([](FaultPlan& plan) { plan.rate(FaultKind::wire_loss) = 1'000'000; }),
            "wire_loss_per_million = 1000000: expected below 1000000");
  EXPECT_EQ(error([](FaultPlan& plan) { plan.window(FaultKind::down).length_ns = 5; }),
            "down_spacing_ns = 0: expected 1000 or more, beside a length");
  EXPECT_EQ(error([](FaultPlan& plan) { plan.window(FaultKind::down).spacing_ns = 5000; }),
            "down_length_ns = 0: expected 1 or more, beside a spacing");
  EXPECT_EQ(error([](FaultPlan& plan) { plan.reorder_distance = 0; }),
            "reorder_distance = 0: expected 1 or more");
  EXPECT_NE(error([](FaultPlan& plan) { plan.quiet = {{5, 5}, {7, 1}}; }).find("not overlapping"),
            std::string::npos);
  EXPECT_TRUE(check(strongest_faults()).empty());
}

TEST(Swarm, DrawsEachKindInAboutHalfOfTheRunsAndNeverStronger) {
  const FaultPlan most = strongest_faults();
  std::map<FaultKind, int> runs;
  std::set<std::uint32_t> strengths;
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    Hashed choices(seed);
    const FaultPlan plan = draw_faults(choices);
    EXPECT_TRUE(check(plan).empty());
    for (const FaultKind kind : kinds_of_a_world()) {
      const auto index = static_cast<std::size_t>(kind);
      if (plan.has(kind)) ++runs[kind];
      EXPECT_LE(plan.per_million[index], most.per_million[index]);
      if (plan.has(kind)) {
        EXPECT_GE(plan.windows[index].spacing_ns, most.windows[index].spacing_ns);
      }
    }
    strengths.insert(plan.per_million[static_cast<std::size_t>(FaultKind::wire_loss)]);
  }
  for (const FaultKind kind : kinds_of_a_world()) {
    EXPECT_GT(runs[kind], 150) << name(kind);
    EXPECT_LT(runs[kind], 250) << name(kind);
  }
  EXPECT_EQ(strengths.size(), 5U);  // none, and four strengths
}

TEST(Swarm, OfPicksThatAreAllZeroHasNoFault) {
  Listed choices({});
  EXPECT_TRUE(draw_faults(choices).is_empty());
}

TEST(SimulatedHostFaults, ASocketThatCannotBeOpenedIsToldAndTheNextOneCanBe) {
  SimulatedHost::Options options;
  options.faults.rate(FaultKind::setup_failure) = 500'000;
  SimulatedHost host(options);
  int opened = 0;
  int failed = 0;
  for (int i = 0; i < 40; ++i) {
    engine::SendSocketSpec spec;
    spec.interface = "sim0";
    const auto socket = host.open(spec);
    if (socket) {
      ++opened;
      host.close(*socket);
      continue;
    }
    ++failed;
    EXPECT_EQ(socket.error().errno_value, ENOBUFS);
  }
  EXPECT_GT(opened, 5);
  EXPECT_GT(failed, 5);
  EXPECT_EQ(host.kernel().fault_count(FaultKind::setup_failure),
            static_cast<std::uint64_t>(failed));
}

}  // namespace
}  // namespace reprise::sim
