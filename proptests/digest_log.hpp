// Digests of a share of all runs, for tools/determinism.py, which compares those of several builds.
#pragma once

#include <cstdint>
#include <string_view>

namespace reprise::proptests {

/// With REPRISE_DIGEST_FILE in the environment: appends every eighth digest to that file, as a line
/// "PROPERTY NUMBER DIGEST".
void log_digest(std::string_view property_name, std::uint64_t digest);

}  // namespace reprise::proptests
