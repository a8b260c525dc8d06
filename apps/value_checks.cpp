#include "value_checks.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <system_error>

namespace reprise::apps {
namespace {

template <class Number>
bool lies_between(const std::string& text, Number least, Number most) {
  Number value{};
  const char* const end = text.data() + text.size();
  const auto [stopped_at, error] = std::from_chars(text.data(), end, value);
  return error == std::errc{} && stopped_at == end && value >= least && value <= most;
}

std::string refusal(const std::string& value, const std::string& expected) {
  return fmt::format("\"{}\"; expected {}", value, expected);
}

}  // namespace

CLI::Validator whole_number(std::uint64_t least, std::uint64_t most) {
  const std::string range = fmt::format("{} to {}", least, most);
  return {[=](std::string& text) {
            if (lies_between(text, least, most)) return std::string();
            return refusal(text, "a whole number from " + range);
          },
          range};
}

CLI::Validator seconds(double least, double most) {
  const std::string range = fmt::format("{} to {}", least, most);
  return {[=](std::string& text) {
            if (lies_between(text, least, most)) return std::string();
            return refusal(text, "seconds from " + range);
          },
          range};
}

std::string alternatives(std::span<const std::string_view> words) {
  std::string text;
  for (std::size_t index = 0; index < words.size(); ++index) {
    if (index > 0) text += index + 1 == words.size() ? " or " : ", ";
    text += words[index];
  }
  return text;
}

CLI::Validator one_of(std::span<const std::string_view> words) {
  return {[words](std::string& text) {
            if (std::ranges::find(words, text) != words.end()) return std::string();
            return refusal(text, alternatives(words));
          },
          alternatives(words)};
}

}  // namespace reprise::apps
