#include "reprise/lab/coverage.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <stdexcept>
#include <string>

namespace reprise::lab {
namespace {

using nlohmann::ordered_json;

template <std::size_t Size>
std::uint32_t count_seen(const std::array<std::uint64_t, Size>& taken) {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(taken, [](std::uint64_t times) { return times > 0; }));
}

template <std::size_t Size>
void add_to(std::array<std::uint64_t, Size>& taken, const std::array<std::uint64_t, Size>& more) {
  for (std::size_t index = 0; index < Size; ++index) taken[index] += more[index];
}

/// Reads so many numbers into the front of `taken`.
template <std::size_t Size>
void read_into(std::array<std::uint64_t, Size>& taken, const ordered_json& json) {
  std::ranges::copy_n(json.get<std::vector<std::uint64_t>>().begin(),
                      static_cast<std::ptrdiff_t>(std::min(Size, json.size())), taken.begin());
}

ordered_json site_json(sim::Site site, const SiteCoverage& covered) {
  ordered_json json{{"site", sim::name(site)}, {"asked", covered.asked}};
  if (covered.alternatives > 0) {
    json["seen"] = covered.seen();
    json["of"] = covered.alternatives;
    json["taken"] = ordered_json::array();
    for (std::uint32_t index = 0; index < covered.alternatives; ++index)
      json["taken"].push_back(covered.taken.at(index));
  }
  if (covered.range > 0) {
    json["range"] = covered.range;
    json["range_seen"] = covered.range_seen();
    json["range_of"] = kRangeParts;
    json["range_taken"] = covered.range_taken;
  }
  return json;
}

}  // namespace

void SiteCoverage::add(std::uint32_t count, std::uint32_t picked) {
  ++asked;
  if (count <= kAlternativesMax) {
    alternatives = std::max(alternatives, count);
    ++taken.at(picked);
    return;
  }
  range = std::max(range, count);
  ++range_taken.at(std::uint64_t{picked} * kRangeParts / count);
}

void SiteCoverage::add(const SiteCoverage& other) {
  asked += other.asked;
  alternatives = std::max(alternatives, other.alternatives);
  range = std::max(range, other.range);
  add_to(taken, other.taken);
  add_to(range_taken, other.range_taken);
}

std::uint32_t SiteCoverage::seen() const { return count_seen(taken); }
std::uint32_t SiteCoverage::range_seen() const { return count_seen(range_taken); }

void Coverage::add(const Coverage& other) {
  for (std::size_t index = 0; index < sites.size(); ++index) sites[index].add(other.sites[index]);
}

std::uint32_t Coverage::sites_asked() const {
  return static_cast<std::uint32_t>(
      std::ranges::count_if(sites, [](const SiteCoverage& site) { return site.asked > 0; }));
}

std::uint32_t Coverage::seen() const {
  std::uint32_t seen = 0;
  for (const SiteCoverage& site : sites) seen += site.seen() + site.range_seen();
  return seen;
}

std::uint32_t Covering::choose(sim::Site site, std::uint32_t count) {
  const std::uint32_t picked = source_->pick(site, count);
  coverage_->sites.at(static_cast<std::size_t>(site)).add(count, picked);
  return picked;
}

ordered_json to_json(const Coverage& coverage) {
  ordered_json json = ordered_json::array();
  for (std::size_t index = 0; index < coverage.sites.size(); ++index) {
    if (coverage.sites[index].asked > 0)
      json.push_back(site_json(static_cast<sim::Site>(index), coverage.sites[index]));
  }
  return json;
}

Coverage coverage_from(const ordered_json& json) {
  Coverage coverage;
  for (const ordered_json& each : json) {
    const auto name = each.at("site").get<std::string>();
    for (std::size_t index = 0; index < coverage.sites.size(); ++index) {
      if (name != sim::name(static_cast<sim::Site>(index))) continue;
      SiteCoverage& site = coverage.sites[index];
      each.at("asked").get_to(site.asked);
      site.alternatives = each.value("of", 0U);
      site.range = each.value("range", 0U);
      if (site.alternatives > 0) read_into(site.taken, each.at("taken"));
      if (site.range > 0) read_into(site.range_taken, each.at("range_taken"));
    }
  }
  return coverage;
}

std::string to_text(const Coverage& coverage) {
  std::string text = fmt::format("  {:<20}{:>14}  {}\n", "pick site", "asked", "alternatives seen");
  std::string never;
  for (std::size_t index = 0; index < coverage.sites.size(); ++index) {
    const SiteCoverage& site = coverage.sites[index];
    const char* name = sim::name(static_cast<sim::Site>(index));
    if (site.asked == 0) {
      never += fmt::format("{}{}", never.empty() ? "" : ", ", name);
      continue;
    }
    std::string seen;
    if (site.alternatives > 0) seen = fmt::format("{} of {}", site.seen(), site.alternatives);
    if (site.range > 0) {
      seen += fmt::format("{}{} of {} parts of {}", seen.empty() ? "" : ", ", site.range_seen(),
                          kRangeParts, site.range);
    }
    text += fmt::format("  {:<20}{:>14}  {}\n", name, site.asked, seen);
  }
  if (!never.empty()) text += fmt::format("  never asked: {}\n", never);
  return text;
}

}  // namespace reprise::lab
