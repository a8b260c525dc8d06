// The cases that failed once: files in proptests/regressions/, as case.hpp describes them.
#pragma once

#include <string>
#include <vector>

#include "case.hpp"
#include "reprise/engine/error.hpp"

namespace reprise::proptests {

struct Regression {
  std::string file;
  engine::Expected<Case> tried;
};

/// All of them, by name.
std::vector<Regression> regressions();

}  // namespace reprise::proptests
