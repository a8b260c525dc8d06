// What is measured: the cases, and what a round of one gives.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "scenario.hpp"

namespace reprise::bench::peers {

enum class Kind {
  throughput,  ///< cheap datagrams, counted on the sink's interface; CPU and loss
  checked,     ///< numbered datagrams to a sink that checks each; latency, order and contents
  start,       ///< from the call of a program to its first relayed datagram, and its memory
};

struct Case {
  std::string name;
  std::string title;
  Kind kind = Kind::throughput;
  Scenario scenario = {};
  bool is_quick = true;  ///< part of a first look
};

std::vector<Case> all_cases();

/// By name; the unit is the name's last word.
using Metrics = std::map<std::string, double>;

}  // namespace reprise::bench::peers
