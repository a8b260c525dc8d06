// Worlds for tests: small random configurations, and runs to the end.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <memory>
#include <random>
#include <string>

#include "reprise/sim/world.hpp"

namespace reprise::sim {

inline std::shared_ptr<const WorldConfig> checked(WorldConfig config) {
  for (const engine::Error& error : check(config)) ADD_FAILURE() << error.message;
  return std::make_shared<const WorldConfig>(std::move(config));
}

/// One relay, one flow of `count` datagrams at a constant rate that it can follow.
inline WorldConfig calm_config(std::uint64_t count = 500) {
  WorldConfig config;
  config.traffic[0].count = count;
  return config;
}

/// One to three relays or workers with everything small, so that limits are met.
inline WorldConfig random_config(std::uint32_t seed) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t end) { return static_cast<std::uint32_t>(random() % end); };
  WorldConfig config;
  config.nodes.resize(1 + below(3));
  for (NodeConfig& node : config.nodes) {
    node.stage.policy = engine::Policy{below(4)};
    node.stage.exhaustion = engine::Exhaustion{below(2)};
    node.stage.pool = 1 + below(64);
    node.stage.landing = 1 + below(8);
    node.stage.batch = 1 + below(8);
    node.stage.submissions_max = node.stage.batch + below(8);
    node.stage.sends_max = node.stage.batch + below(16);
    node.stage.output_queue = node.stage.batch + below(8);
    node.core = below(2);
    node.fan_out = 1 + below(3);
    node.completions_max = 1 + below(32);
    node.send_buffer_bytes = 4608 + below(20'000);
    node.receive_buffer_bytes = 2304 + below(40'000);
    node.link.bits_per_second = below(2) == 0 ? 0 : 100'000'000 + below(900'000'000);
    node.link.delay_ns = below(20'000);
    node.link.queue = 1 + below(32);
    if (below(2) == 0) node.link.stalls = {{200'000, 100'000}, {600'000, 50'000}};
  }
  config.traffic.resize(1 + below(3));
  for (TrafficConfig& traffic : config.traffic) {
    traffic.arrivals = Arrivals{static_cast<std::uint8_t>(below(6))};  // not captured
    traffic.rate = 20'000 + below(500'000);
    traffic.burst = 1 + below(20);
    traffic.payload_bytes = 16 + below(1500);
    traffic.count = 50 + below(100);
    traffic.start_ns = below(10'000);
    traffic.on_ns = 1 + below(100'000);
    traffic.off_ns = below(100'000);
  }
  config.kernel.task_run = TaskRun{below(3)};
  config.kernel.chain_pauses_per_million = below(2) == 0 ? 300'000 : 0;
  config.faults.rate(FaultKind::send_unreachable) = below(3) == 0 ? 50'000 : 0;
  if (below(4) == 0) config.arrangement = Arrangement::workers;
  return config;
}

/// Steps until nothing can happen any more; the digest of all events. Fails the test when laws
/// break (`check_laws`: at every step, not only at the end) or when it never ends.
inline std::uint64_t run_to_the_end(World& world, Choices& choices, Timing timing = Timing::timed,
                                    bool check_laws = true) {
  Digest digest;
  for (std::uint32_t steps = 0; steps < 2'000'000; ++steps) {
    const Event event = world.step(choices, timing);
    digest.add(event);
    if (check_laws && !world.laws_hold()) {
      ADD_FAILURE() << "laws broken after step " << steps;
      return 0;
    }
    if (event.kind != EventKind::quiet) continue;
    EXPECT_TRUE(world.laws_hold());
    return digest.value();
  }
  ADD_FAILURE() << "the world never becomes quiet";
  return 0;
}

/// Datagrams that the last relay delivered by its first output, over all flows.
inline std::uint64_t delivered_at_the_end(const World& world, std::uint32_t output = 0) {
  std::uint64_t sum = 0;
  for (std::uint32_t flow = 0; flow < world.config().traffic.size(); ++flow) {
    sum += world.delivered(world.node_count() - 1, output, flow).received;
  }
  return sum;
}

}  // namespace reprise::sim
