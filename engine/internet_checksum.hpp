// The internet checksum (RFC 1071).
//
// The sum of 16-bit words does not depend on their byte order, as long as all are read alike and
// the result is written alike. So words are loaded as the machine holds them, and eight bytes at a
// time: 2^64 is 1 modulo 2^16 - 1, thus a carry out of the top counts as 1 at the bottom.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace reprise::engine {

template <class Word>
Word load(const std::byte* at) {
  Word word;
  std::memcpy(&word, at, sizeof word);
  return word;
}

inline std::uint64_t add_with_carry(std::uint64_t sum, std::uint64_t word) {
  sum += word;
  return sum + static_cast<std::uint64_t>(sum < word);
}

/// Adds bytes to a sum. An odd last byte counts as followed by a zero.
inline std::uint64_t checksum_add(std::uint64_t sum, const std::byte* at,
                                  std::size_t length_bytes) {
  // Four sums, because each addition waits for the carry of the one before.
  std::array<std::uint64_t, 4> sums{sum, 0, 0, 0};
  for (; length_bytes >= 32; at += 32, length_bytes -= 32) {
    sums[0] = add_with_carry(sums[0], load<std::uint64_t>(at));
    sums[1] = add_with_carry(sums[1], load<std::uint64_t>(at + 8));
    sums[2] = add_with_carry(sums[2], load<std::uint64_t>(at + 16));
    sums[3] = add_with_carry(sums[3], load<std::uint64_t>(at + 24));
  }
  sum = add_with_carry(add_with_carry(sums[0], sums[1]), add_with_carry(sums[2], sums[3]));
  for (; length_bytes >= 8; at += 8, length_bytes -= 8) {
    sum = add_with_carry(sum, load<std::uint64_t>(at));
  }
  if (length_bytes > 0) {
    std::uint64_t last = 0;
    std::memcpy(&last, at, length_bytes);
    sum = add_with_carry(sum, last);
  }
  return sum;
}

/// The sum in 16 bits, still in the machine's byte order; 0 only where every word was 0.
inline std::uint16_t checksum_fold(std::uint64_t sum) {
  sum = (sum >> 32U) + (sum & 0xffff'ffffU);
  sum = (sum >> 16U) + (sum & 0xffffU);
  sum = (sum >> 16U) + (sum & 0xffffU);
  sum = (sum >> 16U) + (sum & 0xffffU);
  return static_cast<std::uint16_t>(sum);
}

inline constexpr std::uint16_t kChecksumRight = 0xffff;  ///< what data and its checksum fold to

inline bool ipv4_header_checksum_is_valid(const std::byte* header, std::uint32_t header_bytes) {
  std::uint64_t sum = add_with_carry(load<std::uint64_t>(header), load<std::uint64_t>(header + 8));
  sum = add_with_carry(sum, load<std::uint32_t>(header + 16));
  if (header_bytes > 20) sum = checksum_add(sum, header + 20, header_bytes - 20);
  return checksum_fold(sum) == kChecksumRight;
}

}  // namespace reprise::engine
