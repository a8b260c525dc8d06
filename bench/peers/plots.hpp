// The results as pictures: plain SVG files, small enough to keep beside a text.
//
//   delivered.svg        delivered against offered rate, a line for each relay
//   CASE_METRIC.svg      bars with the range of all rounds, for what the tables are about
#pragma once

#include <string>
#include <vector>

#include "reprise/engine/error.hpp"
#include "results.hpp"

namespace reprise::bench::peers {

/// Writes those that there are figures for. An error: the folder cannot be written to.
engine::Expected<void> write_plots(const std::string& folder, const Results& results,
                                   const std::vector<Case>& cases,
                                   const std::vector<Relay>& relays);

}  // namespace reprise::bench::peers
