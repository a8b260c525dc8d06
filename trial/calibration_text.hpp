// A calibration for people, for programs, and for `--costs`.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

#include "reprise/trial/calibrate.hpp"

namespace reprise::trial {

/// {"kernel": …, "costs": {name: {"value", "least", "most", "default", "ratio"}}, "figures": …};
/// the ratio to a default of 0 is null.
nlohmann::ordered_json to_json(const Calibration& calibration);

/// A table: cost, value, spread, default, ratio to the default, how it was measured.
std::string to_text(const Calibration& calibration);

/// A file with a [costs] table, as `reprise-lab run --costs` reads it.
std::string to_toml(const Calibration& calibration);

}  // namespace reprise::trial
