#include "reprise/trial/regression/pipeline_figures.hpp"

#include "reprise/trial/readings.hpp"

namespace reprise::trial {

using nlohmann::ordered_json;

ordered_json to_json(const PipelineFigures& figures) {
  return {{"egress_per_second", figures.egress_per_second},
          {"offered_per_second", figures.offered_per_second},
          {"refused_fraction", figures.refused_fraction},
          {"outstanding_mean", figures.outstanding},
          {"in_flight_mean", figures.in_flight},
          {"census", figures.census}};
}

PipelineFigures pipeline_figures_from(const ordered_json& json) {
  return {json["egress_per_second"],  json["refused_fraction"],
          json["outstanding_mean"],   json["in_flight_mean"],
          json["offered_per_second"], json["census"].get<std::map<std::string, double>>()};
}

PipelineFigures median_of(const std::vector<PipelineFigures>& rounds) {
  const auto of = [&rounds](auto figure) {
    std::vector<double> values;
    values.reserve(rounds.size());
    for (const PipelineFigures& figures : rounds) values.push_back(figure(figures));
    return median(std::move(values));
  };
  PipelineFigures middle;
  middle.egress_per_second = of([](const PipelineFigures& one) { return one.egress_per_second; });
  middle.refused_fraction = of([](const PipelineFigures& one) { return one.refused_fraction; });
  middle.outstanding = of([](const PipelineFigures& one) { return one.outstanding; });
  middle.in_flight = of([](const PipelineFigures& one) { return one.in_flight; });
  middle.offered_per_second = of([](const PipelineFigures& one) { return one.offered_per_second; });
  for (const auto& [place, count] : rounds.front().census) {
    middle.census[place] = of([&](const PipelineFigures& one) { return one.census.at(place); });
  }
  return middle;
}

}  // namespace reprise::trial
