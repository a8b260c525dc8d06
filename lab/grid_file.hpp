// A grid file: a scenario, and a table [[row]] for each variant of it that is to be tried. As a
// scenario it reads as if the rows were not there.
//
//   [[row]]
//   name = "deferred ring"
//   set = ["policy=deferred"]     # as --set, on top of the scenario
//   fit = true                    # the first row, and no other
#pragma once

#include <string>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/lab/scenario.hpp"

namespace reprise::lab {

struct GridRow {
  std::string name;
  std::string place;  ///< "file:12", for messages
  Scenario scenario;  ///< with what the row sets
};

struct GridFile {
  std::string path;
  std::vector<GridRow> rows;  ///< two at least; what is fitted is fitted on the first
};

/// The error names file and line, the key, and what was expected.
engine::Expected<GridFile> load_grid(const std::string& path);
/// The same from text; `name` stands for the file in messages.
engine::Expected<GridFile> parse_grid(std::string_view text, const std::string& name);

}  // namespace reprise::lab
