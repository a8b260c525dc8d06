// The style of a report's page.
#pragma once

#include <string_view>

namespace reprise::lab {

extern const std::string_view kReportStyle;

}  // namespace reprise::lab
