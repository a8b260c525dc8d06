// The relays that are compared, each behind the same three questions: is it here, can it do this,
// and start it.
//
// All run in the namespace and on the core they are given. Started relays are children that end
// with the benchmark (reprise/traffic/child.hpp). start() does not wait until a relay relays: who
// measures sends probes until one comes out (round.cpp).
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/engine/rule.hpp"
#include "reprise/traffic/child.hpp"
#include "scenario.hpp"

namespace reprise::bench::peers {

/// One relay of a row.
struct RelayTask {
  const traffic::Namespace& where;
  unsigned core = 0;
  std::size_t hop = 0;
  std::vector<engine::Rule> rules;
};

struct Relay {
  std::string name;
  std::string what;         ///< one line for people
  std::string absent = {};  ///< why it is not here; empty: it is
  bool is_program = true;   ///< has a start and a memory of its own to be measured
  bool has_process = true;  ///< whose CPU time is the relay's; kernel routing has none
  bool keeps_group = false;
  std::function<std::string(const Scenario&)> refusal =
      {};  ///< why it cannot do this; empty: it can
  std::function<engine::Expected<traffic::Child>(const RelayTask&)> start = {};
};

/// All of them, in the order of the tables. `program`: this relay's. `folder`: for configuration
/// and control sockets of the relays that need some.
std::vector<Relay> all_relays(const std::string& program, const std::string& folder);

}  // namespace reprise::bench::peers
