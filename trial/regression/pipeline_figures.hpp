// What one run of the two-thread pipeline gave, on the real kernel or on the simulated one.
//
// Rates are taken over a window in which the pipeline is loaded all the time: from kWarmUp of the
// offered time to its end. What fills the pool before and drains it afterwards does not count.
#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "reprise/engine/time.hpp"

namespace reprise::trial {

struct PipelineFigures {
  double egress_per_second = 0;
  double refused_fraction = 0;           ///< of what was offered, over the whole run
  double outstanding = 0;                ///< mean regions from allocation to release
  double in_flight = 0;                  ///< mean sends from submission to the reaped completion
  double offered_per_second = 0;         ///< over the whole run
  std::map<std::string, double> census;  ///< mean buffers by place
};

nlohmann::ordered_json to_json(const PipelineFigures& figures);
PipelineFigures pipeline_figures_from(const nlohmann::ordered_json& json);

/// Each figure's own median; of at least one round.
PipelineFigures median_of(const std::vector<PipelineFigures>& rounds);

/// The share of the offered time that warms up.
inline constexpr double kWarmUp = 0.2;

/// Counts what was sent in the window, from looks at any instants in their order: from the first
/// one in the window to the last one.
class RateWindow {
 public:
  RateWindow() = default;
  RateWindow(engine::Instant begin, engine::Instant end) : begin_(begin), end_(end) {}

  void look(engine::Instant now, std::uint64_t sent) {
    if (now < begin_ || now > end_) return;
    if (first_ == engine::kNever) {
      first_ = now;
      first_sent_ = sent;
    }
    last_ = now;
    last_sent_ = sent;
  }
  /// 0 where there were fewer than two looks.
  [[nodiscard]] double per_second() const {
    if (first_ == engine::kNever || last_ <= first_) return 0;
    return static_cast<double>(last_sent_ - first_sent_) * 1e9 /
           static_cast<double>((last_ - first_).ns);
  }

 private:
  engine::Instant begin_ = engine::kNever;
  engine::Instant end_{};
  engine::Instant first_ = engine::kNever;
  engine::Instant last_{};
  std::uint64_t first_sent_ = 0;
  std::uint64_t last_sent_ = 0;
};

}  // namespace reprise::trial
