// Frames as words: what the engine reads of them comes back, and nothing else is kept.
#include "reprise/flight/frame_codec.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <vector>

#include "reprise/engine/packet.hpp"

namespace reprise::flight {
namespace {

using engine::Address;
using engine::ChecksumState;
using engine::Frame;
using engine::FrameHeader;

struct Sample {
  std::vector<std::byte> bytes;
  Frame frame;
};

FrameHeader header_to(std::uint32_t flow, bool is_ipv6, std::uint8_t vlans = 0) {
  FrameHeader header;
  header.vlan_count = vlans;
  header.source_port = static_cast<std::uint16_t>(40'000 + flow);
  header.destination_port = 5000;
  if (is_ipv6) {
    header.source = *engine::parse_address("2001:db8::1");
    header.destination = *engine::parse_address("ff3e::1");
  } else {
    header.source = Address::ipv4(10, 0, 0, 1);
    header.destination = Address::ipv4(239, 1, 1, static_cast<std::uint8_t>(flow));
  }
  return header;
}

Sample sample(const FrameHeader& header, std::size_t payload_bytes,
              ChecksumState checksum = ChecksumState::valid) {
  std::vector<std::byte> payload(payload_bytes, std::byte{0xa5});
  Sample result{std::vector<std::byte>(engine::headers_length_bytes(header) + payload_bytes), {}};
  engine::build_frame(header, payload, result.bytes);
  result.frame.captured_bytes = result.frame.original_bytes =
      static_cast<std::uint32_t>(result.bytes.size());
  result.frame.offset_bytes = 77;
  result.frame.checksum = checksum;
  result.frame.type = engine::PacketType::multicast;
  return result;
}

/// Everything that the engine does with it comes out the same.
void expect_same_to_the_engine(const Sample& before, const DecodedFrame& after) {
  const Frame& frame = before.frame;
  EXPECT_EQ(after.frame.offset_bytes, frame.offset_bytes);
  EXPECT_EQ(after.frame.captured_bytes, frame.captured_bytes);
  EXPECT_EQ(after.frame.original_bytes, frame.original_bytes);
  EXPECT_EQ(after.frame.segment_bytes, frame.segment_bytes);
  EXPECT_EQ(after.frame.vlan_tci, frame.vlan_tci);
  EXPECT_EQ(after.frame.has_vlan, frame.has_vlan);
  EXPECT_EQ(after.frame.type, frame.type);
  EXPECT_EQ(after.frame.format, frame.format);
  const engine::FrameBytes all{before.bytes, frame.captured_bytes, frame.original_bytes,
                               frame.format == engine::FrameFormat::ip};
  // The bytes behind the stored ones may be any.
  std::vector<std::byte> filled(before.bytes.size(), std::byte{0x5a});
  ASSERT_LE(after.bytes.size(), filled.size());
  std::ranges::copy(after.bytes, filled.begin());
  const engine::FrameBytes stored{filled, after.frame.captured_bytes, after.frame.original_bytes,
                                  after.frame.format == engine::FrameFormat::ip};
  const auto expected = engine::parse(all);
  const auto found = engine::parse(stored);
  ASSERT_EQ(found, expected);
  if (!expected || frame.checksum != ChecksumState::unverified || frame.segment_bytes != 0) {
    EXPECT_EQ(after.frame.checksum, frame.checksum);
    return;
  }
  const bool is_right =
      after.frame.checksum == ChecksumState::valid || engine::udp_checksum_is_valid(stored, *found);
  EXPECT_EQ(is_right, engine::udp_checksum_is_valid(all, *expected));
}

/// Encodes and decodes them in turn; returns how many words each took.
std::vector<std::size_t> round_trip(const std::vector<Sample>& samples) {
  std::vector<std::uint64_t> words(1 << 18);
  FrameEncoder encoder;
  WordWriter out(words);
  std::vector<std::size_t> sizes;
  for (const Sample& each : samples) {
    const auto* const before = out.at();
    encoder.put(out, each.frame, each.bytes);
    sizes.push_back(static_cast<std::size_t>(out.at() - before));
  }
  EXPECT_FALSE(out.is_full());
  const auto written = static_cast<std::size_t>(out.at() - words.data());
  WordReader in(std::span<const std::uint64_t>{words.data(), written});
  FrameDecoder decoder;
  for (const Sample& each : samples) {
    DecodedFrame decoded;
    EXPECT_TRUE(decoder.take(in, decoded));
    expect_same_to_the_engine(each, decoded);
  }
  EXPECT_TRUE(in.empty());
  return sizes;
}

TEST(FrameCodec, TakesTwoWordsForAFrameLikeAnEarlierOne) {
  for (const bool is_ipv6 : {false, true}) {
    std::vector<Sample> samples;
    for (std::uint32_t number = 0; number < 20; ++number)
      samples.push_back(sample(header_to(number % 3, is_ipv6), 100 + 13U * number));
    const auto sizes = round_trip(samples);
    EXPECT_TRUE(std::all_of(sizes.begin() + 3, sizes.end(), [](auto size) { return size == 2; }));
  }
}

TEST(FrameCodec, TakesTwoWordsWhateverIdentificationAndChecksumsAre) {
  std::vector<Sample> samples;
  samples.push_back(sample(header_to(1, false), 500));
  for (int number = 0; number < 9; ++number) {
    Sample each = samples.front();
    each.bytes[18] = static_cast<std::byte>(number);       // identification
    each.bytes[24] = static_cast<std::byte>(number * 7);   // wrong, mostly
    each.bytes[41] = static_cast<std::byte>(number * 11);  // not looked at where it is verified
    samples.push_back(each);
  }
  const auto sizes = round_trip(samples);
  EXPECT_GT(sizes[0], 2U);
  EXPECT_EQ(std::ranges::count(sizes, 2U), 9);
}

TEST(FrameCodec, KeepsWhatIsNotLikeTheTemplate) {
  std::vector<Sample> samples{sample(header_to(1, false), 200), sample(header_to(1, false), 200)};
  samples[1].frame.has_vlan = true;
  samples[1].frame.vlan_tci = 7;
  for (const std::size_t at : {14U, 15U, 20U, 22U, 23U, 26U, 33U, 34U, 37U, 12U}) {
    samples.push_back(sample(header_to(1, false), 200));
    samples.back().bytes[at] ^= std::byte{0x21};
  }
  samples.push_back(sample(header_to(1, false), 200));
  samples.back().frame.original_bytes += 3;  // padding
  samples.push_back(sample(header_to(1, false), 200));
  samples.back().frame.captured_bytes -= 100;  // truncated
  samples.back().bytes.resize(samples.back().bytes.size() - 100);
  samples.push_back(sample(header_to(1, false, 2), 200));
  samples.push_back(sample(header_to(1, true, 1), 200));
  round_trip(samples);
}

TEST(FrameCodec, KeepsTheVerdictOnChecksumsThatNobodyVerified) {
  std::vector<Sample> samples;
  for (const std::size_t payload_bytes : {0U, 1U, 2U, 100U, 1400U, 1400U, 1400U}) {
    samples.push_back(sample(header_to(1, false), payload_bytes, ChecksumState::unverified));
    samples.push_back(samples.back());
    if (payload_bytes > 0) samples.back().bytes.back() ^= std::byte{1};
  }
  const auto sizes = round_trip(samples);
  EXPECT_EQ(sizes[10], 2U);    // right: as if it had been verified
  EXPECT_GT(sizes[11], 170U);  // wrong: all of it is kept
}

TEST(FrameCodec, KeepsNoByteOfAPayload) {
  std::vector<std::uint64_t> words(4096);
  FrameEncoder encoder;
  WordWriter out(words);
  for (int number = 0; number < 50; ++number) {
    const Sample each =
        sample(header_to(static_cast<std::uint32_t>(number % 5), number % 2 == 0,
                         static_cast<std::uint8_t>(number % 3)),
               300, number % 7 == 0 ? ChecksumState::unverified : ChecksumState::valid);
    encoder.put(out, each.frame, each.bytes);
  }
  const auto bytes = std::as_bytes(std::span(words));
  const std::vector<std::byte> payload(8, std::byte{0xa5});
  EXPECT_TRUE(std::ranges::search(bytes, payload).empty());
}

TEST(FrameCodec, KeepsAnyBytesAsTheEngineReadsThem) {
  std::mt19937 random(7);
  std::vector<Sample> samples;
  for (int number = 0; number < 20'000; ++number) {
    Sample each =
        sample(header_to(random() % 4, random() % 2 == 0, static_cast<std::uint8_t>(random() % 3)),
               random() % 300, ChecksumState{static_cast<std::uint8_t>(random() % 3)});
    for (auto changes = random() % 3; changes > 0; --changes)
      each.bytes[random() % std::min<std::size_t>(each.bytes.size(), 70)] =
          static_cast<std::byte>(random());
    if (random() % 10 == 0) {
      each.bytes.resize(random() % each.bytes.size());
      each.frame.captured_bytes = static_cast<std::uint32_t>(each.bytes.size());
    }
    if (random() % 20 == 0) each.frame.format = engine::FrameFormat::ip;
    if (random() % 10 == 0) each.frame.segment_bytes = 100;
    samples.push_back(each);
    if (samples.size() == 500) {
      round_trip(samples);
      samples.clear();
    }
  }
}

}  // namespace
}  // namespace reprise::flight
