// When a worker switches between packet ring and single frames.
#include <gtest/gtest.h>

#include "reprise/daemon/mode_switch.hpp"

namespace reprise::daemon {
namespace {

/// The mode after so many looks at one load.
IngressMode after(IngressMode mode, const Load& load, std::uint32_t looks) {
  ModeChoice choice;
  for (; looks > 0; --looks) mode = choice.next(mode, load);
  return mode;
}

TEST(ModeChoice, GoesToTheRingWhenTheThreadIsBusyForAWhile) {
  const Load busy{ModeChoice::kUpPermille, false};
  EXPECT_EQ(after(IngressMode::latency, busy, ModeChoice::kLooksUp - 1), IngressMode::latency);
  EXPECT_EQ(after(IngressMode::latency, busy, ModeChoice::kLooksUp), IngressMode::throughput);
  const Load below{ModeChoice::kUpPermille - 1, false};
  EXPECT_EQ(after(IngressMode::latency, below, 1000), IngressMode::latency);
}

TEST(ModeChoice, GoesToTheRingSoonWhenTheThreadIsHalfBusy) {
  const Load heavy{ModeChoice::kHeavyPermille, false};
  EXPECT_EQ(after(IngressMode::latency, heavy, ModeChoice::kLooksHeavy - 1), IngressMode::latency);
  EXPECT_EQ(after(IngressMode::latency, heavy, ModeChoice::kLooksHeavy), IngressMode::throughput);
}

TEST(ModeChoice, GoesToTheRingSoonWhenTheKernelDrops) {
  EXPECT_EQ(after(IngressMode::latency, {0, true}, ModeChoice::kLooksHeavy),
            IngressMode::throughput);
}

TEST(ModeChoice, IsNotMovedByADisturbance) {
  ModeChoice choice;
  for (std::uint32_t look = 0; look < 100; ++look) {
    const bool is_disturbed = look % ModeChoice::kLooksUp == 0;
    const Load load{is_disturbed ? 1000U : ModeChoice::kUpPermille - 50, false};
    ASSERT_EQ(choice.next(IngressMode::latency, load), IngressMode::latency);
  }
}

TEST(ModeChoice, GoesBackWhenTheRingIsIdleForLong) {
  const Load idle{ModeChoice::kDownPermille, false};
  EXPECT_EQ(after(IngressMode::throughput, idle, ModeChoice::kLooksDown - 1),
            IngressMode::throughput);
  EXPECT_EQ(after(IngressMode::throughput, idle, ModeChoice::kLooksDown), IngressMode::latency);
  EXPECT_EQ(after(IngressMode::throughput, {0, true}, 1000), IngressMode::throughput)
      << "not while there are drops";
}

TEST(ModeChoice, OneLookThatSpeaksAgainstItBeginsTheCountAnew) {
  ModeChoice choice;
  IngressMode mode = IngressMode::throughput;
  for (std::uint32_t look = 0; look < 10 * ModeChoice::kLooksDown; ++look) {
    const bool is_busy = look % ModeChoice::kLooksDown == ModeChoice::kLooksDown - 1;
    mode = choice.next(mode, {is_busy ? 300U : 0U, false});
    ASSERT_EQ(mode, IngressMode::throughput);
  }
}

/// A load that is steady in datagrams is lighter with the ring: it must not be sent back and forth.
TEST(ModeChoice, SettlesUnderEverySteadyLoad) {
  constexpr std::uint32_t kRatio = 15;  // of what a datagram costs without and with the ring
  for (std::uint32_t load = 0; load <= 5000; load += 10) {
    ModeChoice choice;
    IngressMode mode = IngressMode::latency;
    std::uint32_t switches = 0;
    for (int look = 0; look < 1000; ++look) {
      const std::uint32_t busy = mode == IngressMode::latency ? load : load / kRatio;
      const IngressMode next = choice.next(mode, {std::min(busy, 1000U), busy > 1000});
      if (next != mode) ++switches;
      mode = next;
    }
    EXPECT_LE(switches, 1U) << "at " << load << " of 1000";
  }
}

}  // namespace
}  // namespace reprise::daemon
