// Traces as files: JSON lines, the first of which is the set-up, then one act a line
// (docs/DIFFERENTIAL.md).
#pragma once

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "reprise/engine/error.hpp"
#include "reprise/trial/differential/trace.hpp"

namespace reprise::trial {

/// One line, without its end.
std::string to_json_line(const TraceSetup& setup);
std::string to_json_line(const Act& act);

/// Errors name the line, the member and what was expected.
engine::Expected<Trace> parse_trace(std::string_view text);
engine::Expected<Trace> read_trace(const std::string& path);
engine::Expected<void> write_trace(const std::string& path, const Trace& trace);

}  // namespace reprise::trial
