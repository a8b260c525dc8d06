// Which engine this is: a hash of its sources, made by the build (cmake/RepriseSourceHash.cmake).
//
// Equal sources have equal hashes with every compiler, preset and machine. What was recorded under
// one hash may run differently under another.
#pragma once

#include <string_view>

namespace reprise::engine {

/// 16 hexadecimal digits, lower case.
std::string_view source_hash();

}  // namespace reprise::engine
