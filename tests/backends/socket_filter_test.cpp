#include "reprise/posix/socket_filter.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <random>

#include "filter_machine.hpp"
#include "raw_frame.hpp"
#include "reprise/posix/descriptor.hpp"

namespace reprise::tests {
namespace {

using engine::Address;
using engine::WantedTraffic;
using posix::FilterLevel;

Address ipv6_group(std::uint8_t first_word_end, std::uint8_t last) {
  Address address;
  address.family = engine::Family::ipv6;
  address.bytes = {0xff, 0x3e, 0, first_word_end};
  address.bytes[15] = last;
  return address;
}

const Address kGroup = Address::ipv4(239, 1, 1, 1);
const Address kOtherGroup = Address::ipv4(239, 1, 1, 2);
const Address kSource = Address::ipv4(10, 9, 0, 9);

bool passes(const std::vector<WantedTraffic>& wanted, const RawFrame& frame,
            FilterLevel level = FilterLevel::exact) {
  const std::vector<sock_filter> program = posix::make_socket_filter(wanted, level);
  return FilterMachine(program).run(frame.bytes()) != 0;
}

WantedTraffic any_source(const Address& destination, std::uint16_t port) {
  return {.source = {}, .destination = destination, .port = port};
}

TEST(SocketFilter, PassesTheWantedDatagramWhole) {
  const auto program =
      posix::make_socket_filter(std::vector{any_source(kGroup, 5000)}, FilterLevel::exact);
  EXPECT_GE(FilterMachine(program).run(RawFrame{}.bytes()), 65'535U);
}

TEST(SocketFilter, DropsAnotherPort) { EXPECT_FALSE(passes({any_source(kGroup, 5001)}, {})); }

TEST(SocketFilter, DropsAnotherDestination) {
  EXPECT_FALSE(passes({any_source(kOtherGroup, 5000)}, {}));
}

TEST(SocketFilter, DropsEverythingWhenNothingIsWanted) { EXPECT_FALSE(passes({}, {})); }

TEST(SocketFilter, DropsAnotherProtocol) {
  EXPECT_FALSE(passes({any_source(kGroup, 5000)}, {.protocol = 6}));
}

TEST(SocketFilter, DropsAnotherEtherType) {
  EXPECT_FALSE(passes({any_source(kGroup, 5000)}, {.type = 0x0806}));
}

TEST(SocketFilter, PassesOnlyTheWantedSource) {
  const std::vector<WantedTraffic> wanted{{kSource, kGroup, 5000}};
  EXPECT_TRUE(passes(wanted, {.source = kSource}));
  EXPECT_FALSE(passes(wanted, {.source = Address::ipv4(10, 9, 0, 8)}));
}

TEST(SocketFilter, PassesAnySourceWhereOneRuleWantsAny) {
  const std::vector<WantedTraffic> wanted{{kSource, kGroup, 5000}, any_source(kGroup, 5000)};
  EXPECT_TRUE(passes(wanted, {.source = Address::ipv4(10, 9, 0, 8)}));
}

TEST(SocketFilter, PassesEachOfSeveralSources) {
  const Address second = Address::ipv4(10, 9, 0, 10);
  const std::vector<WantedTraffic> wanted{{kSource, kGroup, 5000}, {second, kGroup, 5000}};
  EXPECT_TRUE(passes(wanted, {.source = kSource}));
  EXPECT_TRUE(passes(wanted, {.source = second}));
  EXPECT_FALSE(passes(wanted, {.source = Address::ipv4(10, 9, 0, 11)}));
}

TEST(SocketFilter, StepsOverIpv4Options) {
  const std::vector<WantedTraffic> wanted{any_source(kGroup, 5000)};
  EXPECT_TRUE(passes(wanted, {.option_words = 3}));
  EXPECT_FALSE(passes(wanted, {.destination_port = 5001, .option_words = 3}));
}

TEST(SocketFilter, LooksUnderOneAndTwoVlanTags) {
  const std::vector<WantedTraffic> wanted{any_source(kGroup, 5000)};
  for (const std::uint16_t outer : std::to_array<std::uint16_t>({0x8100, 0x88a8, 0x9100})) {
    EXPECT_TRUE(passes(wanted, {.tags = {outer}})) << outer;
    EXPECT_TRUE(passes(wanted, {.tags = {outer, 0x8100}})) << outer;
    EXPECT_FALSE(passes(wanted, {.destination_port = 1, .tags = {outer, 0x8100}})) << outer;
    EXPECT_FALSE(passes(wanted, {.tags = {outer, 0x8100, 0x8100}})) << outer;
  }
}

TEST(SocketFilter, PassesFirstAndLaterFragmentsByDestination) {
  const std::vector<WantedTraffic> wanted{{kSource, kGroup, 5000}};
  constexpr std::uint16_t kFirst = 0x2000;
  constexpr std::uint16_t kLast = 0x0010;
  EXPECT_TRUE(passes(wanted, {.fragment_field = kFirst}));
  EXPECT_TRUE(passes(wanted, {.destination_port = 1, .fragment_field = kFirst}));
  EXPECT_TRUE(passes(wanted, {.destination_port = 1, .fragment_field = kLast}));
  EXPECT_FALSE(passes(wanted, {.destination = kOtherGroup, .fragment_field = kLast}));
}

TEST(SocketFilter, DoesNotTakeTheDontFragmentBitForAFragment) {
  EXPECT_FALSE(
      passes({any_source(kGroup, 5000)}, {.destination_port = 1, .fragment_field = 0x4000}));
}

TEST(SocketFilter, ComparesAllOfAnIpv6Address) {
  const std::vector<WantedTraffic> wanted{any_source(ipv6_group(1, 7), 5000)};
  EXPECT_TRUE(passes(wanted, {.source = ipv6_group(9, 9), .destination = ipv6_group(1, 7)}));
  EXPECT_FALSE(passes(wanted, {.source = ipv6_group(9, 9), .destination = ipv6_group(2, 7)}));
  EXPECT_FALSE(passes(wanted, {.source = ipv6_group(9, 9), .destination = ipv6_group(1, 8)}));
}

TEST(SocketFilter, TellsIpv6GroupsWithTheSameLastWordApart) {
  const std::vector<WantedTraffic> wanted{any_source(ipv6_group(1, 7), 5000),
                                          any_source(ipv6_group(2, 7), 6000)};
  const Address source = ipv6_group(9, 9);
  EXPECT_TRUE(passes(
      wanted, {.source = source, .destination = ipv6_group(2, 7), .destination_port = 6000}));
  EXPECT_FALSE(passes(
      wanted, {.source = source, .destination = ipv6_group(2, 7), .destination_port = 5000}));
}

TEST(SocketFilter, PassesIpv6ExtensionHeadersByDestination) {
  const std::vector<WantedTraffic> wanted{any_source(ipv6_group(1, 7), 5000)};
  for (const std::uint8_t next : std::to_array<std::uint8_t>({0, 43, 44, 60})) {
    EXPECT_TRUE(passes(wanted, {.source = ipv6_group(9, 9),
                                .destination = ipv6_group(1, 7),
                                .protocol = next,
                                .has_extension = true}));
    EXPECT_FALSE(passes(wanted, {.source = ipv6_group(9, 9),
                                 .destination = ipv6_group(1, 8),
                                 .protocol = next,
                                 .has_extension = true}));
  }
}

TEST(SocketFilter, DropsAFrameThatEndsInItsHeaders) {
  const auto program =
      posix::make_socket_filter(std::vector{any_source(kGroup, 5000)}, FilterLevel::exact);
  std::vector<std::uint8_t> frame = RawFrame{}.bytes();
  frame.resize(14 + 20 + 3);
  EXPECT_EQ(FilterMachine(program).run(frame), 0U);
}

TEST(SocketFilter, DestinationLevelIgnoresPortAndSource) {
  const std::vector<WantedTraffic> wanted{{kOtherGroup, kGroup, 1}};
  EXPECT_TRUE(passes(wanted, {}, FilterLevel::destination));
  EXPECT_FALSE(passes(wanted, {.destination = kOtherGroup}, FilterLevel::destination));
}

TEST(SocketFilter, CoarsestLevelPassesAllUdp) {
  const std::vector<WantedTraffic> wanted{any_source(kOtherGroup, 1)};
  EXPECT_TRUE(passes(wanted, {}, FilterLevel::all_udp));
  EXPECT_TRUE(passes(wanted, {.source = ipv6_group(1, 1), .destination = ipv6_group(1, 7)},
                     FilterLevel::all_udp));
  EXPECT_FALSE(passes(wanted, {.protocol = 6}, FilterLevel::all_udp));
}

/// The rule in words, over the fields a frame was made from.
bool should_pass(const std::vector<WantedTraffic>& wanted, const RawFrame& frame) {
  if (frame.tags.size() > 2) return false;
  const bool is_ipv4 = frame.destination.family == engine::Family::ipv4;
  const bool hides_port = is_ipv4 ? (frame.fragment_field & 0x3fffU) != 0 : frame.has_extension;
  if (is_ipv4 && frame.protocol != 17) return false;
  if (!is_ipv4 && frame.protocol != 17 && !frame.has_extension) return false;
  return std::ranges::any_of(wanted, [&](const WantedTraffic& entry) {
    if (entry.destination != frame.destination) return false;
    if (hides_port) return true;
    return entry.port == frame.destination_port &&
           (!entry.source.is_set() || entry.source == frame.source);
  });
}

class RandomTraffic {
 public:
  explicit RandomTraffic(std::uint32_t seed) : engine_(seed) {}

  std::uint32_t below(std::uint32_t bound) { return static_cast<std::uint32_t>(engine_() % bound); }

  Address address(bool is_ipv4, std::uint32_t variety) {
    const std::uint32_t value = below(variety);
    const auto low = static_cast<std::uint8_t>(value);
    const auto high = static_cast<std::uint8_t>(value >> 8U);
    if (is_ipv4) return Address::ipv4(239, 1, high, low);
    return ipv6_group(static_cast<std::uint8_t>(below(2)), low);
  }

  WantedTraffic wanted(std::uint32_t variety) {
    const bool is_ipv4 = below(2) == 0;
    WantedTraffic entry = any_source(address(is_ipv4, variety), port());
    if (below(3) == 0) entry.source = address(is_ipv4, 3);
    return entry;
  }

  RawFrame frame(std::uint32_t variety) {
    constexpr std::uint16_t kTags[] = {0x8100, 0x88a8, 0x9100};
    constexpr std::uint16_t kFragments[] = {0, 0, 0x4000, 0x2000, 0x0100};
    constexpr std::uint8_t kExtensions[] = {0, 43, 44, 60};
    const bool is_ipv4 = below(2) == 0;
    RawFrame frame;
    frame.source = address(is_ipv4, 3);
    frame.destination = address(is_ipv4, variety);
    frame.destination_port = port();
    for (std::uint32_t left = below(4); left > 0; --left) frame.tags.push_back(kTags[below(3)]);
    frame.fragment_field = kFragments[below(5)];
    frame.option_words = static_cast<std::uint8_t>(below(3));
    if (below(8) == 0) frame.protocol = 6;
    if (!is_ipv4 && below(4) == 0) {
      frame.has_extension = true;
      frame.protocol = kExtensions[below(4)];
    }
    return frame;
  }

 private:
  std::uint16_t port() { return static_cast<std::uint16_t>(5000 + below(3)); }

  std::mt19937 engine_;
};

TEST(SocketFilter, AgreesWithItsRuleOnManyFrames) {
  for (std::uint32_t seed = 0; seed < 200; ++seed) {
    RandomTraffic random(seed);
    const std::uint32_t variety = 1 + random.below(60);
    std::vector<WantedTraffic> wanted(1 + random.below(100));
    std::ranges::generate(wanted, [&] { return random.wanted(variety); });
    const auto program = posix::make_socket_filter(wanted, FilterLevel::exact);
    FilterMachine machine(program);
    for (int count = 0; count < 200; ++count) {
      const RawFrame frame = random.frame(variety);
      ASSERT_EQ(machine.run(frame.bytes()) != 0, should_pass(wanted, frame))
          << "seed " << seed << ", frame " << count;
    }
  }
}

std::vector<WantedTraffic> many_groups(std::uint32_t count) {
  std::vector<WantedTraffic> wanted;
  wanted.reserve(count);
  for (std::uint32_t index = 0; index < count; ++index) {
    wanted.push_back(any_source(Address::ipv4(239, 1, static_cast<std::uint8_t>(index >> 8U),
                                              static_cast<std::uint8_t>(index)),
                                5000));
  }
  return wanted;
}

TEST(SocketFilter, HoldsFiveHundredGroupsExactly) {
  const auto program = posix::make_socket_filter(many_groups(500), FilterLevel::exact);
  EXPECT_LE(program.size(), posix::kFilterInstructionsMax);
}

/// The kernel checks programs by itself: what it takes here has no bad jump or load.
class AttachedFilter : public ::testing::Test {
 protected:
  posix::Descriptor socket_{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
};

TEST_F(AttachedFilter, IsTakenByTheKernelAtEachLevel) {
  RandomTraffic random(1);
  std::vector<WantedTraffic> wanted(60);
  std::ranges::generate(wanted, [&] { return random.wanted(40); });
  for (const auto level : {FilterLevel::exact, FilterLevel::destination, FilterLevel::all_udp}) {
    auto code = posix::make_socket_filter(wanted, level);
    const sock_fprog program{static_cast<unsigned short>(code.size()), code.data()};
    EXPECT_EQ(::setsockopt(socket_.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)),
              0)
        << name(level);
  }
}

TEST_F(AttachedFilter, IsExactForAFewGroups) {
  const auto level = posix::attach_socket_filter(socket_.get(), many_groups(10), "test");
  ASSERT_TRUE(level.has_value()) << level.error().message;
  EXPECT_EQ(*level, FilterLevel::exact);
}

TEST_F(AttachedFilter, GetsCoarserWithTheNumberOfGroups) {
  const auto hundreds = posix::attach_socket_filter(socket_.get(), many_groups(600), "test");
  ASSERT_TRUE(hundreds.has_value()) << hundreds.error().message;
  EXPECT_GE(*hundreds, FilterLevel::destination);
  const auto thousands = posix::attach_socket_filter(socket_.get(), many_groups(5000), "test");
  ASSERT_TRUE(thousands.has_value()) << thousands.error().message;
  EXPECT_EQ(*thousands, FilterLevel::all_udp);
}

}  // namespace
}  // namespace reprise::tests
