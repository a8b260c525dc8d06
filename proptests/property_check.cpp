#include "property_check.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <utility>

#include "digest_log.hpp"
#include "isolated.hpp"
#include "regressions.hpp"

namespace reprise::proptests {
namespace {

constexpr const char* kDefaultParameters = "seed=1 max_success=3000";

/// Fewer cases than these, as when one is reproduced, say nothing about shares.
constexpr std::uint64_t kCasesForShares = 100;

/// After a failure so many more cases are tried to shrink it; further ones count as holding. A long
/// list of picks would otherwise shrink for minutes.
constexpr std::uint64_t kShrinksMax = 10'000;

class Census {
 public:
  void add(Sights sights) {
    ++cases_;
    for (std::size_t sight = 0; sight < kSightCount; ++sight) {
      if (sights.test(sight)) ++seen_[sight];
    }
  }
  void expect(std::initializer_list<Sometimes> sometimes) const {
    if (cases_ < kCasesForShares) return;
    for (const Sometimes& goal : sometimes) {
      const std::uint64_t seen = seen_[static_cast<std::size_t>(goal.sight)];
      EXPECT_GE(seen * 100, goal.percent * cases_)
          << name(goal.sight) << " = " << seen << " of " << cases_ << " cases: expected at least "
          << goal.percent << " %; the cases no longer try what this property is about, see "
          << "proptests/case_generator.cpp";
    }
  }
  void print() const {
    std::string text;
    for (std::size_t sight = 0; sight < kSightCount; ++sight) {
      text += fmt::format(" {} {}%", name(static_cast<Sight>(sight)),
                          cases_ == 0 ? 0 : seen_[sight] * 100 / cases_);
    }
    fmt::print("seen in {} cases:{}\n", cases_, text);
  }

 private:
  std::array<std::uint64_t, kSightCount> seen_{};
  std::uint64_t cases_ = 0;
};

}  // namespace

void use_default_parameters() { ::setenv("RC_PARAMS", kDefaultParameters, 0); }

void check_property(std::string_view property_name, rc::Gen<Case> generator,
                    std::initializer_list<Sometimes> sometimes) {
  const auto property = std::ranges::find(kProperties, property_name, &Property::name);
  ASSERT_NE(property, kProperties.end()) << property_name << " is not in kProperties";
  for (const Regression& regression : regressions()) {
    ASSERT_TRUE(regression.tried.has_value())
        << regression.file << ": " << regression.tried.error().message;
    if (regression.tried->property != property_name) continue;
    CaseRun run(*regression.tried);
    const Verdict verdict = property->holds(run);
    ASSERT_TRUE(verdict.has_value()) << regression.file << ": " << verdict.error();
  }

  use_default_parameters();
  const rc::Gen<Case> named = rc::gen::map(std::move(generator), [property_name](Case tried) {
    tried.property = property_name;
    return tried;
  });
  const bool is_isolated = std::getenv("REPRISE_PROPERTIES_FORK") != nullptr;
  Census census;
  std::string smallest_failure;
  std::uint64_t shrinks = 0;
  const bool holds = rc::check(std::string(property_name), [&] {
    const Case tried = *named;
    // RapidCheck tries the smallest failure once more, for its message.
    if (!smallest_failure.empty() && ++shrinks > kShrinksMax && to_text(tried) != smallest_failure)
      return;
    Verdict verdict;
    if (is_isolated) {
      verdict = try_in_child(*property, tried);
    } else {
      CaseRun run(tried);
      verdict = property->holds(run);
      census.add(run.sights());
      if (smallest_failure.empty()) log_digest(property_name, run.digest());
    }
    if (verdict) return;
    smallest_failure = to_text(tried);
    RC_FAIL(verdict.error());
  });
  ASSERT_TRUE(holds) << property_name
                     << " does not hold; save the case above as proptests/regressions/NAME.json, "
                        "and it is tried first from now on";
  if (is_isolated) return;
  census.print();
  census.expect(sometimes);
}

}  // namespace reprise::proptests
