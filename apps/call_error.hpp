// What to say about a command line that does not parse.
#pragma once

#include <CLI/CLI.hpp>
#include <span>
#include <string>

namespace reprise::apps {

/// One line: the argument, what was expected, and where the help is. `arguments` is the command
/// line behind the program's name.
std::string describe_call_error(const CLI::App& program, const CLI::ParseError& error,
                                std::span<const char* const> arguments);

}  // namespace reprise::apps
