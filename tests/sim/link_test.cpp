// Links by themselves: L1 … L4 of link.hpp.
#include "reprise/sim/link.hpp"

#include <gtest/gtest.h>

#include <array>
#include <utility>

#include "kernel_fixture.hpp"

namespace reprise::sim {
namespace {

using engine::Instant;

TEST(Link, SerialisesThenDelays) {  // L4
  KernelConfig config = small_kernel();
  config.links[0].delay_ns = 5000;
  OneKernel one(config);
  one.now = Instant{1000};
  one.prepare_sends(1, 3);
  one.submit();
  constexpr std::int64_t kOnWire = std::int64_t{kPayload + kHeaderBytes + 24} * 8;  // 1 Gbit/s
  EXPECT_EQ(one.kernel().next_link_instant(0), Instant{1000 + kOnWire});
  one.step();
  EXPECT_EQ(one.kernel().next_link_instant(0), Instant{1000 + 2 * kOnWire});
  one.step();
  EXPECT_EQ(one.kernel().next_link_instant(0), Instant{1000 + kOnWire + 5000});
  EXPECT_TRUE(one.step().delivered);
  EXPECT_TRUE(one.step().delivered);
  EXPECT_EQ(one.kernel().next_link_instant(0), engine::kNever);
}

TEST(Link, TakesNothingUntilAStallEnds) {
  KernelConfig config = small_kernel();
  config.links[0].bits_per_second = 0;
  config.links[0].stalls = {{100, 50}, {150, 50}, {1000, 10}};
  OneKernel one(config);
  const std::array<std::pair<std::int64_t, std::int64_t>, 5> departures{
      {{99, 99}, {100, 200}, {120, 200}, {200, 200}, {1005, 1010}}};
  for (const auto& [at, departs] : departures) {
    one.now = Instant{at};
    one.send();
    EXPECT_EQ(one.kernel().next_link_instant(0), Instant{departs});
    one.step();
    EXPECT_TRUE(one.step().delivered);
  }
}

TEST(Link, WhatTravelsIsNoLongerInTheQueue) {  // L2
  KernelConfig config = small_kernel();
  config.links[0].queue = 3;
  config.links[0].delay_ns = 1'000'000;
  OneKernel one(config);
  std::uint64_t delivered = 0;
  for (std::uint32_t slot = 0; slot < 100; ++slot) {
    one.send({}, slot);
    one.now = one.now + engine::Duration{10'000};
    while (one.kernel().next_link_instant(0) <= one.now) {
      if (one.kernel().step_link(0).delivered) ++delivered;
    }
  }
  EXPECT_EQ(delivered, 0U);
  EXPECT_EQ(one.kernel().travelling(), 100U);
  EXPECT_EQ(one.kernel().queue_drops(), 0U);
}

TEST(Link, WhenItIsUnblockedWhatWaitedDepartsAtItsDistances) {
  KernelConfig config = small_kernel();
  config.links[0].delay_ns = 100'000;  // nothing arrives while something departs
  OneKernel one(config);
  one.kernel().link(0).set_blocked(true, one.now);
  one.prepare_sends(1, 4);
  one.submit();
  EXPECT_EQ(one.kernel().next_link_instant(0), engine::kNever);
  const Instant later{1'000'000};
  one.kernel().link(0).set_blocked(false, later);
  one.now = later;
  const std::int64_t on_wire = std::int64_t{kPayload + kHeaderBytes + 24} * 8;
  for (std::int64_t frame = 0; frame < 3; ++frame) {
    EXPECT_EQ(one.kernel().next_link_instant(0), later + engine::Duration{frame * on_wire});
    one.depart();
  }
  EXPECT_EQ(one.drain(), run_of(1, 3));
}

TEST(Link, WhatWaitsIsLostWithTheCarrierWhatTravelsIsNot) {  // L3
  for (const bool goes_down : {true, false}) {
    KernelConfig config = small_kernel();
    config.links[0].delay_ns = 1'000'000;
    OneKernel one(config);
    one.prepare_sends(1, 4);
    one.submit();
    one.depart();
    if (goes_down) {
      one.kernel().set_up(0, false);
    } else {
      one.kernel().set_carrier(0, false);
    }
    EXPECT_EQ(one.kernel().link_losses(), 2U);
    EXPECT_EQ(one.kernel().link(0).waiting_count(), 0U);
    EXPECT_EQ(one.kernel().travelling(), 1U);
    EXPECT_EQ(one.drain(), Slots{1});
  }
}

TEST(Link, WhatIsLostInItsQueueMakesRoomInTheSendBuffer) {  // L1, L3
  OneKernel one;
  EXPECT_EQ(one.fill(), 5U);
  one.kernel().set_carrier(0, false);
  one.kernel().set_carrier(0, true);
  EXPECT_EQ(one.fill(), 5U);
}

}  // namespace
}  // namespace reprise::sim
