#include "reprise/lab/report_input.hpp"
#include "reprise/lab/toml_file.hpp"

namespace reprise::lab {

engine::Expected<ReportInput> load_report_input(const std::string& path) {
  const auto text = text_of_file(path, kReportInputExpected);
  if (!text) return std::unexpected(text.error());
  return parse_report_input(*text, path);
}

}  // namespace reprise::lab
