#include "reprise/lab/size.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reprise/lab/written_scenario.hpp"

namespace reprise::lab {
namespace {

using engine::Expected;
using engine::failure;

/// Beyond the largest possible value of every key.
constexpr std::uint64_t kValueMax = std::uint64_t{1} << 32U;
std::uint64_t refused_by(const RunResult& result, std::string_view of) {
  std::uint64_t count = 0;
  for (const HopResult& hop : result.hops) {
    if (of == "send_buffer_bytes") {
      count += hop.refused + hop.send_drops;
    } else if (of == "receive_buffer_bytes") {
      count += hop.kernel_drops;
    } else {
      count += hop.no_buffer;
      if (of != "pool") count += hop.kernel_drops + hop.send_drops;
    }
  }
  return count;
}

/// Simulates one point of the grid with different values of the key that is sized.
class SizedScenario {
 public:
  SizedScenario(const SizeRequest& request, WrittenScenario written, std::uint64_t seed,
                const ParallelControl& control)
      : request_(request), written_(std::move(written)), seed_(seed), control_(control) {}

  /// The possible values around `start`, which is one, are taken to have no gaps.
  [[nodiscard]] SizeSpan span_around(std::uint64_t start) const;
  std::optional<std::uint64_t> refused_at(std::uint64_t value);
  [[nodiscard]] bool laws_hold() const { return laws_hold_; }

 private:
  [[nodiscard]] Expected<Scenario> scenario_at(std::uint64_t value) const;

  const SizeRequest& request_;
  WrittenScenario written_;
  std::uint64_t seed_;
  const ParallelControl& control_;
  bool laws_hold_ = true;
};

Expected<Scenario> SizedScenario::scenario_at(std::uint64_t value) const {
  WrittenScenario written = written_;
  if (auto done = apply(written, {request_.of, fmt::format("{}", value), "--of"}); !done)
    return std::unexpected(done.error());
  return resolve(std::move(written));
}

SizeSpan SizedScenario::span_around(std::uint64_t start) const {
  SizeSpan span{start, start, start};
  std::uint64_t impossible = 0;
  while (span.least - impossible > 1) {
    const std::uint64_t middle = impossible + (span.least - impossible) / 2;
    (scenario_at(middle) ? span.least : impossible) = middle;
  }
  impossible = kValueMax;
  while (impossible - span.most > 1) {
    const std::uint64_t middle = span.most + (impossible - span.most) / 2;
    (scenario_at(middle) ? span.most : impossible) = middle;
  }
  return span;
}

std::optional<std::uint64_t> SizedScenario::refused_at(std::uint64_t value) {
  const auto scenario = scenario_at(value);
  std::uint64_t count = 0;
  for (std::uint64_t seed = seed_; seed < seed_ + request_.seeds; ++seed) {
    const RunResult result =
        run(*scenario, seed, {.stop = control_.stop, .progress = {}, .observers = {}});
    if (!result.complete) return std::nullopt;
    laws_hold_ = laws_hold_ && result.laws_hold;
    count += refused_by(result, request_.of);
  }
  return count;
}

/// What the scenario itself has for the key that is sized.
std::uint64_t value_of(const Scenario& scenario, std::string_view of) {
  const sim::NodeConfig& node = scenario.world.nodes.front();
  if (of == "ring") return node.stage.submissions_max;
  if (of == "batch") return node.stage.batch;
  if (of == "send_buffer_bytes") return node.send_buffer_bytes;
  if (of == "receive_buffer_bytes") return node.receive_buffer_bytes;
  return node.stage.pool;
}

Expected<void> check_request(const SizeRequest& request) {
  if (std::ranges::find(kSizedKeys, request.of) == kSizedKeys.end()) {
    return failure(
        fmt::format("--of {}: expected one of {}", request.of, fmt::join(kSizedKeys, ", ")));
  }
  for (const Variation& variation : request.variations) {
    const std::string alone = variation.key.substr(variation.key.find('.') + 1);
    if (alone == request.of) {
      return failure(
          fmt::format("--vary {}: that is what is sized; expected another key, or "
                      "another --of",
                      variation.key));
    }
  }
  return {};
}

}  // namespace

std::string_view refusals_counted(std::string_view of) {
  if (of == "send_buffer_bytes") return "refused + send_drops";
  if (of == "receive_buffer_bytes") return "kernel_drops";
  if (of == "pool") return "no_buffer";
  return "no_buffer + kernel_drops + send_drops";
}

bool Frontier::held() const {
  return complete() && laws_hold && std::ranges::all_of(points, [](const SizePoint& point) {
           return point.smallest_safe.has_value();
         });
}

Expected<Frontier> size(const SizeRequest& request, const ParallelControl& control) {
  if (auto done = check_request(request); !done) return std::unexpected(done.error());
  const std::vector<std::vector<Setting>> grid_points = grid(request.variations);
  std::vector<WrittenScenario> written;
  std::vector<std::uint64_t> starts;
  for (const std::vector<Setting>& point : grid_points) {
    std::vector<Setting> settings = request.settings;
    settings.insert(settings.end(), point.begin(), point.end());
    auto one =
        read_scenario(request.scenario_path, settings, request.costs_path, request.profile_path);
    if (!one) return std::unexpected(one.error());
    const auto scenario = resolve(*one);
    if (!scenario) return std::unexpected(scenario.error());
    starts.push_back(value_of(*scenario, request.of));
    written.push_back(std::move(*one));
  }
  Frontier frontier{.request = request, .points = {}, .points_of = grid_points.size()};
  frontier.seed = request.seed.value_or(written.front().seed);
  std::vector<std::optional<SizePoint>> points(grid_points.size());
  std::vector<char> laws(grid_points.size(), 1);
  for_each_in_parallel(
      grid_points.size(), control, [&](std::size_t index, const Progress& progress) {
        SizedScenario sized(request, written[index], frontier.seed, control);
        std::uint64_t trials = 0;
        const auto refused_at = [&](std::uint64_t value) {
          const auto refused = sized.refused_at(value);
          // Nobody knows how many trials it takes: each brings it nearer to the end, by ever less.
          ++trials;
          progress(trials, trials + 4);
          return refused;
        };
        points[index] = find_smallest(sized.span_around(starts[index]), frontier.seed, refused_at);
        laws[index] = sized.laws_hold() ? 1 : 0;
      });
  for (std::size_t index = 0; index < points.size(); ++index) {
    if (!points[index]) continue;
    points[index]->vary = grid_points[index];
    frontier.laws_hold = frontier.laws_hold && laws[index] == 1;
    frontier.points.push_back(std::move(*points[index]));
  }
  return frontier;
}

}  // namespace reprise::lab
