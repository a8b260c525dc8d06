// Runs one of the project's programs to its end and keeps what it wrote.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace reprise::tests {

struct ProgramEnd {
  int exit_status = -1;  ///< −1: a signal ended it, or it did not end in time
  std::string output;
  std::string errors;
};

/// Takes something away from the process that is about to run the program.
using Restriction = std::function<void()>;

/// Runs `arguments[0]`, a name in the build's bin/ or a path, for at most half a minute.
ProgramEnd run_program(std::vector<std::string> arguments, const Restriction& restriction = {});

/// Status 2, nothing on standard output, and on standard error exactly one line, with all `words`.
void expect_refused(const std::vector<std::string>& arguments,
                    const std::vector<std::string>& words, const Restriction& restriction = {});

/// The object that stands alone on one line of standard output; a failed test where it does not.
nlohmann::ordered_json only_object(const ProgramEnd& end);

}  // namespace reprise::tests
