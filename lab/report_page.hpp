// A report: one page of HTML made of results, which needs nothing but itself. It has no script and
// loads nothing; what comes from the results stays text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "reprise/lab/report_input.hpp"

namespace reprise::lab {

/// The whole page: runs side by side first, then what each other file says.
std::string report_page(std::string_view title, const std::vector<ReportInput>& inputs);

/// Numbers the pictures of a page: "picture-1", ….
class PictureNumbers {
 public:
  std::string next() { return "picture-" + std::to_string(++last_); }

 private:
  unsigned last_ = 0;
};

// Its parts; `ids` is that of the page.

struct ReportRun {
  std::string label;
  const nlohmann::ordered_json* json = nullptr;  ///< as report_input.hpp has checked it
};
/// Figures side by side, the census, occupancy over virtual time.
std::string runs_html(const std::vector<ReportRun>& runs, PictureNumbers& ids);
std::string explanation_html(const nlohmann::ordered_json& json);
std::string frontier_html(const nlohmann::ordered_json& json, PictureNumbers& ids);
std::string swarm_html(const nlohmann::ordered_json& json);

}  // namespace reprise::lab
