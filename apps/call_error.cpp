#include "call_error.hpp"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "value_checks.hpp"

namespace reprise::apps {
namespace {

std::vector<std::string_view> command_names(const CLI::App& program) {
  std::vector<std::string_view> names;
  for (const CLI::App* command : program.get_subcommands({})) names.push_back(command->get_name());
  return names;
}

/// What stands after the last ": "; CLI11 puts the arguments in question there.
std::string_view last_part(std::string_view text) {
  const std::size_t colon = text.rfind(": ");
  return colon == std::string_view::npos ? text : text.substr(colon + 2);
}

std::string finding(const CLI::ParseError& error) {
  std::string text = error.what();
  const auto code = static_cast<CLI::ExitCodes>(error.get_exit_code());
  if (code == CLI::ExitCodes::ExtrasError)
    return fmt::format("\"{}\": no such option or argument", last_part(text));
  if (code == CLI::ExitCodes::ArgumentMismatch)
    return fmt::format("{}: expected one value", text.substr(0, text.find(':')));
  return text;
}

}  // namespace

std::string describe_call_error(const CLI::App& program, const CLI::ParseError& error,
                                std::span<const char* const> arguments) {
  const std::vector<std::string_view> names = command_names(program);
  const std::string_view first = arguments.empty() ? "" : arguments.front();
  for (const std::string_view name : names) {
    if (first == name) {
      return fmt::format("{}; see: {} {} --help", finding(error), program.get_name(), name);
    }
  }
  const std::string expected =
      fmt::format("expected {}; see: {} --help", alternatives(names), program.get_name());
  if (first.empty()) return "no command; " + expected;
  return fmt::format("\"{}\": no such command; {}", first, expected);
}

}  // namespace reprise::apps
