// The files in regressions/ can be read and name a property that there is; each property tries its
// own before all else.
#include <gtest/gtest.h>

#include <algorithm>

#include "case_generator.hpp"
#include "properties.hpp"
#include "property_check.hpp"
#include "regressions.hpp"

namespace reprise::proptests {

TEST(Regressions, EveryFileNamesAPropertyAndAValidConfiguration) {
  for (const Regression& regression : regressions()) {
    ASSERT_TRUE(regression.tried.has_value())
        << regression.file << ": " << regression.tried.error().message;
    EXPECT_NE(std::ranges::find(kProperties, regression.tried->property, &Property::name),
              kProperties.end())
        << regression.file << ": property = \"" << regression.tried->property
        << "\": expected a name in proptests/properties.hpp";
  }
}

TEST(Regressions, ACaseSurvivesBeingWrittenAndRead) {
  use_default_parameters();
  const bool holds = rc::check("a case survives being written and read", [] {
    const Case tried = *stopped_cases();
    const engine::Expected<Case> again = parse_case(to_text(tried));
    if (!again) RC_FAIL(again.error().message);
    RC_ASSERT(to_text(*again) == to_text(tried));
  });
  EXPECT_TRUE(holds);
}

TEST(Regressions, AMisspelledFieldIsNamed) {
  const engine::Expected<Case> tried = parse_case(R"({"nodes": [{"fan_uot": 2}]})");
  ASSERT_FALSE(tried.has_value());
  EXPECT_NE(tried.error().message.find("/nodes/0/fan_uot = 2"), std::string::npos)
      << tried.error().message;
}

}  // namespace reprise::proptests
