// A validation as JSON and as a table.
#include <fmt/format.h>

#include "reprise/trial/cost_list.hpp"
#include "reprise/trial/regression/validation.hpp"

namespace reprise::trial {

using nlohmann::ordered_json;

ordered_json to_json(const Validation& validation) {
  ordered_json json;
  json["grid"] = validation.grid;
  json["rounds"] = validation.rounds;
  json["seconds"] = validation.seconds;
  json["complete"] = validation.complete;
  json["fitted"] = {{"parameter", kFittedParameter},
                    {"row", validation.rows.front().name},
                    {"value", validation.costs.send_ns},
                    {"measured_alone", validation.costs_said}};
  json["rows"] = ordered_json::array();
  for (const ValidatedRow& row : validation.rows) {
    ordered_json& written = json["rows"].emplace_back();
    written = {{"name", row.name},
               {"measured", row.measured.egress_per_second},
               {"least", row.least},
               {"most", row.most},
               {"predicted", row.predicted.egress_per_second},
               {"error_percent", row.error_percent()},
               {"held_out", &row != &validation.rows.front()},
               {"measured_refused_fraction", row.measured.refused_fraction},
               {"predicted_refused_fraction", row.predicted.refused_fraction}};
    if (row.move_byte_ps) written["move_byte_ps"] = *row.move_byte_ps;
  }
  json["mean_error_percent"] = validation.mean_error_percent();
  json["limit_percent"] = kErrorPercentMax;
  json["held"] = validation.held();
  for (const Cost& cost : kCosts)
    json["costs"][std::string(cost.name)] = validation.costs.*cost.member;
  return json;
}

std::string to_text(const Validation& validation) {
  std::string text = fmt::format(
      "{}: medians of {} rounds of {} s each{}\n"
      "fitted: {} = {}, on the first row alone; all other costs are measured by themselves\n\n"
      "{:<34}{:>10}{:>22}{:>11}{:>9}{:>15}\n",
      validation.grid, validation.rounds, validation.seconds,
      validation.complete ? "" : " (interrupted)", kFittedParameter, validation.costs.send_ns,
      "egress, datagrams a second", "measured", "(range)", "predicted", "error", "move_byte_ps");
  for (const ValidatedRow& row : validation.rows) {
    const bool is_fitted = &row == &validation.rows.front();
    text += fmt::format(
        "{:<34}{:>10.0f}{:>22}{:>11.0f}{:>9}{:>15}\n", row.name, row.measured.egress_per_second,
        fmt::format("({:.0f} - {:.0f})", row.least, row.most), row.predicted.egress_per_second,
        is_fitted ? "fitted" : fmt::format("{:+.1f} %", row.error_percent()),
        row.move_byte_ps ? fmt::format("{}", *row.move_byte_ps) : "");
  }
  text += fmt::format(
      "\nmean error of the rows held out: {:.1f} %; at most {:.0f} % is expected: {}\n",
      validation.mean_error_percent(), kErrorPercentMax, validation.held() ? "ok" : "not ok");
  return text;
}

}  // namespace reprise::trial
