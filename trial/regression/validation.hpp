// The held-out test: each row of a grid is measured on the real kernel, one parameter is fitted on
// the first row, and all other rows are predicted by the simulated kernel.
//
//   V1  Every other cost is measured on this machine beforehand, or comes from a file; what moving
//       memory costs is measured beside each row that moves some, by a loop that does nothing else,
//       in blocks as large as the row's queue.
//   V2  No row but the first is looked at before its prediction stands.
//   V3  Measured and predicted rates are taken over the same window (pipeline_figures.hpp).
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/lab/grid_file.hpp"
#include "reprise/sim/cost_profile.hpp"
#include "reprise/trial/regression/pipeline_figures.hpp"
#include "reprise/trial/regression/real_pipeline.hpp"

namespace reprise::trial {

/// The mean of the held-out rows' errors may be so much.
inline constexpr double kErrorPercentMax = 15;
/// What is fitted.
inline constexpr std::string_view kFittedParameter = "send_ns";

/// Measures a row once; `seconds`: of offered traffic.
using Measure = std::function<engine::Expected<PipelineFigures>(
    const lab::GridRow& row, double seconds, const std::atomic<bool>& stop)>;
/// Measures what a byte moved in a block of that size costs, in picoseconds.
using MeasureMove = std::function<double(std::size_t block_bytes)>;
/// That of run_real(), on two cores.
engine::Expected<PipelineFigures> measure_on_real_kernel(const lab::GridRow& row, double seconds,
                                                         const std::atomic<bool>& stop);

/// That of a Mover, on the core of the thread that sends.
double measure_move_here(std::size_t block_bytes);

struct ValidationRequest {
  lab::GridFile grid;
  sim::CostProfile costs;
  std::uint32_t rounds = 9;
  double seconds = 0.3;                     ///< of offered traffic in each run
  const std::atomic<bool>* stop = nullptr;  ///< set: end soon, with the rounds that are whole
  std::function<void(std::uint64_t done, std::uint64_t of)> progress = {};  ///< may be empty
  Measure measure = measure_on_real_kernel;
  MeasureMove measure_move = measure_move_here;
};

struct ValidatedRow {
  std::string name;
  PipelineFigures measured;  ///< medians
  double least = 0;          ///< of the rounds' egress rates
  double most = 0;
  std::optional<std::int64_t> move_byte_ps;  ///< of a row with an erase-front queue
  PipelineFigures predicted;

  /// Of the egress rate.
  [[nodiscard]] double error_percent() const {
    return 100 * (predicted.egress_per_second / measured.egress_per_second - 1);
  }
};

struct Validation {
  std::string grid;
  std::uint32_t rounds = 0;  ///< that are whole
  double seconds = 0;
  bool complete = true;         ///< false: interrupted
  sim::CostProfile costs;       ///< with the fitted one
  std::int64_t costs_said = 0;  ///< of the fitted parameter, before
  std::vector<ValidatedRow> rows;

  /// Mean of the held-out rows' absolute errors.
  [[nodiscard]] double mean_error_percent() const;
  [[nodiscard]] bool held() const { return complete && mean_error_percent() <= kErrorPercentMax; }
};

/// That each row is a relay that run_real() can run and a load that it can offer; the error names
/// the row's line.
engine::Expected<void> check_rows(const lab::GridFile& grid);

/// Rows take turns, round by round. Errors: a row that cannot be run; a host without two cores,
/// namespaces or io_uring; interrupted before the first round was whole (EINTR); no value of the
/// parameter gives what was measured.
engine::Expected<Validation> validate(const ValidationRequest& request);

/// {"fitted", "rows", "mean_error_percent", "limit_percent", "held"} and more
/// (docs/THE_REGRESSION.md).
nlohmann::ordered_json to_json(const Validation& validation);
/// For people.
std::string to_text(const Validation& validation);

}  // namespace reprise::trial
