// An errno for people: "Operation not permitted (EPERM)".
#pragma once

#include <string>

namespace reprise::posix {

std::string errno_text(int errno_value);

}  // namespace reprise::posix
