// The search for the smallest value, apart from what is simulated.
#include <algorithm>
#include <map>

#include "reprise/lab/size.hpp"
#include "reprise/sim/choices.hpp"

namespace reprise::lab {
namespace {

/// How often a search goes on above a value that fails again.
constexpr int kSearchesMax = 8;

class Search {
 public:
  Search(const SizeSpan& span, std::uint64_t seed, const RefusedAt& ask)
      : span_(span), seed_(seed), ask_(ask) {}
  std::optional<SizePoint> run();

 private:
  /// Meaningless once stopped.
  std::uint64_t refused_at(std::uint64_t value);
  /// The least value above `fails` with nothing refused, `passes` being one.
  std::uint64_t bisect(std::uint64_t fails, std::uint64_t passes);
  std::optional<std::uint64_t> first_that_passes(std::uint64_t start);
  [[nodiscard]] std::vector<std::uint64_t> values_above(std::uint64_t value) const;
  std::optional<std::uint64_t> highest_failure_above(std::uint64_t value);
  void check_above(SizePoint& point);
  void describe(SizePoint& point) const;

  const SizeSpan& span_;
  std::uint64_t seed_;
  const RefusedAt& ask_;
  std::map<std::uint64_t, std::uint64_t> refused_;  ///< of each value that was tried
  bool is_stopped_ = false;
};

std::uint64_t Search::refused_at(std::uint64_t value) {
  if (const auto known = refused_.find(value); known != refused_.end()) return known->second;
  const std::optional<std::uint64_t> refused = is_stopped_ ? std::nullopt : ask_(value);
  is_stopped_ = !refused.has_value();
  if (refused) refused_[value] = *refused;
  return refused.value_or(0);
}

std::uint64_t Search::bisect(std::uint64_t fails, std::uint64_t passes) {
  while (passes - fails > 1 && !is_stopped_) {
    const std::uint64_t middle = fails + (passes - fails) / 2;
    (refused_at(middle) == 0 ? passes : fails) = middle;
  }
  return passes;
}

/// From the start upwards, doubling.
std::optional<std::uint64_t> Search::first_that_passes(std::uint64_t start) {
  for (std::uint64_t value = start; !is_stopped_; value = std::min(2 * value, span_.most)) {
    if (refused_at(value) == 0) return value;
    if (value == span_.most) return std::nullopt;
  }
  return std::nullopt;
}

std::vector<std::uint64_t> Search::values_above(std::uint64_t value) const {
  constexpr int kRandomValues = 3;
  std::vector<std::uint64_t> values{value + 1, value + 2, value + (value + 1) / 2, 2 * value};
  sim::Hashed choices(seed_);
  const std::uint64_t range = std::min(3 * value, std::uint64_t{1} << 31U);
  for (int index = 0; index < kRandomValues; ++index) {
    values.push_back(value + 1 +
                     choices.pick(sim::Site::schedule, static_cast<std::uint32_t>(range)));
  }
  std::ranges::sort(values);
  const auto [first, last] = std::ranges::unique(values);
  values.erase(first, last);
  std::erase_if(values, [&](std::uint64_t each) { return each > span_.most; });
  return values;
}

std::optional<std::uint64_t> Search::highest_failure_above(std::uint64_t value) {
  for (const std::uint64_t above : values_above(value)) refused_at(above);
  std::optional<std::uint64_t> highest;
  for (const auto& [tried, refused] : refused_) {
    if (tried > value && refused > 0) highest = tried;
  }
  return highest;
}

/// Goes on above what fails again.
void Search::check_above(SizePoint& point) {
  for (int search = 0; point.smallest_safe && !is_stopped_; ++search) {
    const auto fails = highest_failure_above(*point.smallest_safe);
    if (!fails || is_stopped_) return;
    if (!point.first_safe) point.first_safe = point.smallest_safe;
    const auto passes = search < kSearchesMax ? first_that_passes(*fails) : std::nullopt;
    point.smallest_safe = passes ? std::optional(bisect(*fails, *passes)) : std::nullopt;
  }
}

/// Takes over what was tried.
void Search::describe(SizePoint& point) const {
  for (const auto& [value, refused] : refused_) {
    point.trials.push_back({value, refused});
    if (point.first_safe && value > *point.first_safe && refused > 0)
      point.fails_again.push_back({value, refused});
    if (!point.smallest_safe) continue;
    if (value + 1 == *point.smallest_safe) point.below = {value, refused};
    if (value > *point.smallest_safe) point.above.push_back({value, refused});
  }
}

std::optional<SizePoint> Search::run() {
  SizePoint point;
  if (const auto passes = first_that_passes(span_.start)) {
    std::uint64_t fails = span_.least - 1;
    for (const auto& [value, refused] : refused_) {
      if (value < *passes && refused > 0) fails = value;
    }
    point.smallest_safe = bisect(fails, *passes);
    check_above(point);
  }
  if (is_stopped_) return std::nullopt;
  describe(point);
  return point;
}

}  // namespace

std::optional<SizePoint> find_smallest(const SizeSpan& span, std::uint64_t seed,
                                       const RefusedAt& refused_at) {
  return Search(span, seed, refused_at).run();
}

}  // namespace reprise::lab
