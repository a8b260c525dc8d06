#include "reprise/engine/packet.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "packet_frames.hpp"
#include "packet_reference.hpp"

// Parsing; packet_build_test.cpp has building and checksums.
namespace reprise::engine {
namespace {

using namespace frames;

TEST(Packet, ReadsEveryFieldOfAnIpv4Datagram) {
  const auto datagram = parse_whole(ipv4_frame(udp(5)));
  ASSERT_TRUE(datagram) << describe(datagram);
  EXPECT_EQ(to_string(datagram->source), "10.0.0.7");
  EXPECT_EQ(to_string(datagram->destination), "239.1.1.1");
  EXPECT_EQ(datagram->source.scope, 0U);
  EXPECT_EQ(datagram->source_port, 40000);
  EXPECT_EQ(datagram->destination_port, 5000);
  EXPECT_EQ(datagram->payload_offset_bytes, 14U + 20U + 8U);
  EXPECT_EQ(datagram->payload_length_bytes, 5U);
  EXPECT_EQ(datagram->hops, 16);
  EXPECT_EQ(datagram->vlan_count, 0);
  EXPECT_EQ(datagram->udp_checksum, 0x1234);
}

TEST(Packet, ReadsEveryFieldOfAnIpv6Datagram) {
  const auto datagram = parse_whole(ipv6_frame(kUdp, udp(5)));
  ASSERT_TRUE(datagram) << describe(datagram);
  EXPECT_EQ(to_string(datagram->source), "fd00::7");
  EXPECT_EQ(to_string(datagram->destination), "ff3e::1");
  EXPECT_EQ(datagram->source_port, 40000);
  EXPECT_EQ(datagram->destination_port, 5000);
  EXPECT_EQ(datagram->payload_offset_bytes, 14U + 40U + 8U);
  EXPECT_EQ(datagram->payload_length_bytes, 5U);
  EXPECT_EQ(datagram->hops, 16);
  EXPECT_EQ(datagram->udp_checksum, 0x1234);
}

TEST(Packet, TakesAnEmptyDatagram) {
  EXPECT_EQ(parse_whole(ipv4_frame(udp(0)))->payload_length_bytes, 0U);
  EXPECT_EQ(parse_whole(ipv6_frame(kUdp, udp(0)))->payload_length_bytes, 0U);
}

TEST(Packet, TakesTheLargestDatagrams) {
  EXPECT_EQ(parse_whole(ipv4_frame(udp(65507)))->payload_length_bytes, 65507U);
  EXPECT_EQ(parse_whole(ipv6_frame(kUdp, udp(65527)))->payload_length_bytes, 65527U);
}

TEST(Packet, ReadsOneOrTwoVlanTagsOutermostFirst) {
  for (const std::uint16_t tag_type : std::vector<std::uint16_t>{0x8100, 0x88a8, 0x9100}) {
    const auto one = parse_whole(joined({ethernet(0x0800, {{tag_type, 0x6064}}), ipv4(udp(3))}));
    ASSERT_TRUE(one) << describe(one);
    EXPECT_EQ(one->vlan_count, 1);
    EXPECT_EQ(one->vlan_tci[0], 0x6064);
    EXPECT_EQ(one->payload_offset_bytes, 18U + 28U);
    const auto two = parse_whole(
        joined({ethernet(0x86dd, {{tag_type, 0x6064}, {0x8100, 7}}), ipv6(kUdp, udp(3))}));
    ASSERT_TRUE(two) << describe(two);
    EXPECT_EQ(two->vlan_count, 2);
    EXPECT_EQ(two->vlan_tci[0], 0x6064);
    EXPECT_EQ(two->vlan_tci[1], 7);
    EXPECT_EQ(two->payload_offset_bytes, 22U + 48U);
  }
}

TEST(Packet, DoesNotLookBehindAThirdVlanTag) {
  EXPECT_EQ(
      verdict(joined({ethernet(0x0800, {{0x88a8, 1}, {0x8100, 2}, {0x8100, 3}}), ipv4(udp(3))})),
      "not_ip");
}

TEST(Packet, RefusesWhatIsNotIp) {
  for (const std::uint16_t ether_type :
       std::vector<std::uint16_t>{0x0806, 0x88cc, 0x0026, 0x88f7, 0x0801, 0x86dc}) {
    EXPECT_EQ(verdict(joined({ethernet(ether_type), ipv4(udp(3))})), "not_ip") << ether_type;
  }
}

TEST(Packet, ReadsAFrameWithoutEthernetHeader) {
  for (const Octets& packet : {ipv4(udp(3)), ipv6(kUdp, udp(3))}) {
    const auto length_bytes = static_cast<std::uint32_t>(packet.size());
    const auto datagram = parse({.visible = packet,
                                 .captured_bytes = length_bytes,
                                 .original_bytes = length_bytes,
                                 .starts_at_ip = true});
    ASSERT_TRUE(datagram) << describe(datagram);
    EXPECT_EQ(datagram->payload_offset_bytes + 3, length_bytes);
  }
}

TEST(Packet, TellsByTheVersionThatAFrameWithoutEthernetHeaderIsNotIp) {
  Octets packet = ipv4(udp(3));
  packet[0] = std::byte{0x55};
  const FrameBytes frame{
      .visible = packet, .captured_bytes = 31, .original_bytes = 31, .starts_at_ip = true};
  EXPECT_EQ(describe(parse(frame)), "not_ip");
  EXPECT_EQ(describe(parse({.visible = {}, .starts_at_ip = true})), "malformed");
  EXPECT_EQ(describe(parse({.visible = {}, .original_bytes = 31, .starts_at_ip = true})),
            "truncated");
}

TEST(Packet, RefusesAVersionThatContradictsTheEtherType) {
  EXPECT_EQ(verdict(joined({ethernet(0x0800), ipv6(kUdp, udp(3))})), "malformed");
  EXPECT_EQ(verdict(joined({ethernet(0x86dd), ipv4(udp(50))})), "malformed");
}

TEST(Packet, SkipsIpv4Options) {
  for (std::size_t words = 0; words <= 10; ++words) {
    const auto datagram = parse_whole(ipv4_frame(udp(3), {.option_words = words}));
    ASSERT_TRUE(datagram) << words << " words: " << describe(datagram);
    EXPECT_EQ(datagram->payload_offset_bytes, 42 + 4 * words);
  }
}

TEST(Packet, RefusesAnIpv4HeaderLengthBelowFiveWords) {
  for (const int words : {0, 1, 4}) {
    Octets frame = ipv4_frame(udp(3));
    frame[14] = static_cast<std::byte>(0x40 + words);
    EXPECT_EQ(verdict(frame), "malformed") << words;
  }
}

TEST(Packet, RefusesAnIpv4TotalLengthThatContradictsItsFrame) {
  EXPECT_EQ(verdict(ipv4_frame(udp(3), {.total_length = 0})), "malformed");
  EXPECT_EQ(verdict(ipv4_frame(udp(3), {.total_length = 19})), "malformed");
  EXPECT_EQ(verdict(ipv4_frame(udp(3), {.option_words = 2, .total_length = 27})), "malformed");
  EXPECT_EQ(verdict(ipv4_frame(udp(3), {.total_length = 31})), "datagram");
  EXPECT_EQ(verdict(ipv4_frame(udp(3), {.total_length = 32})), "malformed");
}

TEST(Packet, RefusesAnyFlippedBitInAnIpv4Header) {
  for (const std::size_t option_words : {0U, 1U, 10U}) {
    const Octets right = ipv4_frame(udp(3), {.option_words = option_words});
    for (std::size_t bit = 0; bit < (20 + 4 * option_words) * 8; ++bit) {
      Octets frame = right;
      frame[14 + bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      EXPECT_EQ(verdict(frame), "malformed") << "bit " << bit;
    }
  }
}

TEST(Packet, AcceptsTheHeaderChecksumOfAKnownIpv4Header) {
  const Octets header = octets({0x45, 0x00, 0x00, 0x73, 0x00, 0x00, 0x40, 0x00, 0x40, 0x11,
                                0xb8, 0x61, 0xc0, 0xa8, 0x00, 0x01, 0xc0, 0xa8, 0x00, 0xc7});
  const auto datagram = parse_whole(joined({ethernet(0x0800), header, udp(87)}));
  ASSERT_TRUE(datagram) << describe(datagram);
  EXPECT_EQ(to_string(datagram->destination), "192.168.0.199");
}

TEST(Packet, RefusesOtherProtocols) {
  for (const std::uint8_t protocol : std::vector<std::uint8_t>{1, 2, 6, 50, 89, 132, 255}) {
    EXPECT_EQ(verdict(ipv4_frame(udp(3), {.protocol = protocol})), "not_udp") << int{protocol};
  }
  for (const std::uint8_t protocol : std::vector<std::uint8_t>{1, 2, 6, 50, 51, 58, 59, 135, 255}) {
    EXPECT_EQ(verdict(ipv6_frame(protocol, udp(3))), "not_udp") << int{protocol};
  }
  EXPECT_EQ(verdict(ipv6_frame(kNoNextHeader, {})), "not_udp");
}

TEST(Packet, RefusesAFragment) {
  for (const std::uint16_t flags_and_offset :
       std::vector<std::uint16_t>{0x2000, 0x2001, 0x0001, 0x1fff, 0x0100}) {
    EXPECT_EQ(verdict(ipv4_frame(udp(3), {.flags_and_offset = flags_and_offset})), "fragment");
  }
  for (const std::uint16_t offset_and_more :
       std::vector<std::uint16_t>{0x0001, 0x0008, 0xfff8, 0xfff9, 0x0100}) {
    EXPECT_EQ(verdict(ipv6_frame(44, joined({fragment_header(kUdp, offset_and_more), udp(3)}))),
              "fragment");
  }
  EXPECT_EQ(verdict(ipv6_frame(44, joined({fragment_header(60, 1), extension(kUdp), udp(3)}))),
            "fragment");
}

TEST(Packet, CountsAFragmentOfAnotherProtocolAsThatProtocol) {
  EXPECT_EQ(verdict(ipv4_frame(udp(3), {.protocol = kTcp, .flags_and_offset = 0x2000})), "not_udp");
  EXPECT_EQ(verdict(ipv6_frame(44, joined({fragment_header(kTcp, 1), udp(3)}))), "not_udp");
}

TEST(Packet, TakesAnAtomicFragmentAsAWholeDatagram) {
  for (const std::uint16_t reserved_bits : std::vector<std::uint16_t>{0, 2, 4, 6}) {
    const auto datagram =
        parse_whole(ipv6_frame(44, joined({fragment_header(kUdp, reserved_bits), udp(3)})));
    ASSERT_TRUE(datagram) << describe(datagram);
    EXPECT_EQ(datagram->payload_offset_bytes, 14U + 40U + 8U + 8U);
  }
}

TEST(Packet, TakesBothIpv4FlagsThatDoNotMeanAFragment) {
  EXPECT_EQ(verdict(ipv4_frame(udp(3), {.flags_and_offset = 0x0000})), "datagram");
  EXPECT_EQ(verdict(ipv4_frame(udp(3), {.flags_and_offset = 0x8000})), "datagram");
}

TEST(Packet, SkipsIpv6ExtensionHeaders) {
  const auto datagram =
      parse_whole(ipv6_frame(0, joined({extension(60, 1), extension(43), extension(44, 2),
                                        fragment_header(60, 0), extension(kUdp, 3), udp(3)})));
  ASSERT_TRUE(datagram) << describe(datagram);
  EXPECT_EQ(datagram->payload_offset_bytes, 54U + 16U + 8U + 24U + 8U + 32U + 8U);
  EXPECT_EQ(datagram->payload_length_bytes, 3U);
}

TEST(Packet, RefusesHopByHopOptionsThatDoNotComeFirst) {
  EXPECT_EQ(verdict(ipv6_frame(60, joined({extension(0), extension(kUdp), udp(3)}))), "malformed");
}

TEST(Packet, RefusesARoutingHeaderWithSegmentsLeft) {
  Octets routing = extension(kUdp, 2);
  EXPECT_EQ(verdict(ipv6_frame(43, joined({routing, udp(3)}))), "datagram");
  routing[3] = std::byte{1};
  EXPECT_EQ(verdict(ipv6_frame(43, joined({routing, udp(3)}))), "malformed");
}

TEST(Packet, RefusesAnExtensionHeaderThatEndsBehindThePacket) {
  EXPECT_EQ(verdict(ipv6_frame(60, extension(kUdp))), "malformed");  // no room for UDP
  Octets options = extension(kUdp, 1);
  options[1] = std::byte{2};
  EXPECT_EQ(verdict(ipv6_frame(60, options)), "malformed");
  EXPECT_EQ(verdict(ipv6_frame(60, octets({kUdp, 0, 1, 0, 0, 0, 0}))), "malformed");
}

TEST(Packet, RefusesAnIpv6PayloadLengthThatContradictsItsFrame) {
  EXPECT_EQ(verdict(joined({ethernet(0x86dd), ipv6(kUdp, udp(3), 12)})), "malformed");
  EXPECT_EQ(verdict(joined({ethernet(0x86dd), ipv6(kUdp, udp(3), 10)})), "malformed");
  EXPECT_EQ(verdict(joined({ethernet(0x86dd), ipv6(kUdp, udp(3), 7)})), "malformed");
}

TEST(Packet, RefusesAJumbogram) {
  const Octets jumbo_option = octets({kUdp, 0, 0xc2, 4, 0, 1, 0x11, 0x78});
  const Octets frame =
      joined({ethernet(0x86dd), ipv6(0, joined({jumbo_option, udp(70000, 0)}), 0)});
  EXPECT_EQ(verdict(frame), "malformed");
}

TEST(Packet, RefusesAUdpLengthThatContradictsItsPacket) {
  for (const std::size_t length : {0U, 1U, 7U, 12U, 0xffffU}) {
    EXPECT_EQ(verdict(ipv4_frame(udp(3, length))), "malformed") << length;
    EXPECT_EQ(verdict(ipv6_frame(kUdp, udp(3, length))), "malformed") << length;
  }
  EXPECT_EQ(verdict(ipv4_frame(octets({1, 2, 3, 4, 0, 7, 0}))), "malformed");
}

TEST(Packet, SeesThatAPacketHasNoRoomForUdpWithoutThePaddingBehindIt) {
  for (Octets frame : {ipv4_frame(octets({1, 2, 3, 4})), ipv6_frame(kUdp, octets({1, 2, 3, 4}))}) {
    const std::size_t packet_end = frame.size();
    frame.resize(packet_end + 30);
    EXPECT_EQ(describe(parse_captured(frame, packet_end)), "malformed");
  }
}

TEST(Packet, TakesTheUdpLengthWhereThePacketIsLonger) {
  EXPECT_EQ(parse_whole(ipv4_frame(udp(9, 8 + 4)))->payload_length_bytes, 4U);
  EXPECT_EQ(parse_whole(ipv6_frame(kUdp, udp(9, 8 + 4)))->payload_length_bytes, 4U);
}

TEST(Packet, IgnoresEthernetPaddingCapturedOrNot) {
  Octets frame = ipv4_frame(udp(3));
  const std::size_t datagram_end = frame.size();
  frame.resize(60);
  for (std::size_t captured = 0; captured <= frame.size(); ++captured) {
    const auto datagram = parse_captured(frame, captured);
    if (captured < datagram_end) {
      EXPECT_EQ(describe(datagram), "truncated") << captured;
    } else {
      ASSERT_TRUE(datagram) << captured << ": " << describe(datagram);
      EXPECT_EQ(datagram->payload_length_bytes, 3U);
    }
  }
}

TEST(Packet, CallsAShortFrameMalformedWhereTheWireHadNoMore) {
  const Octets frame = ipv4_frame(udp(3));
  for (std::size_t length = 0; length < frame.size(); ++length) {
    const Octets runt(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(verdict(runt), "malformed") << length;
  }
}

TEST(Packet, NeedsOnlyTheHeadersToBeVisible) {
  const Octets frame = ipv6_frame(60, joined({extension(kUdp), udp(100)}));
  const auto whole = parse_whole(frame);
  ASSERT_TRUE(whole);
  for (std::size_t visible = 0; visible <= frame.size(); ++visible) {
    const Octets bytes(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(visible));
    const auto length_bytes = static_cast<std::uint32_t>(frame.size());
    const auto result =
        parse({.visible = bytes, .captured_bytes = length_bytes, .original_bytes = length_bytes});
    if (visible < whole->payload_offset_bytes) {
      EXPECT_EQ(describe(result), "truncated") << visible;
    } else {
      EXPECT_EQ(result, whole) << visible;
    }
  }
}

TEST(Packet, NeverTrustsALengthOverAnother) {
  const Octets frame = ipv4_frame(udp(100));
  for (const std::uint32_t captured : {0U, 41U, 42U, 100U, 142U, 143U, 0xffff'ffffU}) {
    for (const std::uint32_t original : {0U, 41U, 42U, 100U, 142U, 143U, 0xffff'ffffU}) {
      const auto result =
          parse({.visible = frame, .captured_bytes = captured, .original_bytes = original});
      EXPECT_EQ(result.has_value(), captured >= 142 && original >= 142)
          << captured << " of " << original << ": " << describe(result);
    }
  }
}

TEST(Packet, AgreesWithTheReferenceOnRandomFrames) {
  FrameGenerator generator(20251);
  std::map<std::string, int> counts;
  for (int round = 0; round < 100'000; ++round) {
    const Octets frame = generator.frame();
    const auto result = parse_whole(frame);
    ASSERT_EQ(describe(result), describe(reference::parse(frame))) << "round " << round;
    ASSERT_EQ(result, reference::parse(frame)) << "round " << round;
    ++counts[describe(result)];
  }
  for (const char* kind : {"datagram", "not_ip", "not_udp", "fragment", "malformed"}) {
    EXPECT_GE(counts[kind], 1000) << kind << ": the generator makes too few of them";
  }
  EXPECT_EQ(counts.size(), 5U);
}

TEST(Packet, AgreesWithTheReferenceOnRandomBytes) {
  FrameGenerator generator(20252);
  for (int round = 0; round < 100'000; ++round) {
    Octets frame = generator.bytes(generator.below(120));
    if (frame.size() > 14) set16(frame, 12, generator.below(2) == 0 ? 0x0800 : 0x86dd);
    if (frame.size() > 34) {
      frame[14] = std::byte{0x45};
      repair_ipv4_checksum(frame, 14);
    }
    ASSERT_EQ(parse_whole(frame), reference::parse(frame)) << "round " << round;
  }
}

TEST(Packet, StaysTruncatedUntilTheCaptureDecides) {
  FrameGenerator generator(20253);
  for (int round = 0; round < 3000; ++round) {
    const Octets frame = generator.frame();
    const auto whole = parse_whole(frame);
    bool decided = false;
    for (std::size_t captured = 0; captured <= frame.size(); ++captured) {
      const auto result = parse_captured(frame, captured);
      if (!decided && describe(result) == "truncated") continue;
      decided = true;
      ASSERT_EQ(result, whole) << "round " << round << ", " << captured << " bytes captured";
      if (result) {
        const std::size_t end = result->payload_offset_bytes + result->payload_length_bytes;
        ASSERT_LE(end, captured) << "round " << round;
      }
    }
    ASSERT_TRUE(decided) << "round " << round;
  }
}

TEST(Packet, GivesOnlyDatagramsInsideTheCaptureWhateverTheLengthsSay) {
  FrameGenerator generator(20254);
  for (int round = 0; round < 50'000; ++round) {
    const Octets whole = generator.frame();
    const Octets visible(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(
                                                            generator.below(whole.size() + 1)));
    const auto captured = static_cast<std::uint32_t>(generator.below(whole.size() + 40));
    const auto original = static_cast<std::uint32_t>(generator.below(whole.size() + 40));
    const auto result = parse({.visible = visible,
                               .captured_bytes = captured,
                               .original_bytes = original,
                               .starts_at_ip = generator.below(8) == 0});
    if (!result) continue;
    const std::size_t end = result->payload_offset_bytes + result->payload_length_bytes;
    ASSERT_LE(end, std::min(captured, original)) << "round " << round;
    ASSERT_LE(result->payload_offset_bytes, visible.size()) << "round " << round;
  }
}

}  // namespace
}  // namespace reprise::engine
