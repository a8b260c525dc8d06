// The result files that a report is made of: what `reprise-lab` printed with --json, one object a
// file. What a report reads is checked here, so that the page needs no second look.
#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "reprise/engine/error.hpp"

namespace reprise::lab {

enum class ReportKind : std::uint8_t {
  run,       ///< of `run`, and of what else prints the fields of one
  compare,   ///< {"results": […]}
  explain,   ///< {"metric", "corners", "factors", "dividends"}
  frontier,  ///< of `size`: {"frontier": […]}
  swarm,     ///< {"runs", "failures"}
};

struct ReportInput {
  std::string name;  ///< of the file, for people
  ReportKind kind = ReportKind::run;
  nlohmann::ordered_json json;
};

/// What a file should be, for messages.
inline constexpr std::string_view kReportInputExpected =
    "a result that reprise-lab printed with --json (run, compare, explain, size or swarm)";

/// Reads a file. The error names the file, the line or the key, and what was expected.
engine::Expected<ReportInput> load_report_input(const std::string& path);
/// The same from text; `name` stands for the file.
engine::Expected<ReportInput> parse_report_input(std::string_view text, const std::string& name);

}  // namespace reprise::lab
