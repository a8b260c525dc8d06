// What the subcommands of a program have in common: how they are registered, and how they end.
//
// Results go to standard output (with --json one object on one line, alone there), everything else
// to standard error.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <string_view>

#include "reprise/engine/error.hpp"

namespace reprise::apps {

/// Exit status of every program.
enum class Exit : int {
  held = 0,      ///< it did what it was asked, and what was to be checked held
  not_held = 1,  ///< a check found something
  wrong = 2,     ///< the call or its input was wrong, or the host refused
};

/// Prints one line "program: message" on standard error and returns Exit::wrong.
Exit refuse(const engine::Error& error);

/// Prints the object on one line on standard output.
void print_json(const nlohmann::ordered_json& json);

/// Prints text for people on standard output.
void print_text(std::string_view text);

/// To standard error. What cannot be written there is left out: a full disk never stops a relay.
void print_note(std::string_view text);

/// Whether progress may be drawn over itself on standard error.
bool has_terminal();

/// Parses the command line and runs the chosen subcommand. A subcommand's callback sets `chosen`.
int run_program(CLI::App& program, int argument_count, char** arguments,
                std::function<Exit()>& chosen);

}  // namespace reprise::apps
