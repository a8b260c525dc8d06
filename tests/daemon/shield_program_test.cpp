// The shield's programs, run by the kernel itself: attached to a datagram socket they see what is
// written into its peer as a frame that arrived, without a tag.
#include "reprise/daemon/shield/shield_program.hpp"

#include <gtest/gtest.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "reprise/engine/packet.hpp"
#include "reprise/posix/descriptor.hpp"

namespace reprise::daemon {
namespace {

using engine::Address;
using engine::WantedTraffic;
using Programs = std::vector<std::vector<sock_filter>>;

Address address(std::string_view text) { return *engine::parse_address(text); }

WantedTraffic from_any(std::string_view group, std::uint16_t port) {
  return {{}, address(group), port};
}
WantedTraffic from(std::string_view source, std::string_view group, std::uint16_t port) {
  return {address(source), address(group), port};
}

std::vector<std::byte> frame(std::string_view source, std::string_view group, std::uint16_t port) {
  engine::FrameHeader header;
  header.source = address(source);
  header.destination = address(group);
  header.source_port = 4000;
  header.destination_port = port;
  const std::array<std::byte, 16> payload{};
  std::vector<std::byte> bytes(headers_length_bytes(header) + payload.size());
  engine::build_frame(header, payload, bytes);
  return bytes;
}

/// An IPv4 frame with a word of options between the IP header and UDP.
std::vector<std::byte> frame_with_option(std::string_view group, std::uint16_t port) {
  std::vector<std::byte> bytes = frame("10.0.0.1", group, port);
  bytes[14] = std::byte{0x46};
  bytes.insert(bytes.begin() + 34, 4, std::byte{1});
  return bytes;
}

/// What the kernel makes of a frame: 2 (TC_ACT_SHOT) drops it, everything else does not.
bool one_drops(const std::vector<sock_filter>& program, const std::vector<std::byte>& frame) {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_DGRAM, 0, ends.data()) != 0)
    throw std::runtime_error("socketpair");
  const posix::Descriptor in(ends[0]);
  const posix::Descriptor out(ends[1]);
  std::vector<sock_filter> code = program;
  const sock_fprog attached{static_cast<unsigned short>(code.size()), code.data()};
  if (::setsockopt(out.get(), SOL_SOCKET, SO_ATTACH_FILTER, &attached, sizeof attached) != 0)
    throw std::runtime_error("the kernel refuses the program");
  // A socket's filter says how many bytes are kept; 0 refuses the datagram as a whole.
  static_cast<void>(::send(in.get(), frame.data(), frame.size(), MSG_DONTWAIT));
  std::array<std::byte, 2048> kept{};
  return ::recv(out.get(), kept.data(), kept.size(), MSG_DONTWAIT) == 2;
}

bool drops(const Programs& programs, const std::vector<std::byte>& frame) {
  bool dropped = false;
  for (const auto& program : programs) dropped |= one_drops(program, frame);
  return dropped;
}

TEST(ShieldProgram, DropsTheWantedGroupAndPortAlone) {
  const Programs programs =
      make_shield_programs(std::vector{from_any("239.1.1.1", 5000), from_any("ff3e::1", 5001)}, {});
  EXPECT_TRUE(drops(programs, frame("10.0.0.1", "239.1.1.1", 5000)));
  EXPECT_FALSE(drops(programs, frame("10.0.0.1", "239.1.1.1", 5001)));
  EXPECT_FALSE(drops(programs, frame("10.0.0.1", "239.1.1.2", 5000)));
  EXPECT_TRUE(drops(programs, frame("2001:db8::1", "ff3e::1", 5001)));
  EXPECT_FALSE(drops(programs, frame("2001:db8::1", "ff3e::1", 5000)));
  EXPECT_FALSE(drops(programs, frame("2001:db8::1", "ff3e::2", 5001)));
  EXPECT_FALSE(drops(programs, frame("2001:db8::1", "ff3e:0:0:1::1", 5001)));
  EXPECT_FALSE(drops(programs, frame("2001:db8::1", "ff3e:1::1", 5001)));
}

TEST(ShieldProgram, DropsTheWantedSourceAlone) {
  const Programs programs = make_shield_programs(
      std::vector{from("10.0.0.1", "232.1.1.1", 5000), from("10.0.0.2", "232.1.1.1", 5000),
                  from("2001:db8::1", "ff3e::1", 5000)},
      {});
  EXPECT_TRUE(drops(programs, frame("10.0.0.1", "232.1.1.1", 5000)));
  EXPECT_TRUE(drops(programs, frame("10.0.0.2", "232.1.1.1", 5000)));
  EXPECT_FALSE(drops(programs, frame("10.0.0.3", "232.1.1.1", 5000)));
  EXPECT_TRUE(drops(programs, frame("2001:db8::1", "ff3e::1", 5000)));
  EXPECT_FALSE(drops(programs, frame("2001:db8::2", "ff3e::1", 5000)));
  EXPECT_FALSE(drops(programs, frame("2001:db9::1", "ff3e::1", 5000)));
}

TEST(ShieldProgram, StepsOverIpv4Options) {
  const Programs programs = make_shield_programs(std::vector{from_any("239.1.1.1", 5000)}, {});
  EXPECT_TRUE(drops(programs, frame_with_option("239.1.1.1", 5000)));
  EXPECT_FALSE(drops(programs, frame_with_option("239.1.1.1", 5001)));
}

TEST(ShieldProgram, LeavesAloneWhatTheRelayDoesNotRelay) {
  const Programs programs =
      make_shield_programs(std::vector{from_any("239.1.1.1", 5000), from_any("ff3e::1", 5000)}, {});
  const auto ipv4 = frame("10.0.0.1", "239.1.1.1", 5000);
  const auto ipv6 = frame("2001:db8::1", "ff3e::1", 5000);
  const auto changed = [](std::vector<std::byte> bytes, std::size_t offset, std::uint8_t value) {
    bytes[offset] = std::byte{value};
    return bytes;
  };
  EXPECT_FALSE(drops(programs, changed(ipv4, 20, 0x20))) << "the first fragment";
  EXPECT_FALSE(drops(programs, changed(ipv4, 21, 0x01))) << "a later fragment";
  EXPECT_TRUE(drops(programs, changed(ipv4, 20, 0x40))) << "one that must not be fragmented";
  EXPECT_FALSE(drops(programs, changed(ipv4, 23, 2))) << "IGMP";
  EXPECT_FALSE(drops(programs, changed(ipv4, 13, 0x06))) << "ARP";
  EXPECT_FALSE(drops(programs, changed(ipv6, 20, 58))) << "ICMPv6";
  EXPECT_FALSE(drops(programs, changed(ipv6, 20, 44))) << "a fragment header";
  EXPECT_FALSE(drops(programs, changed(ipv6, 20, 0))) << "hop-by-hop options";
  for (const auto& whole : {ipv4, ipv6}) {
    for (std::size_t length = 1; length < 34; ++length)
      EXPECT_FALSE(drops(programs, {whole.begin(), whole.begin() + std::ptrdiff_t(length)}));
  }
}

TEST(ShieldProgram, ManyGroupsMakeSeveralProgramsThatEachCanBeDeleted) {
  std::vector<WantedTraffic> wanted;
  for (std::uint32_t number = 0; number < 300; ++number) {
    const auto low = static_cast<std::uint8_t>(number);
    const auto high = static_cast<std::uint8_t>(number >> 8U);
    wanted.push_back({{}, Address::ipv4(239, 7, high, low), 5000});
    Address group = address("ff3e::");
    group.bytes[14] = high;
    group.bytes[15] = low;
    wanted.push_back({address("2001:db8::1"), group, 5000});
  }
  const Programs programs = make_shield_programs(wanted, {.owner = 7, .made_qdisc = true});
  EXPECT_GT(programs.size(), 2U);
  for (const auto& program : programs) {
    EXPECT_LE(program.size(), kShieldInstructionsMax);
    EXPECT_EQ(shield_mark_of(program), (ShieldMark{7, true}));
  }
  for (const WantedTraffic& entry : wanted) {
    const bool is_ipv4 = entry.destination.family == engine::Family::ipv4;
    const auto bytes =
        frame(is_ipv4 ? "10.0.0.1" : "2001:db8::1", to_string(entry.destination), 5000);
    ASSERT_TRUE(drops(programs, bytes)) << to_string(entry.destination);
  }
  EXPECT_FALSE(drops(programs, frame("10.0.0.1", "239.7.1.44", 5000)));
  EXPECT_FALSE(drops(programs, frame("2001:db8::1", "ff3e::12c", 5000)));
}

TEST(ShieldProgram, NothingWantedMakesNoProgram) {
  EXPECT_TRUE(make_shield_programs({}, {}).empty());
}

TEST(ShieldMark, IsReadBackAndFoundInNoOtherProgram) {
  const std::vector wanted{from_any("239.1.1.1", 5000)};
  for (const ShieldMark mark : {ShieldMark{1, false}, ShieldMark{4096, true}}) {
    const Programs programs = make_shield_programs(wanted, mark);
    ASSERT_EQ(programs.size(), 1U);
    EXPECT_EQ(shield_mark_of(programs[0]), mark);
    for (std::size_t place = 0; place < 3; ++place) {
      auto other = programs[0];
      other[place].code = BPF_RET | BPF_K;
      EXPECT_FALSE(shield_mark_of(other));
    }
    auto other = programs[0];
    ++other[1].k;
    EXPECT_FALSE(shield_mark_of(other));
    EXPECT_FALSE(shield_mark_of(std::span(programs[0]).first(2)));
  }
  EXPECT_FALSE(shield_mark_of({}));
}

}  // namespace
}  // namespace reprise::daemon
