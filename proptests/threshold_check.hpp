// Checks a property that is dear: on a share of the cases that RC_PARAMS asks for.
#pragma once

#include <rapidcheck.h>

#include <algorithm>
#include <iostream>
#include <string>
#include <utility>

#include "property_check.hpp"

namespace reprise::proptests {

/// As rc::check(), with one of `divisor` cases.
template <class Testable>
bool check_one_of(int divisor, const std::string& name, Testable&& testable) {
  use_default_parameters();
  rc::detail::TestParams parameters = rc::detail::configuration().testParams;
  parameters.maxSuccess = std::max(parameters.maxSuccess / divisor, 1);
  rc::detail::TestMetadata metadata;
  metadata.id = metadata.description = name;
  const auto result =
      rc::detail::checkTestable(std::forward<Testable>(testable), metadata, parameters);
  std::cerr << "- " << name << '\n';
  rc::detail::printResultMessage(result, std::cerr);
  std::cerr << '\n';
  return result.template is<rc::detail::SuccessResult>();
}

}  // namespace reprise::proptests
