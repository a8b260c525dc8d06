// TOML files as scenarios, costs and profiles read them: one error with file, line and reason.
// For sources of lab/ only, which link toml++.
#pragma once

#include <toml++/toml.h>

#include <optional>
#include <string>
#include <string_view>

#include "reprise/engine/error.hpp"
#include "reprise/lab/keys.hpp"

namespace reprise::lab {

/// A value as a file has it.
std::string shown(const Scalar& scalar);

/// `expected`: what the file should be, for messages.
engine::Expected<std::string> text_of_file(const std::string& path, std::string_view expected);

/// `name` stands for the file in messages.
engine::Expected<toml::table> parse_toml(std::string_view text, const std::string& name);

/// Both.
engine::Expected<toml::table> toml_of_file(const std::string& path, std::string_view expected);

/// Where a value was written, for messages: "file:12" or "--set pool=3".
using WrittenAt = std::string;
WrittenAt place_in(const std::string& file, const toml::node& node);

/// A value as it was written, right or wrong.
struct Value {
  std::optional<Scalar> scalar;  ///< none where no key takes such a value
  std::string text;              ///< for messages
};
Value value_of(const toml::node& node);
/// A value as it stands on a command line: a number, true, false, or a word without quotes.
Value value_of(const std::string& text);

/// Refuses a value, naming where it stands and what its key takes.
std::unexpected<engine::Error> refuse(const WrittenAt& place, std::string_view key,
                                      const Value& value, std::string_view expected);

/// That `version` is there, and is `expected`.
engine::Expected<void> check_version(const toml::table& root, const std::string& file,
                                     std::int64_t expected);

}  // namespace reprise::lab
