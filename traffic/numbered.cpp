#include "reprise/traffic/numbered.hpp"

#include <array>
#include <bit>
#include <concepts>
#include <cstring>

#include "reprise/engine/assert.hpp"

namespace reprise::traffic {
namespace {

constexpr std::size_t kMagicOffset = 0;
constexpr std::size_t kChecksumOffset = 8;
constexpr std::size_t kStreamOffset = 16;
constexpr std::size_t kLengthOffset = 20;
constexpr std::size_t kSequenceOffset = 24;
constexpr std::size_t kSentOffset = 32;
constexpr std::size_t kFillerOffset = 40;
constexpr std::size_t kCoveredOffset = kStreamOffset;
static_assert(kFillerOffset == kPayloadBytesMin);

constexpr std::array<char, 8> kMagic = {'R', 'E', 'P', 'R', 'I', 'S', 'E', '1'};
constexpr std::uint64_t kOddMultiplier = 0x9fb2'1c65'1e98'df25;
constexpr std::uint64_t kFillerStep = 0x9e37'79b9'7f4a'7c15;
constexpr std::size_t kWordBytes = sizeof(std::uint64_t);
constexpr std::size_t kLanes = 4;

template <std::unsigned_integral Integer>
Integer little_endian(Integer value) {
  if constexpr (std::endian::native == std::endian::big) return std::byteswap(value);
  return value;
}

template <std::unsigned_integral Integer>
void store(std::span<std::byte> payload, std::size_t offset, Integer value) {
  const Integer stored = little_endian(value);
  std::memcpy(payload.data() + offset, &stored, sizeof stored);
}

template <std::unsigned_integral Integer>
Integer load(std::span<const std::byte> payload, std::size_t offset) {
  Integer stored = 0;
  std::memcpy(&stored, payload.data() + offset, sizeof stored);
  return little_endian(stored);
}

/// A bijection of `state` for each word and of `word` for each state: one changed word always
/// shows. The rotation lets high bits reach low ones, which a product alone never does.
std::uint64_t absorb(std::uint64_t state, std::uint64_t word) {
  return std::rotl((state ^ word) * kOddMultiplier, 29);
}

std::uint64_t checksum(std::span<const std::byte> bytes) {
  std::array<std::uint64_t, kLanes> lanes = {1, 2, 3, 4};
  std::size_t offset = 0;
  for (; offset + kLanes * kWordBytes <= bytes.size(); offset += kLanes * kWordBytes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) {
      lanes[lane] = absorb(lanes[lane], load<std::uint64_t>(bytes, offset + lane * kWordBytes));
    }
  }
  std::uint64_t sum = bytes.size();
  for (const std::uint64_t lane : lanes) sum = absorb(sum, lane);
  for (; offset + kWordBytes <= bytes.size(); offset += kWordBytes) {
    sum = absorb(sum, load<std::uint64_t>(bytes, offset));
  }
  std::array<std::byte, kWordBytes> tail{};
  std::memcpy(tail.data(), bytes.data() + offset, bytes.size() - offset);
  return absorb(sum, load<std::uint64_t>(tail, 0));
}

/// Every datagram has words of its own, so that bytes moved from one into another are wrong there.
void fill(const Numbered& numbered, std::span<std::byte> filler) {
  std::uint64_t word = absorb(absorb(kFillerStep, numbered.stream), numbered.sequence);
  std::size_t offset = 0;
  for (; offset + kWordBytes <= filler.size(); offset += kWordBytes, word += kFillerStep) {
    store(filler, offset, word);
  }
  const std::uint64_t last = little_endian(word);
  std::memcpy(filler.data() + offset, &last, filler.size() - offset);
}

}  // namespace

void build_numbered(const Numbered& numbered, std::span<std::byte> payload) {
  REPRISE_ASSERT(payload.size() >= kPayloadBytesMin && payload.size() <= kPayloadBytesMax);
  std::memcpy(payload.data() + kMagicOffset, kMagic.data(), kMagic.size());
  store(payload, kStreamOffset, numbered.stream);
  store(payload, kLengthOffset, static_cast<std::uint32_t>(payload.size()));
  store(payload, kSequenceOffset, numbered.sequence);
  store(payload, kSentOffset, static_cast<std::uint64_t>(numbered.sent.ns));
  fill(numbered, payload.subspan(kFillerOffset));
  store(payload, kChecksumOffset, checksum(payload.subspan(kCoveredOffset)));
}

std::expected<Numbered, Damage> verify_numbered(std::span<const std::byte> payload) {
  if (payload.size() < kPayloadBytesMin) return std::unexpected(Damage::too_short);
  if (std::memcmp(payload.data() + kMagicOffset, kMagic.data(), kMagic.size()) != 0) {
    return std::unexpected(Damage::not_numbered);
  }
  if (load<std::uint32_t>(payload, kLengthOffset) != payload.size()) {
    return std::unexpected(Damage::wrong_length);
  }
  if (load<std::uint64_t>(payload, kChecksumOffset) != checksum(payload.subspan(kCoveredOffset))) {
    return std::unexpected(Damage::wrong_checksum);
  }
  return Numbered{.stream = load<std::uint32_t>(payload, kStreamOffset),
                  .sequence = load<std::uint64_t>(payload, kSequenceOffset),
                  .sent = {static_cast<std::int64_t>(load<std::uint64_t>(payload, kSentOffset))}};
}

}  // namespace reprise::traffic
