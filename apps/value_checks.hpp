// What an option's value must be, checked before it is converted: the message then names the value
// as it was written and what was expected.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <span>
#include <string_view>

namespace reprise::apps {

/// The largest count that options take, far from any overflow.
inline constexpr std::uint64_t kCountMax = std::uint64_t{1} << 40U;

/// A whole number in decimal digits, least…most.
CLI::Validator whole_number(std::uint64_t least, std::uint64_t most);

/// A number of seconds, with or without decimals, least…most.
CLI::Validator seconds(double least, double most);

/// One of these words.
CLI::Validator one_of(std::span<const std::string_view> words);

/// "a, b or c".
std::string alternatives(std::span<const std::string_view> words);

}  // namespace reprise::apps
