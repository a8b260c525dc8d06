#include "reprise/sim/source.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "world_fixture.hpp"

namespace reprise::sim {
namespace {

using Instants = std::vector<std::int64_t>;

TrafficConfig traffic_of(Arrivals arrivals, std::uint64_t count) {
  TrafficConfig traffic;
  traffic.arrivals = arrivals;
  traffic.rate = 1'000'000;  // one in 1,000 ns
  traffic.count = count;
  traffic.start_ns = 500;
  return traffic;
}

/// When each datagram is offered.
Instants instants(const TrafficConfig& traffic, Choices& choices) {
  Instants all;
  Source source;
  source.start(traffic);
  while (source.next_instant(traffic) != engine::kNever) {
    all.push_back(source.next_instant(traffic).ns);
    ++source.sequence;
    source.go_on(traffic, choices);
  }
  return all;
}

Instants instants(const TrafficConfig& traffic) {
  Listed none({});
  const Instants all = instants(traffic, none);
  EXPECT_EQ(none.used(), 0U) << "nothing here is undetermined";
  return all;
}

TEST(Source, OffersConstantTrafficAtEqualDistances) {
  EXPECT_EQ(instants(traffic_of(Arrivals::constant, 3)), (Instants{500, 1500, 2500}));
}

TEST(Source, OffersABurstAtOnceAndTheNextWhenTheRateAllows) {
  TrafficConfig traffic = traffic_of(Arrivals::burst, 5);
  traffic.burst = 2;
  EXPECT_EQ(instants(traffic), (Instants{500, 500, 2500, 2500, 4500}));
}

TEST(Source, IsOnAtItsRateAndThenSilent) {
  TrafficConfig traffic = traffic_of(Arrivals::on_off, 8);
  traffic.on_ns = 2500;
  traffic.off_ns = 10'000;
  EXPECT_EQ(instants(traffic), (Instants{500, 1500, 2500,         //
                                         13'000, 14'000, 15'000,  //
                                         25'500, 26'500}));
}

TEST(Source, IsOffFromTheInstantOnAtWhichItsTimeIsOver) {
  TrafficConfig traffic = traffic_of(Arrivals::on_off, 5);
  traffic.on_ns = 2000;  // the third would be due at its very end
  traffic.off_ns = 500;
  EXPECT_EQ(instants(traffic), (Instants{500, 1500, 3000, 4000, 5500}));
}

TEST(Source, OffersOneDatagramInATimeTooShortForTwo) {
  TrafficConfig traffic = traffic_of(Arrivals::on_off, 3);
  traffic.on_ns = 1;
  traffic.off_ns = 0;
  EXPECT_EQ(instants(traffic), (Instants{500, 501, 502}));
}

TEST(Source, IsOnAndOffForExponentialTimesWithTheirMeans) {
  TrafficConfig traffic = traffic_of(Arrivals::on_off_random, 200'000);
  traffic.on_ns = 20'000;
  traffic.off_ns = 60'000;
  Hashed choices(3);
  const Instants all = instants(traffic, choices);
  // Of 80 µs 20 are on, and a burst has its first datagram at once: 20.5 of them on average.
  const auto lasted = static_cast<double>(all.back() - all.front());
  EXPECT_NEAR(lasted / 200'000, 80'000 / 20.5, 50);
  std::size_t silences = 0;
  for (std::size_t index = 1; index < all.size(); ++index) {
    EXPECT_GE(all[index], all[index - 1]);
    if (all[index] - all[index - 1] > 1'001) ++silences;
  }
  EXPECT_NEAR(static_cast<double>(silences), 200'000 / 20.5, 400);
  Hashed again(3);
  EXPECT_EQ(instants(traffic, again), all);
  Hashed other(4);
  EXPECT_NE(instants(traffic, other), all);
}

TEST(Source, EmptiesItsBucketAndThenFollowsTheTokens) {
  TrafficConfig traffic = traffic_of(Arrivals::token_bucket, 6);
  traffic.burst = 3;
  EXPECT_EQ(instants(traffic), (Instants{500, 500, 500, 1500, 2500, 3500}));
}

/// In no time longer than 0 more than burst + rate × time: what a policer would let through.
TEST(Source, NeverOffersMoreThanItsBucketAllows) {
  TrafficConfig traffic = traffic_of(Arrivals::token_bucket, 300);
  traffic.burst = 17;
  traffic.rate = 3'000'000;
  const Instants all = instants(traffic);
  for (std::size_t first = 0; first < all.size(); ++first) {
    for (std::size_t last = first; last < all.size(); ++last) {
      const auto tokens = 17 + (all[last] - all[first] + 1) * 3 / 1000;
      ASSERT_LE(static_cast<std::int64_t>(last - first + 1), tokens + 1);
    }
  }
}

TEST(Source, OffersACaptureAtItsTimesWithItsPayloads) {
  TrafficConfig traffic = traffic_of(Arrivals::captured, 3);
  traffic.capture = std::make_shared<const std::vector<CapturedDatagram>>(
      std::vector<CapturedDatagram>{{70, 100}, {70, 1400}, {9000, 16}, {9001, 50}});
  EXPECT_EQ(instants(traffic), (Instants{570, 570, 9500}));
  EXPECT_EQ(traffic.payload_of(1), 1400U);
  EXPECT_EQ(traffic.payload_of(2), 16U);
}

TEST(Source, EndsWithVirtualTime) {
  TrafficConfig traffic = traffic_of(Arrivals::constant, 1'000'000);
  traffic.rate = 1;
  const Instants all = instants(traffic);
  EXPECT_EQ(all.size(), 140'738U);  // 39 hours
  EXPECT_TRUE(std::ranges::is_sorted(all));
}

TEST(WorldConfig, RefusesACaptureThatTrafficCannotFollow) {
  WorldConfig config = calm_config(2);
  TrafficConfig& traffic = config.traffic[0];
  traffic.arrivals = Arrivals::captured;
  const auto finding = [&](std::vector<CapturedDatagram> capture) {
    traffic.capture = std::make_shared<const std::vector<CapturedDatagram>>(std::move(capture));
    const auto findings = check(config);
    return findings.empty() ? std::string() : findings.front().message;
  };
  EXPECT_EQ(finding({{0, 16}, {5, 16}}), "");
  EXPECT_EQ(finding({{0, 16}}), "count = 2: expected at most the datagrams of the capture");
  EXPECT_EQ(finding({{5, 16}, {0, 16}}),
            "pcap = 1: expected datagrams in the order of their times, within 100000 s");
  EXPECT_EQ(finding({{0, 16}, {0, 15}}), "pcap = 1: expected payloads of 16 to 65507 bytes");
  traffic.capture = nullptr;
  EXPECT_FALSE(check(config).empty());
}

/// What a world offers is what its source says, whatever the relay does.
TEST(World, OffersACaptureAtItsTimes) {
  WorldConfig config = calm_config(3);
  TrafficConfig& traffic = config.traffic[0];
  traffic.arrivals = Arrivals::captured;
  traffic.start_ns = 1'000;
  traffic.capture = std::make_shared<const std::vector<CapturedDatagram>>(
      std::vector<CapturedDatagram>{{10, 100}, {20, 1400}, {700'000, 16}});
  World world(checked(config));
  const World copy = world;
  Hashed choices(1);
  Instants all;
  for (Event event = world.step(choices); event.kind != EventKind::quiet;
       event = world.step(choices)) {
    if (event.kind == EventKind::arrival) all.push_back(event.time.ns);
  }
  EXPECT_EQ(all, (Instants{1'010, 1'020, 701'000}));
  EXPECT_EQ(world.delivered(0, 0, 0).bytes, 1516U);
  EXPECT_EQ(copy.offered(), 0U);
  EXPECT_EQ(copy.config().traffic[0].capture.get(), world.config().traffic[0].capture.get());
}

}  // namespace
}  // namespace reprise::sim
