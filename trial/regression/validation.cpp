#include "reprise/trial/regression/validation.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <utility>

#include "reprise/trial/core.hpp"
#include "reprise/trial/move_costs.hpp"
#include "reprise/trial/readings.hpp"
#include "reprise/trial/regression/fit.hpp"
#include "reprise/trial/regression/simulated_pipeline.hpp"

namespace reprise::trial {
namespace {

using engine::Expected;
using engine::failure;

constexpr ParameterRange kSendRange{0, 100'000};
constexpr std::uint32_t kDefaultSendBufferBytes = sim::NodeConfig{}.send_buffer_bytes;

/// The first thing about the world that run_real() cannot do; empty where there is none.
std::string_view unlike_real(const sim::WorldConfig& world) {
  const sim::NodeConfig& node = world.nodes.front();
  const sim::TrafficConfig& traffic = world.traffic.front();
  if (world.nodes.size() != 1) return "expected one relay, hops = 1 and workers = 1";
  if (node.threads != 2) return "expected threads = 2";
  if (node.egress_core == node.core) return "expected one_core = false: rows run on two cores";
  if (node.fan_out != 1) return "expected fan_out = 1";
  if (node.stage.blocks != 0) return "expected blocks = 0: rows receive from memory";
  if (node.link.bits_per_second != 0 || node.link.delay_ns != 0)
    return "expected no [link]: rows send into a cable of this machine";
  if (world.traffic.size() != 1 || traffic.arrivals != sim::Arrivals::constant ||
      traffic.third_payload_bytes != 0) {
    return "expected one flow with arrivals = \"constant\" and one length";
  }
  if (world.faults != sim::FaultPlan{}) return "expected no faults: the real kernel has its own";
  return {};
}

/// What the rounds gave for one row.
struct RowRounds {
  std::vector<PipelineFigures> figures;
  std::vector<double> move_byte_ps;  ///< none where the row moves nothing
};
using Rounds = std::vector<RowRounds>;  ///< by row

/// What the queue of a row with an erase-front queue takes; 0 of another row.
std::size_t moved_block_bytes(const lab::GridRow& row) {
  const engine::StageConfig& stage = row.scenario.world.nodes.front().stage;
  if (stage.hazards.backlog != engine::BacklogKind::erase_front) return 0;
  return std::size_t{stage.pool} * stage.hazards.item_bytes;
}

/// Memory before and after the row, because on a shared machine both change within a second.
Expected<void> measure_once(const ValidationRequest& request, const lab::GridRow& row,
                            const std::atomic<bool>& stop, RowRounds& rounds) {
  const std::size_t moved_bytes = moved_block_bytes(row);
  const auto measure_move = [&] {
    if (moved_bytes > 0) rounds.move_byte_ps.push_back(request.measure_move(moved_bytes));
  };
  measure_move();
  auto figures = request.measure(row, request.seconds, stop);
  if (!figures) return std::unexpected(figures.error());
  measure_move();
  if (figures->egress_per_second <= 0) {
    return failure(
        fmt::format("row \"{}\": sent nothing in {:.2f} s; expected more with a longer --seconds",
                    row.name, request.seconds));
  }
  rounds.figures.push_back(std::move(*figures));
  return {};
}

/// The rounds that are whole. EINTR where that is none.
Expected<Rounds> measure(const ValidationRequest& request, const std::atomic<bool>& stop) {
  const std::vector<lab::GridRow>& rows = request.grid.rows;
  Rounds rounds(rows.size());
  std::uint64_t done = 0;
  for (std::uint32_t round = 0; round < request.rounds; ++round) {
    Rounds before = rounds;
    for (std::size_t row = 0; row < rows.size(); ++row) {
      if (auto measured = measure_once(request, rows[row], stop, rounds[row]); !measured) {
        if (measured.error().errno_value == EINTR && round > 0) return before;
        return std::unexpected(measured.error());
      }
      if (request.progress) request.progress(++done, request.rounds * rows.size());
    }
  }
  return rounds;
}

/// The row's scenario with the costs of this machine, and with as long a load as is measured.
lab::Scenario simulated(const lab::GridRow& row, const ValidatedRow& measured,
                        const Validation& validation) {
  lab::Scenario scenario = row.scenario;
  scenario.world.costs = validation.costs;
  scenario.world.costs.move_byte_ps =
      measured.move_byte_ps.value_or(scenario.world.costs.move_byte_ps);
  receive_from_memory(scenario.world.costs);
  sim::TrafficConfig& traffic = scenario.world.traffic.front();
  traffic.count =
      static_cast<std::uint64_t>(static_cast<double>(traffic.rate) * validation.seconds);
  return scenario;
}

ValidatedRow measured_row(const std::string& name, const RowRounds& rounds) {
  const auto [least, most] =
      std::ranges::minmax(rounds.figures, {}, &PipelineFigures::egress_per_second);
  ValidatedRow row{.name = name,
                   .measured = median_of(rounds.figures),
                   .least = least.egress_per_second,
                   .most = most.egress_per_second,
                   .move_byte_ps = {},
                   .predicted = {}};
  if (!rounds.move_byte_ps.empty()) row.move_byte_ps = std::llround(median(rounds.move_byte_ps));
  return row;
}

}  // namespace

double Validation::mean_error_percent() const {
  double sum = 0;
  for (std::size_t row = 1; row < rows.size(); ++row) sum += std::abs(rows[row].error_percent());
  return sum / static_cast<double>(rows.size() - 1);
}

Expected<void> check_rows(const lab::GridFile& grid) {
  for (const lab::GridRow& row : grid.rows) {
    const std::string_view unlike = unlike_real(row.scenario.world);
    if (!unlike.empty())
      return failure(fmt::format("{}: row \"{}\": {}", row.place, row.name, unlike));
  }
  return {};
}

Expected<PipelineFigures> measure_on_real_kernel(const lab::GridRow& row, double seconds,
                                                 const std::atomic<bool>& stop) {
  const sim::NodeConfig& node = row.scenario.world.nodes.front();
  const sim::TrafficConfig& traffic = row.scenario.world.traffic.front();
  PipelineCase tried{.name = row.name, .stage = node.stage};
  // A socket gets twice what it is asked for; the scenario says what it gets.
  if (node.send_buffer_bytes != kDefaultSendBufferBytes)
    tried.send_buffer_bytes = node.send_buffer_bytes / 2;
  return run_real(
      tried, {.seconds = seconds, .rate = traffic.rate, .payload_bytes = traffic.payload_bytes},
      stop);
}

double measure_move_here(std::size_t block_bytes) {
  const auto pinned = PinnedHere::pin(allowed_cores().back());
  Mover mover;
  return mover.byte_ps(std::clamp<std::size_t>(block_bytes, 8192, Mover::kBlockBytesMax));
}

Expected<Validation> validate(const ValidationRequest& request) {
  static const std::atomic<bool> kNeverStopped = false;
  const std::atomic<bool>& stop = request.stop == nullptr ? kNeverStopped : *request.stop;
  if (auto possible = check_rows(request.grid); !possible) return std::unexpected(possible.error());
  const auto rounds = measure(request, stop);
  if (!rounds) return std::unexpected(rounds.error());
  const std::size_t whole = rounds->front().figures.size();
  Validation validation{.grid = request.grid.path,
                        .rounds = static_cast<std::uint32_t>(whole),
                        .seconds = request.seconds,
                        .complete = whole == request.rounds,
                        .costs = request.costs,
                        .costs_said = request.costs.send_ns,
                        .rows = {}};
  const std::vector<lab::GridRow>& rows = request.grid.rows;
  for (std::size_t row = 0; row < rows.size(); ++row)
    validation.rows.push_back(measured_row(rows[row].name, (*rounds)[row]));
  const auto predict = [&](std::size_t row) {
    return simulate(simulated(rows[row], validation.rows[row], validation), kNeverStopped);
  };
  const auto fitted = fit(validation.rows.front().measured.egress_per_second, kSendRange,
                          [&](std::int64_t send_ns) {
                            validation.costs.send_ns = send_ns;
                            return predict(0).egress_per_second;
                          });
  if (!fitted) {
    return failure(fmt::format("row \"{}\": {}: {}", rows.front().name, kFittedParameter,
                               fitted.error().message));
  }
  validation.costs.send_ns = *fitted;
  for (std::size_t row = 0; row < rows.size(); ++row) validation.rows[row].predicted = predict(row);
  return validation;
}

}  // namespace reprise::trial
