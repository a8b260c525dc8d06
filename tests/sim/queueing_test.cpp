// A link as a queue, against the closed forms of queueing theory.
//
// A relay that costs no time takes datagrams that arrive at random (M) to a link: M/M/1 with random
// service times of the same mean, M/D/1 with constant ones, M/M/1/K where the queueing discipline
// holds K with the one in service. The model counts in integers; floating point is in the
// comparison alone. A figure is the mean of batches, and its confidence interval theirs (batch
// means); seeds are fixed, so a test holds always or never.
#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <numeric>
#include <vector>

#include "world_fixture.hpp"

namespace reprise::sim {
namespace {

constexpr std::uint32_t kPayloadBytes = 1184;  // with headers, preamble, FCS and gap 10,000 bits
constexpr std::uint64_t kBitsPerSecond = 1'000'000'000;
constexpr double kServiceNs = 10'000.0;
constexpr std::size_t kBatches = 30;
constexpr double kStudent = 3.659;  // 99.9 %, two-sided, 29 degrees of freedom

struct Queue {
  LinkService service = LinkService::by_length;
  std::uint32_t utilisation_percent = 50;
  std::uint32_t capacity = 100'000;
  std::uint64_t datagrams = 300'000;
};

struct Figures {
  std::vector<double> sojourn_ns;  ///< of the delivered datagrams, in order
  double lost_share = 0;
  double mean_in_system = 0;  ///< over time
  double rate_per_ns = 0;     ///< of what entered the system
};

std::shared_ptr<const WorldConfig> config_of(const Queue& queue) {
  WorldConfig config;
  config.costs = CostProfile{};
  const auto free_of_charge = [&config](auto... members) { ((config.costs.*members = 0), ...); };
  free_of_charge(&CostProfile::call_ns, &CostProfile::submit_ns, &CostProfile::gather_ns,
                 &CostProfile::send_ns, &CostProfile::linked_ns, &CostProfile::receive_ns,
                 &CostProfile::prepare_ns, &CostProfile::provide_ns, &CostProfile::completion_ns,
                 &CostProfile::datagram_ns, &CostProfile::turn_ns, &CostProfile::wake_ns,
                 &CostProfile::switch_ns);
  NodeConfig& node = config.nodes.front();
  node.send_buffer_bytes = 1U << 30;
  node.link.bits_per_second = kBitsPerSecond;
  node.link.queue = queue.capacity;
  node.link.service = queue.service;
  TrafficConfig& traffic = config.traffic.front();
  traffic.arrivals = Arrivals::poisson;
  traffic.payload_bytes = kPayloadBytes;
  traffic.rate = 1'000 * queue.utilisation_percent;  // of 100,000 services a second
  traffic.count = queue.datagrams;
  return checked(config);
}

Figures simulate(const Queue& queue, std::uint64_t seed = 1) {
  World world(config_of(queue));
  Hashed choices(seed);
  Figures figures;
  std::vector<std::int64_t> arrived_ns(queue.datagrams, -1);
  std::int64_t last_ns = 0;
  std::int64_t in_system_ns = 0;  // the integral of what is on the link over time
  std::int64_t since_ns = 0;
  std::uint64_t in_system = 0;
  for (Event event = world.step(choices); event.kind != EventKind::quiet;
       event = world.step(choices)) {
    // What is on the link is what is in the system: before it the relay costs no time.
    const std::int64_t now_ns = event.time.ns;
    in_system_ns += (now_ns - since_ns) * static_cast<std::int64_t>(in_system);
    since_ns = now_ns;
    in_system = world.node(0).kernel.travelling();
    if (event.kind == EventKind::arrival) arrived_ns.at(event.first) = now_ns;
    if (event.kind == EventKind::delivery) {
      figures.sojourn_ns.push_back(static_cast<double>(now_ns - arrived_ns.at(event.first)));
      last_ns = now_ns;
    }
  }
  const auto offered = static_cast<double>(world.offered());
  const auto delivered = static_cast<double>(figures.sojourn_ns.size());
  figures.lost_share = 1.0 - delivered / offered;
  figures.mean_in_system = static_cast<double>(in_system_ns) / static_cast<double>(last_ns);
  figures.rate_per_ns = delivered / static_cast<double>(last_ns);
  return figures;
}

struct Interval {
  double mean = 0;
  double half_width = 0;
};

Interval batch_means(const std::vector<double>& values) {
  const std::size_t size = values.size() / kBatches;
  std::vector<double> means;
  for (std::size_t batch = 0; batch < kBatches; ++batch) {
    const auto first = values.begin() + static_cast<std::ptrdiff_t>(batch * size);
    means.push_back(std::accumulate(first, first + static_cast<std::ptrdiff_t>(size), 0.0) /
                    static_cast<double>(size));
  }
  const double mean = std::accumulate(means.begin(), means.end(), 0.0) / kBatches;
  double squares = 0;
  for (const double value : means) squares += (value - mean) * (value - mean);
  return {mean, kStudent * std::sqrt(squares / (kBatches - 1) / kBatches)};
}

/// The figure's interval holds what theory says, and is narrow enough to say something.
void expect_mean(const std::vector<double>& values, double expected, double width_share) {
  const Interval interval = batch_means(values);
  EXPECT_NEAR(interval.mean, expected, interval.half_width);
  EXPECT_LT(interval.half_width, width_share * expected) << "the interval says nothing";
  testing::Test::RecordProperty("measured_ns", std::to_string(interval.mean));
}

double md1_sojourn_ns(double utilisation) {  // Pollaczek and Khinchine, constant service
  return kServiceNs * (1.0 + utilisation / (2.0 * (1.0 - utilisation)));
}

TEST(Queueing, ALinkWithRandomServiceTimesIsAnMM1Queue) {
  for (const std::uint32_t percent : {30U, 50U, 80U}) {
    SCOPED_TRACE(percent);
    const double utilisation = percent / 100.0;
    const Figures figures = simulate({LinkService::exponential, percent});
    expect_mean(figures.sojourn_ns, kServiceNs / (1.0 - utilisation), 0.08);
    EXPECT_EQ(figures.lost_share, 0.0);
  }
}

TEST(Queueing, ALinkWithConstantServiceTimesIsAnMD1Queue) {
  for (const std::uint32_t percent : {30U, 50U, 80U}) {
    SCOPED_TRACE(percent);
    const Figures figures = simulate({LinkService::by_length, percent});
    expect_mean(figures.sojourn_ns, md1_sojourn_ns(percent / 100.0), 0.05);
  }
}

TEST(Queueing, AQueueingDisciplineOfKFramesIsAnMM1KQueue) {
  for (const std::uint32_t capacity : {1U, 4U, 10U}) {
    for (const std::uint32_t percent : {50U, 90U, 150U}) {
      SCOPED_TRACE(testing::Message() << "K = " << capacity << ", utilisation " << percent);
      const double utilisation = percent / 100.0;
      std::vector<double> shares;
      for (std::uint64_t seed = 1; seed <= kBatches; ++seed) {
        shares.push_back(
            simulate({LinkService::exponential, percent, capacity, 10'000}, seed).lost_share);
      }
      const Interval interval = batch_means(shares);
      const double expected = (1.0 - utilisation) * std::pow(utilisation, capacity) /
                              (1.0 - std::pow(utilisation, capacity + 1));
      EXPECT_NEAR(interval.mean, expected, interval.half_width);
      EXPECT_LT(interval.half_width, 0.1 * expected + 0.001) << "the interval says nothing";
    }
  }
}

TEST(Queueing, WhatIsInTheSystemIsRateTimesTimeInIt) {  // Little
  for (const LinkService service : {LinkService::by_length, LinkService::exponential}) {
    const Figures figures = simulate({service, 70});
    const double mean_ns =
        std::accumulate(figures.sojourn_ns.begin(), figures.sojourn_ns.end(), 0.0) /
        static_cast<double>(figures.sojourn_ns.size());
    EXPECT_NEAR(figures.mean_in_system, figures.rate_per_ns * mean_ns, 1e-9);
    const double expected =
        service == LinkService::exponential ? 0.7 / 0.3 : 0.07 * md1_sojourn_ns(0.7) / 1000.0;
    EXPECT_NEAR(figures.mean_in_system, expected, 0.05 * expected);
  }
}

}  // namespace
}  // namespace reprise::sim
