// Delta debugging: a small part of a set that still has some effect (A. Zeller, R. Hildebrandt,
// Simplifying and Isolating Failure-Inducing Input, 2002).
#pragma once

#include <cstddef>
#include <functional>
#include <vector>

namespace reprise::lab {

/// Indices below some count, in order.
using Subset = std::vector<std::size_t>;

/// For each subset, whether it has the effect. Those of one call may be tried at the same time.
using HasEffect = std::function<std::vector<bool>(const std::vector<Subset>&)>;

/// A subset of 0…count−1 with the effect, from which no single element can be taken away. The
/// whole set must have it. Depends on neither time nor order of the trials.
Subset smallest_subset(std::size_t count, const HasEffect& has_effect);

}  // namespace reprise::lab
