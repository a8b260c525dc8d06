#include "reprise/traffic/numbered.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

namespace reprise::traffic {
namespace {

constexpr Numbered kExample{.stream = 7, .sequence = 123'456'789'012, .sent = {42'000'000'017}};

std::vector<std::byte> built(std::size_t length_bytes, const Numbered& numbered = kExample) {
  std::vector<std::byte> payload(length_bytes);
  build_numbered(numbered, payload);
  return payload;
}

TEST(Numbered, SurvivesTheWayAtEveryLengthUpToAnEthernetFrame) {
  for (std::size_t length = kPayloadBytesMin; length <= 1500; ++length) {
    const auto read = verify_numbered(built(length));
    ASSERT_TRUE(read) << length;
    ASSERT_EQ(*read, kExample) << length;
  }
}

TEST(Numbered, SurvivesTheWayAtTheGreatestLength) {
  EXPECT_EQ(verify_numbered(built(kPayloadBytesMax)), kExample);
}

TEST(Numbered, NoticesEveryFlippedBit) {
  for (const std::size_t length : {40U, 41U, 47U, 48U, 71U, 72U, 104U, 203U}) {
    std::vector<std::byte> payload = built(length);
    for (std::size_t bit = 0; bit < length * 8; ++bit) {
      const auto mask = std::byte{1} << (bit % 8);
      payload[bit / 8] ^= mask;
      ASSERT_FALSE(verify_numbered(payload)) << "length " << length << ", bit " << bit;
      payload[bit / 8] ^= mask;
    }
  }
}

TEST(Numbered, NoticesTheSameBitFlippedInAnyTwoWords) {
  std::vector<std::byte> payload = built(400);
  for (std::size_t bit = 0; bit < 64; ++bit) {
    const auto mask = std::byte{1} << (bit % 8);
    for (std::size_t first = 16 + bit / 8; first < 400; first += 8) {
      for (std::size_t second = first + 8; second < 400; second += 8) {
        payload[first] ^= mask;
        payload[second] ^= mask;
        ASSERT_FALSE(verify_numbered(payload)) << bit << ' ' << first << ' ' << second;
        payload[first] ^= mask;
        payload[second] ^= mask;
      }
    }
  }
}

TEST(Numbered, NoticesAnyTwoWordsThatChangedPlaces) {
  std::vector<std::byte> payload = built(240);
  for (auto first = payload.begin() + 16; first != payload.end(); first += 8) {
    for (auto second = first + 8; second != payload.end(); second += 8) {
      std::swap_ranges(first, first + 8, second);
      ASSERT_FALSE(verify_numbered(payload));
      std::swap_ranges(first, first + 8, second);
    }
  }
}

TEST(Numbered, NoticesAnEndThatBelongsToAnotherDatagram) {
  std::vector<std::byte> payload = built(1400);
  const std::vector<std::byte> other =
      built(1400, {.stream = 7, .sequence = kExample.sequence + 1, .sent = kExample.sent});
  std::copy(other.begin() + 700, other.end(), payload.begin() + 700);
  EXPECT_EQ(verify_numbered(payload), std::unexpected(Damage::wrong_checksum));
}

TEST(Numbered, NamesTheDamage) {
  const std::vector<std::byte> payload = built(100);
  EXPECT_EQ(verify_numbered(std::span(payload).first(39)), std::unexpected(Damage::too_short));
  EXPECT_EQ(verify_numbered({}), std::unexpected(Damage::too_short));
  EXPECT_EQ(verify_numbered(std::span(payload).first(99)), std::unexpected(Damage::wrong_length));
  EXPECT_EQ(verify_numbered(std::vector<std::byte>(100)), std::unexpected(Damage::not_numbered));
}

TEST(Numbered, HasTheDocumentedLayout) {
  const std::vector<std::byte> payload =
      built(48, {.stream = 0x0403'0201, .sequence = 0x0c0b'0a09'0807'0605, .sent = {0x1413'1211}});
  const auto byte_at = [&](std::size_t offset) { return std::to_integer<int>(payload[offset]); };
  EXPECT_EQ(byte_at(0), 'R');
  EXPECT_EQ(byte_at(7), '1');
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(byte_at(16 + i), static_cast<int>(i) + 1);
  EXPECT_EQ(byte_at(20), 48);
  for (std::size_t i = 0; i < 8; ++i) EXPECT_EQ(byte_at(24 + i), static_cast<int>(i) + 5);
  for (std::size_t i = 0; i < 4; ++i) EXPECT_EQ(byte_at(32 + i), static_cast<int>(i) + 0x11);
}

}  // namespace
}  // namespace reprise::traffic
