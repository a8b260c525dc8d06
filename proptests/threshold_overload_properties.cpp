// What holds under overload, beyond every threshold (docs/THRESHOLDS.md): a turn that sends less
// than arrives runs any pool dry; the drain says where the backlog lies; and how much is refused
// depends on capacity and offered load alone.
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>
#include <array>
#include <memory>
#include <string>

#include "threshold_check.hpp"
#include "threshold_search.hpp"
#include "threshold_table.hpp"

namespace reprise::proptests {
namespace {

using engine::Drain;
using engine::Policy;
using engine::Role;
using engine::SendOrder;
using sim::ArrivalTimes;
using sim::Place;

/// With so small a batch that sends cannot keep up with all that may arrive.
struct Overload {
  TurnCase tried;
  std::uint32_t pool = 1;
  Drain drain = Drain::batch;
};

void showValue(const Overload& overload, std::ostream& stream) {
  stream << to_text(overload.tried) << "; but batch = " << batch_least(overload.tried) - 1
         << ", pool = " << overload.pool
         << ", drain = " << engine::kDrainNames[static_cast<std::size_t>(overload.drain)];
}

std::shared_ptr<const sim::TurnWorldConfig> config_of(const Overload& overload) {
  sim::TurnWorldConfig config = *config_of(overload.tried, overload.pool);
  config.stage.batch = batch_least(overload.tried) - 1;
  config.stage.hazards.drain = overload.drain;
  return std::make_shared<const sim::TurnWorldConfig>(config);
}

rc::Gen<Overload> overloads() {
  return rc::gen::exec([] {
    Overload overload;
    TurnCase& tried = overload.tried;
    tried.role = *rc::gen::element(Role::egress, Role::unified);
    tried.policy =
        *rc::gen::element(Policy::synchronous, Policy::deferred, Policy::eager, Policy::adaptive);
    if (tried.role == Role::unified) {
      tried.exhaustion = *rc::gen::element(engine::Exhaustion::wait, engine::Exhaustion::drop);
    }
    tried.send_order = *rc::gen::element(SendOrder::linked, SendOrder::unlinked);
    tried.arrival_times = *rc::gen::element(ArrivalTimes::between_turns, ArrivalTimes::any);
    tried.delay_turns = *rc::gen::inRange<std::uint32_t>(0, 3);
    tried.burst = tried.rate = *rc::gen::inRange<std::uint32_t>(2, 7);
    tried.fan_out = *rc::gen::inRange<std::uint32_t>(1, 3);
    overload.pool = table_pool(tried) * *rc::gen::inRange<std::uint32_t>(1, 5);
    overload.drain = *rc::gen::element(Drain::batch, Drain::all);
    return overload;
  });
}

std::uint32_t most_in_the_egress_queue(const Overload& overload, std::uint64_t turns) {
  sim::TurnWorld world(config_of(overload));
  Pressing everything(1, 100);
  std::uint32_t most = 0;
  while (world.turns() < turns) {
    world.step(everything);
    most = std::max(most, world.census()[static_cast<std::size_t>(Place::egress_queue)]);
  }
  return most;
}

/// Two threads that do what they do in the report, at `rate` datagrams a second.
sim::WorldConfig overloaded_pipeline(Policy policy, std::uint32_t pool, std::uint64_t rate) {
  sim::WorldConfig config;
  sim::NodeConfig& node = config.nodes[0];
  node.threads = 2;
  node.egress_core = 1;
  node.stage.policy = policy;
  node.stage.exhaustion = engine::Exhaustion::drop;
  node.stage.pool = pool;
  node.stage.wake_up = engine::WakeUp::spin;
  config.traffic[0].rate = rate;
  config.traffic[0].count = 40'000;
  return config;
}

struct Shares {
  double refused = 0;   ///< of what was offered
  double capacity = 0;  ///< datagrams sent per second
};

Shares run(const sim::WorldConfig& config) {
  for (const engine::Error& error : check(config)) ADD_FAILURE() << error.message;
  sim::World world(std::make_shared<const sim::WorldConfig>(config));
  sim::Hashed choices(1);
  std::uint64_t sent_early = 0;
  engine::Instant early;
  // Between a quarter and the end of the traffic the pool is dry all the time.
  while (world.offered() < config.traffic[0].count) {
    world.step(choices);
    if (early.ns == 0 && world.offered() >= config.traffic[0].count / 4) {
      early = world.now();
      sent_early = world.node(0).egress().egress().sent();
    }
  }
  Shares shares;
  shares.capacity = static_cast<double>(world.node(0).egress().egress().sent() - sent_early) * 1e9 /
                    static_cast<double>((world.now() - early).ns);
  const auto& dropped = world.node(0).ingress().ingress_counters().dropped;
  const std::uint64_t refused = dropped[static_cast<std::size_t>(engine::IngressDrop::no_buffer)];
  EXPECT_EQ(world.node(0).kernel.kernel_drops(), 0U);
  shares.refused = static_cast<double>(refused) / static_cast<double>(config.traffic[0].count);
  return shares;
}

}  // namespace

TEST(Overload, RunsAnyPoolDryWhenATurnSendsLessThanArrives) {
  EXPECT_TRUE(check_one_of(2, "a turn that sends less than arrives runs any pool dry", [] {
    const Overload overload = *overloads();
    sim::TurnWorld world(config_of(overload));
    Pressing everything(1, 100);
    // At least one send is missing every delay_turns + 1 turns.
    const std::uint64_t turns = std::uint64_t{overload.pool + 2} * overload.tried.fan_out *
                                (overload.tried.delay_turns + 2);
    RC_ASSERT(run_pressed(world, everything, turns).has_value());
  }));
}

TEST(Overload, LiesInTheHandOffWhenADrainTakesABatchAndInTheEgressQueueWhenItTakesAll) {
  EXPECT_TRUE(check_one_of(30, "the drain says where the backlog lies", [] {
    Overload overload = *overloads();
    TurnCase& tried = overload.tried;
    tried.role = Role::egress;
    tried.exhaustion = engine::Exhaustion::wait;
    overload.pool = 4 * table_pool(tried) + 2;
    const std::uint64_t turns = std::uint64_t{overload.pool} * tried.fan_out * 8;
    overload.drain = Drain::batch;
    const std::uint32_t batch = config_of(overload)->stage.batch;
    RC_ASSERT(most_in_the_egress_queue(overload, turns) <= batch);
    overload.drain = Drain::all;
    // All but what the table's windows hold elsewhere.
    RC_ASSERT(most_in_the_egress_queue(overload, turns) >= overload.pool - table_pool(tried));
  }));
}

TEST(Overload, RefusesOneMinusCapacityOverOfferedWhateverThePolicy) {
  constexpr std::uint32_t kPool = 200;
  constexpr std::uint64_t kOffered = 600'000;
  for (std::uint32_t index = 0; index < engine::kPolicyNames.size(); ++index) {
    const Policy policy{index};
    SCOPED_TRACE(name(policy));
    // The capacity is measured at another pool and another offered load.
    const double capacity = run(overloaded_pipeline(policy, 2 * kPool, 680'000)).capacity;
    const double expected = 1 - capacity / static_cast<double>(kOffered);
    const double refused = run(overloaded_pipeline(policy, kPool, kOffered)).refused;
    fmt::print("{:<11}  capacity {:.0f} a second; at {} offered {:.4f} refused, expected {:.4f}\n",
               name(policy), capacity, kOffered, refused, expected);
    // The pool and a batch are accepted before it is dry: a hundredth of what is offered.
    EXPECT_NEAR(refused, expected, 0.01);
    EXPECT_GT(refused, 0.2);
  }
}

}  // namespace reprise::proptests
