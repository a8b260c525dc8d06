#include "command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <cstdio>
#include <span>
#include <string>

#include "call_error.hpp"

namespace reprise::apps {
namespace {

std::string program_name;

}  // namespace

Exit refuse(const engine::Error& error) {
  fmt::print(stderr, "{}: {}\n", program_name, error.message);
  return Exit::wrong;
}

void print_json(const nlohmann::ordered_json& json) { print_text(json.dump() + "\n"); }

void print_text(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  std::fflush(stdout);
}

void print_note(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

bool has_terminal() { return ::isatty(STDERR_FILENO) == 1; }

int run_program(CLI::App& program, int argument_count, char** arguments,
                std::function<Exit()>& chosen) {
  program_name = program.get_name();
  program.require_subcommand(1);
  program.set_version_flag("--version", REPRISE_VERSION);
  try {
    program.parse(argument_count, arguments);
  } catch (const CLI::Success& success) {  // --help, --version
    return program.exit(success);
  } catch (const CLI::ParseError& error) {
    const std::span<const char* const> given(arguments, static_cast<std::size_t>(argument_count));
    return static_cast<int>(
        refuse({.message = describe_call_error(program, error, given.subspan(1))}));
  }
  return static_cast<int>(chosen());
}

}  // namespace reprise::apps
