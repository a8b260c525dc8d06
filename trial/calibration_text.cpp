#include "reprise/trial/calibration_text.hpp"

#include <fmt/format.h>

#include <cmath>

namespace reprise::trial {
namespace {

constexpr sim::CostProfile kDefaults;

/// Of a value to a default that is not 0.
double ratio(std::int64_t value, std::int64_t default_value) {
  return static_cast<double>(value) / static_cast<double>(default_value);
}

double rounded(double value) { return std::round(value * 10) / 10; }

}  // namespace

nlohmann::ordered_json to_json(const Calibration& calibration) {
  nlohmann::ordered_json json;
  json["kernel"] = calibration.host.kernel_release;
  json["cpu"] = calibration.host.cpu_model;
  json["date"] = calibration.host.date;
  json["rounds"] = calibration.rounds;
  json["core"] = calibration.core;
  json["other_core"] = calibration.other_core;
  for (std::size_t index = 0; index < kCosts.size(); ++index) {
    const Cost& cost = kCosts[index];
    const std::int64_t value = calibration.costs.*cost.member;
    const std::int64_t default_value = kDefaults.*cost.member;
    nlohmann::ordered_json& entry = json["costs"][std::string(cost.name)];
    entry["value"] = value;
    entry["least"] = rounded(calibration.spreads[index].least);
    entry["most"] = rounded(calibration.spreads[index].most);
    entry["default"] = default_value;
    entry["ratio"] = nullptr;
    if (default_value != 0) entry["ratio"] = ratio(value, default_value);
  }
  json["figures"] = nlohmann::ordered_json::object();
  for (const Figure& figure : calibration.figures) {
    nlohmann::ordered_json& entry = json["figures"][figure.name];
    entry["value"] = rounded(figure.spread.median);
    entry["least"] = rounded(figure.spread.least);
    entry["most"] = rounded(figure.spread.most);
  }
  return json;
}

std::string to_text(const Calibration& calibration) {
  const Host& host = calibration.host;
  std::string text = fmt::format("Linux {}, {}, {}: median of {} rounds on core {}, with core {}\n",
                                 host.kernel_release, host.cpu_model, host.date, calibration.rounds,
                                 calibration.core, calibration.other_core);
  text += fmt::format("{:<18}{:>10}{:>24}{:>10}{:>8}   {}\n", "cost", "value", "(least - most)",
                      "default", "ratio", "measured as");
  for (std::size_t index = 0; index < kCosts.size(); ++index) {
    const Cost& cost = kCosts[index];
    const std::int64_t value = calibration.costs.*cost.member;
    const std::int64_t default_value = kDefaults.*cost.member;
    const Spread& spread = calibration.spreads[index];
    text += fmt::format(
        "{:<18}{:>10}{:>24}{:>10}{:>8}   {}\n", cost.name, value,
        fmt::format("({:.0f} - {:.0f})", spread.least, spread.most), default_value,
        default_value == 0 ? std::string("-") : fmt::format("{:.2f}", ratio(value, default_value)),
        cost.meaning);
  }
  text += "\nnot in the profile\n";
  for (const Figure& figure : calibration.figures) {
    text += fmt::format("{:<30}{:>10.0f}{:>24}\n", figure.name, figure.spread.median,
                        fmt::format("({:.0f} - {:.0f})", figure.spread.least, figure.spread.most));
  }
  return text;
}

std::string to_toml(const Calibration& calibration) {
  const Host& host = calibration.host;
  std::string text = fmt::format(
      "# Costs measured by reprise-lab calibrate: median (least to most) of {} rounds.\n"
      "# Linux {}, {}, {}\n"
      "[costs]\n",
      calibration.rounds, host.kernel_release, host.cpu_model, host.date);
  for (std::size_t index = 0; index < kCosts.size(); ++index) {
    const Cost& cost = kCosts[index];
    const Spread& spread = calibration.spreads[index];
    text += fmt::format("{} = {}  # {:.0f} to {:.0f}\n", cost.name, calibration.costs.*cost.member,
                        spread.least, spread.most);
  }
  return text;
}

}  // namespace reprise::trial
