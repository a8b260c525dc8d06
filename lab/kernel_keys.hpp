// The keys of a [kernel] table, one for each member of sim::KernelProfile and named as it is:
// profiles/*.toml have all of them, a scenario has some.
#pragma once

#include <vector>

#include "reprise/lab/keys.hpp"
#include "reprise/sim/kernel_profile.hpp"

namespace reprise::lab {

/// In the order of the members.
const std::vector<Key<sim::KernelProfile>>& kernel_keys();

}  // namespace reprise::lab
