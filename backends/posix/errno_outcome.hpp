// The one table from errno to Outcome; every backend on a POSIX kernel uses it.
#pragma once

#include "reprise/engine/io.hpp"

namespace reprise::posix {

/// What an operation's errno means to the engine. 0 is ok; what the table does not know is failed.
[[nodiscard]] engine::Outcome outcome_of(int errno_value);

}  // namespace reprise::posix
