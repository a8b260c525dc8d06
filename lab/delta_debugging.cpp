#include "reprise/lab/delta_debugging.hpp"

#include <algorithm>
#include <iterator>
#include <numeric>

namespace reprise::lab {
namespace {

/// `whole` in so many parts, as equal as can be.
std::vector<Subset> parts_of(const Subset& whole, std::size_t count) {
  std::vector<Subset> parts;
  parts.reserve(count);
  for (std::size_t part = 0; part < count; ++part) {
    parts.emplace_back(
        whole.begin() + static_cast<std::ptrdiff_t>(part * whole.size() / count),
        whole.begin() + static_cast<std::ptrdiff_t>((part + 1) * whole.size() / count));
  }
  return parts;
}

std::vector<Subset> complements_of(const Subset& whole, const std::vector<Subset>& parts) {
  std::vector<Subset> complements;
  for (const Subset& part : parts)
    std::ranges::set_difference(whole, part, std::back_inserter(complements.emplace_back()));
  return complements;
}

/// The first with the effect, or nullptr.
const Subset* first_with_effect(const std::vector<Subset>& subsets, const HasEffect& has_effect) {
  const std::vector<bool> effects = has_effect(subsets);
  const auto found = std::ranges::find(effects, true);
  if (found == effects.end()) return nullptr;
  return &subsets[static_cast<std::size_t>(found - effects.begin())];
}

}  // namespace

Subset smallest_subset(std::size_t count, const HasEffect& has_effect) {
  Subset whole(count);
  std::iota(whole.begin(), whole.end(), 0U);
  if (has_effect({Subset{}}).front()) return {};
  std::size_t granularity = 2;
  while (whole.size() >= 2) {
    granularity = std::min(granularity, whole.size());
    const std::vector<Subset> parts = parts_of(whole, granularity);
    if (const Subset* part = first_with_effect(parts, has_effect)) {
      whole = Subset(*part);
      granularity = 2;
      continue;
    }
    const std::vector<Subset> complements = complements_of(whole, parts);
    if (const Subset* rest = first_with_effect(complements, has_effect)) {
      whole = Subset(*rest);
      granularity = std::max<std::size_t>(granularity - 1, 2);
      continue;
    }
    if (granularity == whole.size()) break;
    granularity *= 2;
  }
  return whole;
}

}  // namespace reprise::lab
