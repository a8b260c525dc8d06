#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "packet_frames.hpp"
#include "packet_reference.hpp"
#include "reprise/engine/packet.hpp"

namespace reprise::engine {
namespace {

using namespace frames;

FrameHeader small_header() {
  return {.source = Address::ipv4(10, 0, 0, 1),
          .destination = Address::ipv4(10, 0, 0, 2),
          .source_port = 1,
          .destination_port = 2};
}

Octets built(const FrameHeader& header, const Octets& payload) {
  Octets frame(headers_length_bytes(header) + payload.size());
  EXPECT_EQ(build_frame(header, payload, frame), frame.size());
  return frame;
}

bool checksum_is_valid(const Octets& frame) {
  const FrameBytes bytes = whole_frame(frame);
  return udp_checksum_is_valid(bytes, parse(bytes).value());
}

TEST(PacketBuild, WritesUdpChecksumsThatWereComputedByHand) {
  EXPECT_EQ(parse_whole(built(small_header(), octets({'A', 'B'})))->udp_checksum, 0xaa92);
  EXPECT_EQ(parse_whole(built(small_header(), octets({'A'})))->udp_checksum, 0xaad6);
}

TEST(PacketBuild, WritesAChecksumThatComesOutAsZeroInItsOtherForm) {
  const Octets frame = built(small_header(), octets({0xeb, 0xd4}));
  EXPECT_EQ(parse_whole(frame)->udp_checksum, 0xffff);
  EXPECT_TRUE(checksum_is_valid(frame));
}

TEST(PacketBuild, WritesTheBytesOfAKnownIpv4Frame) {
  FrameHeader header = small_header();
  header.destination_mac = {1, 0, 0x5e, 1, 1, 1};
  header.source_mac = {2, 0, 0, 0, 0, 7};
  header.vlan_count = 2;
  header.vlan_tci = {0x6064, 7};
  header.dscp = 46;
  header.hops = 9;
  EXPECT_EQ(
      built(header, octets({'A', 'B'})),
      octets({1, 0, 0x5e, 1,    1,    1,    2, 0,  0, 0, 0,    7,  0x88, 0xa8, 0x60, 0x64, 0x81, 0,
              0, 7, 0x08, 0x00, 0x45, 0xb8, 0, 30, 0, 0, 0x40, 0,  9,    17,   0x5d, 0x15, 10,   0,
              0, 1, 10,   0,    0,    2,    0, 1,  0, 2, 0,    10, 0xaa, 0x92, 'A',  'B'}));
}

TEST(PacketBuild, WritesTheBytesOfAKnownIpv6Header) {
  FrameHeader header;
  header.source.family = header.destination.family = Family::ipv6;
  header.source.bytes[15] = 1;
  header.destination.bytes[0] = 0xff;
  header.dscp = 46;
  header.hops = 9;
  Octets out(headers_length_bytes(header));
  ASSERT_EQ(build_headers(header, 1400, out), 62U);
  const Octets ip(out.begin() + 14, out.begin() + 22);
  EXPECT_EQ(ip, octets({0x6b, 0x80, 0, 0, 0x05, 0x80, 17, 9}));
  EXPECT_EQ(Octets(out.begin() + 58, out.end()), octets({0x05, 0x80, 0, 0}));
}

TEST(PacketBuild, LeavesTheUdpChecksumZeroWhereOnlyHeadersAreBuilt) {
  const FrameHeader header = small_header();
  Octets frame(headers_length_bytes(header) + 5, std::byte{0xff});
  ASSERT_EQ(build_headers(header, 5, frame), 42U);
  EXPECT_EQ(parse_whole(frame)->udp_checksum, 0);
  EXPECT_EQ(frame[42], std::byte{0xff});
}

FrameHeader random_header(FrameGenerator& random) {
  const auto number = [&random](std::size_t limit) { return random.below(limit); };
  FrameHeader header;
  header.source.family = header.destination.family = number(2) == 0 ? Family::ipv4 : Family::ipv6;
  for (Address* address : {&header.source, &header.destination}) {
    for (std::size_t i = 0; i < address->length_bytes(); ++i) {
      address->bytes[i] = static_cast<std::uint8_t>(number(256));
    }
  }
  header.vlan_count = static_cast<std::uint8_t>(number(3));
  for (std::size_t i = 0; i < header.vlan_count; ++i) {
    header.vlan_tci[i] = static_cast<std::uint16_t>(number(0x10000));
  }
  header.source_port = static_cast<std::uint16_t>(number(0x10000));
  header.destination_port = static_cast<std::uint16_t>(number(0x10000));
  header.hops = static_cast<std::uint8_t>(number(256));
  header.dscp = static_cast<std::uint8_t>(number(64));
  return header;
}

TEST(PacketBuild, ReadsBackWhatItBuilt) {
  FrameGenerator random(20255);
  for (int round = 0; round < 20'000; ++round) {
    const FrameHeader header = random_header(random);
    const Octets payload = random.bytes(random.below(round % 100 == 0 ? 3000 : 100));
    const Octets frame = built(header, payload);
    const auto datagram = parse_whole(frame);
    ASSERT_TRUE(datagram) << "round " << round << ": " << describe(datagram);
    const std::size_t payload_begin = headers_length_bytes(header);
    const auto udp_bytes = std::span(frame).subspan(payload_begin - 8);
    const Datagram expected{
        .source = header.source,
        .destination = header.destination,
        .source_port = header.source_port,
        .destination_port = header.destination_port,
        .payload_offset_bytes = static_cast<std::uint32_t>(payload_begin),
        .payload_length_bytes = static_cast<std::uint32_t>(payload.size()),
        .hops = header.hops,
        .vlan_count = header.vlan_count,
        .vlan_tci = header.vlan_tci,
        .udp_checksum = reference::udp_checksum(header.source, header.destination, udp_bytes)};
    ASSERT_EQ(*datagram, expected) << "round " << round;
    ASSERT_TRUE(std::ranges::equal(udp_bytes.subspan(8), payload)) << "round " << round;
    ASSERT_TRUE(udp_checksum_is_valid(whole_frame(frame), *datagram)) << "round " << round;
  }
}

TEST(PacketBuild, FindsEveryFlippedBitUnderTheUdpChecksum) {
  FrameGenerator random(20256);
  for (std::size_t payload_bytes = 0; payload_bytes <= 70; ++payload_bytes) {
    const FrameHeader header = random_header(random);
    Octets frame = built(header, random.bytes(payload_bytes));
    const FrameBytes bytes = whole_frame(frame);
    const auto datagram = parse(bytes);
    ASSERT_TRUE(datagram);
    for (std::size_t bit = 0; bit < payload_bytes * 8; ++bit) {
      std::byte& changed = frame[datagram->payload_offset_bytes + bit / 8];
      const auto mask = static_cast<std::byte>(1U << bit % 8);
      changed ^= mask;
      ASSERT_FALSE(udp_checksum_is_valid(bytes, *datagram)) << payload_bytes << ", bit " << bit;
      changed ^= mask;
    }
    Datagram elsewhere = *datagram;
    elsewhere.destination.bytes[3] ^= 1U;
    EXPECT_FALSE(udp_checksum_is_valid(bytes, elsewhere)) << "another destination";
  }
}

TEST(PacketBuild, ChecksTheChecksumUpToTheUdpLengthAndNoFurther) {
  const FrameHeader header = small_header();
  Octets frame = built(header, octets({'A'}));
  append(frame, octets({0xde, 0xad, 0xbe}));
  EXPECT_TRUE(checksum_is_valid(frame)) << "behind the IP packet";
  set16(frame, 16, 20 + 8 + 4);
  repair_ipv4_checksum(frame, 14);
  EXPECT_TRUE(checksum_is_valid(frame)) << "inside the IP packet, behind the UDP length";
}

TEST(PacketBuild, TakesAMissingChecksumForRightWithIpv4Only) {
  Octets ipv4_datagram = ipv4_frame(udp(3));
  set16(ipv4_datagram, 14 + 20 + 6, 0);
  EXPECT_TRUE(checksum_is_valid(ipv4_datagram));
  Octets ipv6_datagram = ipv6_frame(kUdp, udp(3));
  set16(ipv6_datagram, 14 + 40 + 6, 0);
  EXPECT_FALSE(checksum_is_valid(ipv6_datagram));
}

TEST(PacketBuildDeathTest, DoesNotJudgeAChecksumOfBytesThatAreNotVisible) {
  const Octets frame = built(small_header(), octets({'A', 'B'}));
  FrameBytes bytes = whole_frame(frame);
  const Datagram datagram = parse(bytes).value();
  bytes.visible = bytes.visible.first(bytes.visible.size() - 1);
  EXPECT_DEATH(static_cast<void>(udp_checksum_is_valid(bytes, datagram)), "visible.size");
}

}  // namespace
}  // namespace reprise::engine
