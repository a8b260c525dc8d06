// A rule is what the operator wrote: datagrams that arrive for `input` leave once for every entry
// of `outputs`.
#pragma once

#include <span>
#include <string>
#include <vector>

#include "reprise/engine/endpoint.hpp"
#include "reprise/engine/error.hpp"

namespace reprise::engine {

struct Rule {
  std::string name;
  Endpoint input;                 ///< always with an interface
  std::vector<Endpoint> outputs;  ///< at least one; a multicast output always has an interface
};

/// What the rules say by themselves, with no look at the host: an input without interface, a
/// multicast output without interface, no output, the same input twice, an output written twice in
/// one rule, and loops: an output with the address, port and interface of any rule's input, whether
/// or not the datagrams come back to this rule. Source filters do not prevent a loop. A unicast
/// output without interface is taken to leave on every interface. Returns every finding, in rule
/// order, each as one line.
std::vector<Error> check(std::span<const Rule> rules);

}  // namespace reprise::engine
