// Counts what the calling thread allocates from the heap, in the whole test program.
#pragma once

#include <cstddef>

namespace reprise::tests {

std::size_t allocation_count();

}  // namespace reprise::tests
