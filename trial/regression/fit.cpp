#include "reprise/trial/regression/fit.hpp"

#include <fmt/format.h>

#include <cmath>

namespace reprise::trial {

engine::Expected<std::int64_t> fit(double measured, ParameterRange range,
                                   const std::function<double(std::int64_t)>& predicted) {
  constexpr double kTolerance = 0.01;
  std::int64_t low = range.least;
  std::int64_t high = range.most;
  const double most = predicted(low);
  const double least = predicted(high);
  if (measured > most * (1 + kTolerance) || measured < least * (1 - kTolerance)) {
    return engine::failure(fmt::format(
        "{:.0f} measured; {} gives {:.0f} and {} gives {:.0f}: expected a figure between them",
        measured, low, most, high, least));
  }
  double at_low = most;
  double at_high = least;
  while (high - low > 1) {
    const std::int64_t middle = low + (high - low) / 2;
    const double at_middle = predicted(middle);
    if (at_middle > measured) {
      low = middle;
      at_low = at_middle;
    } else {
      high = middle;
      at_high = at_middle;
    }
  }
  return std::abs(at_low - measured) < std::abs(at_high - measured) ? low : high;
}

}  // namespace reprise::trial
