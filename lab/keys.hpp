// One key of a file: its name, what it takes, and where that goes. Tables of keys serve files,
// --set and the manual alike.
#pragma once

#include <fmt/format.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>

#include "reprise/engine/policy.hpp"

namespace reprise::lab {

using Scalar = std::variant<std::int64_t, bool, std::string>;

template <class Draft>
struct Key {
  std::string_view name;  ///< without its table
  std::string expected;   ///< for people: kind and range
  /// False when the value is not what is expected.
  std::function<bool(Draft&, const Scalar&)> apply;
  /// What it is, as a file would have it; none where it is left unset.
  std::function<std::optional<Scalar>(Draft)> read;
};

/// What an integer key takes.
struct Range {
  std::int64_t least = 0;
  std::int64_t most = 0;
};
inline constexpr Range kNanoseconds{0, 1'000'000'000'000};  // a thousand seconds
inline constexpr Range kPerMillion{0, 999'999};

/// A key for an integer that `place` finds in the draft; `unit` is for people and may be empty.
template <class Draft, class Place>
Key<Draft> integer(std::string_view name, std::string_view unit, Range range, Place place) {
  return {name,
          fmt::format("{}{}{} to {}", unit, unit.empty() ? "" : ", ", range.least, range.most),
          [range, place](Draft& draft, const Scalar& value) {
            const auto* number = std::get_if<std::int64_t>(&value);
            if (number == nullptr || *number < range.least || *number > range.most) return false;
            auto& target = place(draft);
            target = static_cast<std::remove_reference_t<decltype(target)>>(*number);
            return true;
          },
          [range, place](Draft draft) -> std::optional<Scalar> {
            const auto number = static_cast<std::int64_t>(place(draft));
            if (number < range.least || number > range.most) return std::nullopt;
            return number;
          }};
}

/// A key for true or false.
template <class Draft, class Place>
Key<Draft> boolean(std::string_view name, Place place) {
  return {name, "true or false",
          [place](Draft& draft, const Scalar& value) {
            const auto* flag = std::get_if<bool>(&value);
            if (flag != nullptr) place(draft) = *flag;
            return flag != nullptr;
          },
          [place](Draft draft) -> std::optional<Scalar> { return place(draft); }};
}

/// A key for a text that may not be empty; unset it is.
template <class Draft, class Place>
Key<Draft> text(std::string_view name, std::string_view expected, Place place) {
  return {name, std::string(expected),
          [place](Draft& draft, const Scalar& value) {
            const auto* written = std::get_if<std::string>(&value);
            if (written == nullptr || written->empty()) return false;
            place(draft) = *written;
            return true;
          },
          [place](Draft draft) -> std::optional<Scalar> {
            if (place(draft).empty()) return std::nullopt;
            return place(draft);
          }};
}

/// "a", "b" or "c".
template <std::size_t Count>
std::string one_of(const std::array<std::string_view, Count>& names) {
  std::string text;
  for (std::size_t index = 0; index < Count; ++index) {
    const std::string_view before = index == 0 ? "" : index + 1 == Count ? " or " : ", ";
    text += fmt::format("{}\"{}\"", before, names[index]);
  }
  return text;
}

/// A key for a word: one of `names`, which stand in the order of the enum.
template <class Draft, class Enum, std::size_t Count, class Place>
Key<Draft> word(std::string_view name, const std::array<std::string_view, Count>& names,
                Place place) {
  return {name, one_of(names),
          [&names, place](Draft& draft, const Scalar& value) {
            const auto* text = std::get_if<std::string>(&value);
            if (text == nullptr) return false;
            const std::optional<Enum> parsed = engine::value_from<Enum>(names, *text);
            if (parsed) place(draft) = *parsed;
            return parsed.has_value();
          },
          [&names, place](Draft draft) -> std::optional<Scalar> {
            return std::string(names[static_cast<std::size_t>(place(draft))]);
          }};
}

/// The same key for a draft that contains what it is for.
template <class Draft, class Part, class Place>
Key<Draft> key_of_part(const Key<Part>& key, Place place) {
  return {key.name, key.expected,
          [apply = key.apply, place](Draft& draft, const Scalar& value) {
            return apply(place(draft), value);
          },
          [read = key.read, place](Draft draft) { return read(place(draft)); }};
}

}  // namespace reprise::lab
