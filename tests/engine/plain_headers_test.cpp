// What is recognised without parsing is what parse() would have said.
#include "reprise/engine/plain_headers.hpp"

#include <gtest/gtest.h>

#include <random>

#include "packet_frames.hpp"

namespace reprise::engine {
namespace {

using frames::Octets;

FrameHeader header_of(std::uint8_t source, std::uint16_t source_port) {
  FrameHeader header;
  header.source = Address::ipv4(10, 0, 0, source);
  header.destination = Address::ipv4(239, 1, 2, 3);
  header.source_port = source_port;
  header.destination_port = 5000;
  return header;
}

Octets frame_of(const FrameHeader& header, std::size_t payload_bytes) {
  const Octets payload(payload_bytes, std::byte{0x5a});
  Octets frame(headers_length_bytes(header) + payload_bytes);
  build_frame(header, payload, frame);
  return frame;
}

FrameBytes whole(const Octets& frame) {
  const auto length = static_cast<std::uint32_t>(frame.size());
  return {frame, length, length, false};
}

/// The IPv4 header checksum of a frame without tags is made right again.
void mend_checksum(Octets& frame) {
  frames::set16(frame, 24, 0);
  std::uint32_t sum = 0;
  for (std::size_t at = 14; at < 34; at += 2)
    sum += std::to_integer<std::uint32_t>(frame[at]) << 8U |
           std::to_integer<std::uint32_t>(frame[at + 1]);
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16U);
  frames::set16(frame, 24, ~sum & 0xffffU);
}

TEST(PlainHeaders, RecogniseTheFlowWhateverItsLengthsAndLifetime) {
  FrameHeader header = header_of(1, 4000);
  const PlainHeaders headers = PlainHeaders::of(whole(frame_of(header, 100)));
  ASSERT_TRUE(headers.is_set());
  header.hops = 3;
  header.dscp = 46;
  header.source_mac[5] = 9;
  for (const std::size_t payload_bytes : {0U, 1U, 100U, 1400U, 8900U}) {
    EXPECT_EQ(headers.recognise(whole(frame_of(header, payload_bytes))), payload_bytes);
  }
}

TEST(PlainHeaders, RecogniseNoOtherFlow) {
  const PlainHeaders headers = PlainHeaders::of(whole(frame_of(header_of(1, 4000), 100)));
  EXPECT_FALSE(headers.recognise(whole(frame_of(header_of(2, 4000), 100))));
  EXPECT_FALSE(headers.recognise(whole(frame_of(header_of(1, 4001), 100))));
  FrameHeader other_port = header_of(1, 4000);
  other_port.destination_port = 5001;
  EXPECT_FALSE(headers.recognise(whole(frame_of(other_port, 100))));
  FrameHeader other_group = header_of(1, 4000);
  other_group.destination = Address::ipv4(239, 1, 2, 4);
  EXPECT_FALSE(headers.recognise(whole(frame_of(other_group, 100))));
}

TEST(PlainHeaders, AreNotThoseOfTaggedFramesOrOfNothing) {
  FrameHeader tagged = header_of(1, 4000);
  tagged.vlan_count = 1;
  EXPECT_FALSE(PlainHeaders::of(whole(frame_of(tagged, 100))).is_set());
  EXPECT_FALSE(PlainHeaders{}.recognise(whole(frame_of(header_of(1, 4000), 100))));
  const Octets zeros(100);
  EXPECT_FALSE(PlainHeaders{}.recognise(whole(zeros)));
}

TEST(PlainHeaders, SayOnlyWhatParseSays) {
  std::mt19937 random(11);
  const auto below = [&](std::size_t count) { return random() % count; };
  std::size_t recognised = 0;
  std::size_t left_to_parse = 0;
  for (int round = 0; round < 200'000; ++round) {
    const Octets first = frame_of(header_of(1, 4000), below(60));
    const PlainHeaders headers = PlainHeaders::of(whole(first));
    Octets frame = frame_of(header_of(1, 4000), below(60));
    for (std::size_t changes = below(4); changes > 0; --changes) {
      const bool in_headers = below(4) > 0;
      frame[below(in_headers ? 42 : frame.size())] = static_cast<std::byte>(below(256));
    }
    if (below(2) == 0) mend_checksum(frame);
    FrameBytes bytes = whole(frame);
    if (below(4) == 0) bytes.captured_bytes = static_cast<std::uint32_t>(below(frame.size() + 3));
    if (below(8) == 0) bytes.original_bytes = static_cast<std::uint32_t>(below(frame.size() + 3));
    const auto parsed = parse(bytes);
    const auto expected = parse(whole(first));
    const auto length = headers.recognise(bytes);
    const bool is_of_flow = parsed && parsed->source == expected->source &&
                            parsed->destination == expected->destination &&
                            parsed->source_port == expected->source_port &&
                            parsed->destination_port == expected->destination_port;
    if (length) {
      ++recognised;
      ASSERT_TRUE(is_of_flow) << "round " << round;
      ASSERT_EQ(parsed->payload_length_bytes, *length) << "round " << round;
      ASSERT_EQ(parsed->payload_offset_bytes, PlainHeaders::kPayloadOffsetBytes);
      ASSERT_EQ(parsed->vlan_count, 0);
    } else if (is_of_flow) {
      ++left_to_parse;  // a reserved bit, or options behind a longer header
    }
  }
  EXPECT_GT(recognised, 20'000U);
  EXPECT_LT(left_to_parse, recognised / 10);
}

}  // namespace
}  // namespace reprise::engine
