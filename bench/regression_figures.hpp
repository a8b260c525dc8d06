// What one run of bench/regression.cpp gave, real or simulated, and the table of all.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "reprise/lab/census.hpp"

namespace reprise::bench {

using nlohmann::ordered_json;

/// What one run gave, real or simulated.
struct Figures {
  double egress_per_second = 0;
  double refused_fraction = 0;
  double outstanding = 0;
  double in_flight = 0;
  double offered_per_second = 0;
  std::map<std::string, double> census;  ///< mean buffers by place
};

inline ordered_json to_json(const Figures& figures) {
  return {{"egress_per_second", figures.egress_per_second},
          {"offered_per_second", figures.offered_per_second},
          {"refused_fraction", figures.refused_fraction},
          {"outstanding_mean", figures.outstanding},
          {"in_flight_mean", figures.in_flight},
          {"census", figures.census}};
}

inline Figures figures_from(const ordered_json& json) {
  return {json["egress_per_second"],  json["refused_fraction"],
          json["outstanding_mean"],   json["in_flight_mean"],
          json["offered_per_second"], json["census"].get<std::map<std::string, double>>()};
}

inline double median(std::vector<double> values) {
  if (values.empty()) return 0;
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  return *middle;
}

/// By each figure's own median.
inline Figures median_of(const std::vector<Figures>& rounds) {
  const auto of = [&rounds](auto member) {
    std::vector<double> values;
    for (const Figures& figures : rounds) values.push_back(figures.*member);
    return median(values);
  };
  Figures middle;
  middle.egress_per_second = of(&Figures::egress_per_second);
  middle.refused_fraction = of(&Figures::refused_fraction);
  middle.outstanding = of(&Figures::outstanding);
  middle.in_flight = of(&Figures::in_flight);
  middle.offered_per_second = of(&Figures::offered_per_second);
  for (const auto& [place, count] : rounds.front().census) {
    std::vector<double> values;
    for (const Figures& figures : rounds) values.push_back(figures.census.at(place));
    middle.census[place] = median(values);
  }
  return middle;
}

inline void print_table(const ordered_json& results) {
  fmt::print("{:<34}{:>9}{:>17}{:>9}{:>9}{:>8}{:>8} |{:>9}{:>7}{:>9}{:>7}{:>9}\n", "two threads",
             "offered", "egress k/s", "(range)", "refused", "outst.", "queued", "sim k/s", "",
             "refused", "outst.", "queued");
  for (const auto& row : results["results"]) {
    const Figures real = figures_from(row["real"]);
    const Figures simulated = figures_from(row["simulated"]);
    fmt::print(
        "{:<34}{:>8.0f}k{:>10.0f} {:>15}{:>8.1f}%{:>9.0f}{:>8.0f} "
        "|{:>9.0f}{:>7}{:>8.1f}%{:>7.0f}{:>9.0f}\n",
        row["case"].get<std::string>(), real.offered_per_second / 1e3, real.egress_per_second / 1e3,
        fmt::format("({:.0f}-{:.0f})", row["least_per_second"].get<double>() / 1e3,
                    row["most_per_second"].get<double>() / 1e3),
        100 * real.refused_fraction, real.outstanding, real.census.at("egress_queue"),
        simulated.egress_per_second / 1e3,
        fmt::format("{:.2f}x", simulated.egress_per_second / std::max(1.0, real.egress_per_second)),
        100 * simulated.refused_fraction, simulated.outstanding,
        simulated.census.at("egress_queue"));
  }
  fmt::print("\nBuffers by place, mean (real / simulated):\n{:<34}", "");
  for (const std::string_view place : lab::kPlaceNames) fmt::print("{:>15}", place);
  fmt::print("\n");
  for (const auto& row : results["results"]) {
    fmt::print("{:<34}", row["case"].get<std::string>());
    for (const std::string_view place : lab::kPlaceNames) {
      const std::string key(place);
      fmt::print("{:>15}", fmt::format("{:.0f} / {:.0f}", row["real"]["census"][key].get<double>(),
                                       row["simulated"]["census"][key].get<double>()));
    }
    fmt::print("\n");
  }
}

}  // namespace reprise::bench
