#include "reprise/lab/toml_file.hpp"

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <system_error>

namespace reprise::lab {

using engine::Error;
using engine::Expected;
using engine::failure;

namespace {

std::optional<Scalar> scalar_of(const toml::node& node) {
  if (const auto* integer = node.as_integer()) return Scalar{integer->get()};
  if (const auto* flag = node.as_boolean()) return Scalar{flag->get()};
  if (const auto* text = node.as_string()) return Scalar{text->get()};
  return std::nullopt;
}

Scalar scalar_of(const std::string& text) {
  try {
    const toml::table table = toml::parse("value = " + text);
    if (const auto scalar = scalar_of(*table.get("value"))) return *scalar;
  } catch (const toml::parse_error&) {
    return Scalar{text};  // not TOML by itself: a bare word
  }
  return Scalar{text};
}

}  // namespace

std::string shown(const Scalar& scalar) {
  if (const auto* integer = std::get_if<std::int64_t>(&scalar)) return std::to_string(*integer);
  if (const auto* flag = std::get_if<bool>(&scalar)) return *flag ? "true" : "false";
  // What JSON escapes, TOML reads.
  constexpr auto kReplace = nlohmann::json::error_handler_t::replace;
  return nlohmann::json(std::get<std::string>(scalar)).dump(-1, ' ', false, kReplace);
}

Expected<std::string> text_of_file(const std::string& path, std::string_view expected) {
  std::error_code error;
  if (std::filesystem::is_directory(path, error))
    return failure(fmt::format("{}: is a folder; expected {}", path, expected));
  errno = 0;
  std::ifstream file(path);
  const int errno_value = errno;
  if (!file)
    return failure(fmt::format("{}: cannot be read: {}; expected {}", path,
                               std::generic_category().message(errno_value), expected));
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

Expected<toml::table> parse_toml(std::string_view text, const std::string& name) {
  try {
    return toml::parse(text);
  } catch (const toml::parse_error& error) {
    // It shows what it did not expect as it stands in the file, line ends included.
    std::string finding(error.description());
    std::ranges::replace_if(finding, [](unsigned char each) { return each < 0x20; }, ' ');
    return failure(fmt::format("{}:{}: {}", name, error.source().begin.line, finding));
  }
}

Expected<toml::table> toml_of_file(const std::string& path, std::string_view expected) {
  const auto text = text_of_file(path, expected);
  if (!text) return std::unexpected(text.error());
  return parse_toml(*text, path);
}

WrittenAt place_in(const std::string& file, const toml::node& node) {
  return fmt::format("{}:{}", file, node.source().begin.line);
}

Value value_of(const toml::node& node) {
  if (const auto scalar = scalar_of(node)) return {scalar, shown(*scalar)};
  if (const auto* number = node.as_floating_point()) return {{}, fmt::format("{}", number->get())};
  if (node.is_array()) return {{}, "a list"};
  if (node.is_table()) return {{}, "a table"};
  return {{}, "a date or time"};
}

Value value_of(const std::string& text) {
  const Scalar scalar = scalar_of(text);
  return {scalar, shown(scalar)};
}

std::unexpected<Error> refuse(const WrittenAt& place, std::string_view key, const Value& value,
                              std::string_view expected) {
  return failure(fmt::format("{}: {} = {}: expected {}", place, key, value.text, expected));
}

Expected<void> check_version(const toml::table& root, const std::string& file,
                             std::int64_t expected) {
  const toml::node* node = root.get("version");
  if (node == nullptr) {
    return failure(fmt::format("{}:1: no version; expected the line version = {}", file, expected));
  }
  if (const Value value = value_of(*node); value.scalar != Scalar{expected}) {
    return refuse(place_in(file, *node), "version", value,
                  fmt::format("{}, the version that this program reads", expected));
  }
  return {};
}

}  // namespace reprise::lab
