// One parameter found from one measurement.
#pragma once

#include <cstdint>
#include <functional>

#include "reprise/engine/error.hpp"

namespace reprise::trial {

struct ParameterRange {
  std::int64_t least = 0;
  std::int64_t most = 0;
};

/// The whole number in the range for which `predicted`, which does not grow with it, comes nearest
/// to `measured`; by bisection. The error says so where even an end of the range is more than 1 %
/// off.
engine::Expected<std::int64_t> fit(double measured, ParameterRange range,
                                   const std::function<double(std::int64_t)>& predicted);

}  // namespace reprise::trial
