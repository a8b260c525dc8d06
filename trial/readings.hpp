// Numbers on the way from clock readings to a value: medians, and the line through several sizes of
// a batch, whose slope is what one more costs.
#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace reprise::trial {

/// What one round found, by the name of the cost or figure.
using Readings = std::map<std::string, double>;

/// Of at least one value.
inline double median(std::vector<double> values) {
  const std::size_t middle = values.size() / 2;
  std::ranges::sort(values);
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

struct Line {
  double slope = 0;      ///< what one more costs
  double intercept = 0;  ///< what none would cost
};

struct Point {
  double x = 0;
  double y = 0;
};

/// Least squares through at least two points with different x.
inline Line line_through(std::span<const Point> points) {
  double x_sum = 0;
  double y_sum = 0;
  for (const Point& point : points) {
    x_sum += point.x;
    y_sum += point.y;
  }
  const double x_mean = x_sum / static_cast<double>(points.size());
  const double y_mean = y_sum / static_cast<double>(points.size());
  double products = 0;
  double squares = 0;
  for (const Point& point : points) {
    products += (point.x - x_mean) * (point.y - y_mean);
    squares += (point.x - x_mean) * (point.x - x_mean);
  }
  const double slope = products / squares;
  return {slope, y_mean - slope * x_mean};
}

/// The time of one act at several sizes of its batch.
class Sizes {
 public:
  void add(std::uint32_t size, std::int64_t ns) { times_[size].push_back(static_cast<double>(ns)); }
  /// Through the medians. Only where there are two sizes at least.
  [[nodiscard]] Line line() const {
    std::vector<Point> points;
    points.reserve(times_.size());
    for (const auto& [size, times] : times_) {
      points.push_back({static_cast<double>(size), median(times)});
    }
    return line_through(points);
  }
  /// Samples of the size that has the fewest, of `size_count` sizes.
  [[nodiscard]] std::size_t least_samples(std::size_t size_count) const {
    if (times_.size() < size_count) return 0;
    std::size_t least = times_.begin()->second.size();
    for (const auto& [size, times] : times_) least = std::min(least, times.size());
    return least;
  }

 private:
  std::map<std::uint32_t, std::vector<double>> times_;
};

}  // namespace reprise::trial
