// The table of what bench/regression.cpp found, real beside simulated.
#pragma once

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <string>

#include "reprise/lab/census.hpp"
#include "reprise/trial/regression/pipeline_figures.hpp"

namespace reprise::bench {

using nlohmann::ordered_json;

inline void print_table(const ordered_json& results) {
  fmt::print("{:<34}{:>9}{:>17}{:>9}{:>9}{:>8}{:>8} |{:>9}{:>7}{:>9}{:>7}{:>9}\n", "two threads",
             "offered", "egress k/s", "(range)", "refused", "outst.", "queued", "sim k/s", "",
             "refused", "outst.", "queued");
  for (const auto& row : results["results"]) {
    const trial::PipelineFigures real = trial::pipeline_figures_from(row["real"]);
    const trial::PipelineFigures simulated = trial::pipeline_figures_from(row["simulated"]);
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
