// Which alternatives runs took where a choice was made. Coverages of several runs add up, in any
// order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

#include "reprise/sim/choices.hpp"

namespace reprise::lab {

/// Up to so many alternatives are counted one by one, more of them in equal parts of their range.
inline constexpr std::uint32_t kAlternativesMax = 64;
inline constexpr std::uint32_t kRangeParts = 16;

struct SiteCoverage {
  std::uint64_t asked = 0;
  std::uint32_t alternatives = 0;  ///< the most there were, of at most kAlternativesMax
  std::uint32_t range = 0;         ///< the most there were, of more
  std::array<std::uint64_t, kAlternativesMax> taken{};
  std::array<std::uint64_t, kRangeParts> range_taken{};

  void add(std::uint32_t count, std::uint32_t picked);
  void add(const SiteCoverage& other);
  [[nodiscard]] std::uint32_t seen() const;        ///< of `alternatives`
  [[nodiscard]] std::uint32_t range_seen() const;  ///< of kRangeParts, where `range` is above 0
};

struct Coverage {
  std::array<SiteCoverage, sim::kSiteCount> sites;

  void add(const Coverage& other);
  [[nodiscard]] std::uint32_t sites_asked() const;
  /// Alternatives and parts of ranges, over all sites.
  [[nodiscard]] std::uint32_t seen() const;
};

/// Passes on what another source picks, and counts it.
class Covering final : public sim::Choices {
 public:
  Covering(sim::Choices& source, Coverage& coverage) : source_(&source), coverage_(&coverage) {}

 private:
  std::uint32_t choose(sim::Site site, std::uint32_t count) override;
  sim::Choices* source_;
  Coverage* coverage_;
};

/// [{"site", "asked", "seen", "of", "taken", …}], of the sites that were asked.
nlohmann::ordered_json to_json(const Coverage& coverage);
/// The inverse; throws a json exception where it is something else.
Coverage coverage_from(const nlohmann::ordered_json& json);

/// A table for people, and which sites were never asked.
std::string to_text(const Coverage& coverage);

}  // namespace reprise::lab
