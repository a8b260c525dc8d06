// `reprise run` in a host of its own.
#pragma once

#include <csignal>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "reprise/traffic/child.hpp"
#include "reprise/traffic/namespaces.hpp"

namespace reprise::tests {

class RelayProgram {
 public:
  /// Returns when the relay has joined its input. `arguments`: IN OUT… and flags.
  RelayProgram(const traffic::Namespace& host, const std::vector<std::string>& arguments);

  [[nodiscard]] pid_t pid() const { return child_.pid(); }

  /// Asks it to stop and returns what it then reports; a failed test where it does not end well.
  nlohmann::json stop(int signal = SIGTERM);
  /// Ends it by a signal that it does not survive; returns how it ended.
  const traffic::ChildEnd& end_by(int signal);
  /// What it wrote on standard error, once it has stopped.
  [[nodiscard]] const std::string& notes() const { return notes_; }

 private:
  traffic::Child child_;
  std::string notes_;
};

/// What a relay must hold however it was treated: its counters agree, no region is lost, and what
/// it accepted was sent on each output or dropped there for a reason.
void expect_nothing_lost_inside(const nlohmann::json& report);

/// Drops by all reasons together, of a relay's input or of one output.
std::uint64_t drops_in(const nlohmann::json& input_or_output);

}  // namespace reprise::tests
