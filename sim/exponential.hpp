// Exponential times in integers: the same on every machine and with every compiler flag.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

namespace reprise::sim {

/// Fixed point with 16 fractional bits.
using Q16 = std::int64_t;
inline constexpr int kQ16Bits = 16;

namespace detail {

/// log2(1 + i/256) for i = 0…256, with 24 fractional bits, by repeated squaring.
consteval std::array<std::uint32_t, 257> make_log2_table() {
  std::array<std::uint32_t, 257> table{};
  for (std::uint32_t i = 0; i < 256; ++i) {
    std::uint64_t x = (std::uint64_t{256} + i) << 22;  // 1…2 with 30 fractional bits
    std::uint32_t fraction = 0;
    for (int bit = 0; bit < 24; ++bit) {
      x = (x * x) >> 30;
      fraction <<= 1;
      if (x >= (std::uint64_t{2} << 30)) {
        x >>= 1;
        fraction |= 1;
      }
    }
    table[i] = fraction;
  }
  table[256] = 1U << 24;
  return table;
}
inline constexpr std::array<std::uint32_t, 257> kLog2 = make_log2_table();

}  // namespace detail

/// log2(x) for x ≥ 1 with 24 fractional bits; off by less than 3e-6.
constexpr std::uint64_t log2_q24(std::uint32_t x) {
  const auto integer = static_cast<std::uint32_t>(31 - std::countl_zero(x));
  const std::uint32_t mantissa = (x << (31 - integer)) & 0x7fff'ffffU;  // 31 fractional bits
  const std::uint32_t index = mantissa >> 23;
  const std::uint64_t rest = mantissa & 0x7f'ffffU;  // 23 bits
  const std::uint64_t low = detail::kLog2[index];
  const std::uint64_t high = detail::kLog2[index + 1];
  return (std::uint64_t{integer} << 24) + low + (((high - low) * rest) >> 23);
}

inline constexpr std::uint32_t kExponentialDraws = 0xffff'ffff;

/// An exponentially distributed time with mean `mean`, from a draw below kExponentialDraws. Draw 0
/// gives the longest, about 22 times the mean: the quietest alternative.
constexpr Q16 exponential(Q16 mean, std::uint32_t draw) {
  // -ln(u) = ln 2 · (32 - log2(draw + 1)), u = (draw + 1) / 2^32
  const std::uint64_t minus_log2 = (std::uint64_t{32} << 24) - log2_q24(draw + 1);
  constexpr std::uint64_t kLn2 = 2'977'044'472;  // ln 2 with 32 fractional bits
  const std::uint64_t minus_ln_q24 = (minus_log2 * kLn2) >> 32;
  return static_cast<Q16>((static_cast<unsigned __int128>(mean) * minus_ln_q24) >> 24);
}

}  // namespace reprise::sim
