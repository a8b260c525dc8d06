// Which simulator this is: a hash of the sources of sim/, as engine/source_hash.hpp has one of the
// engine's.
#pragma once

#include <string_view>

namespace reprise::sim {

/// 16 hexadecimal digits, lower case.
std::string_view source_hash();

}  // namespace reprise::sim
