#include "reprise/trial/regression/validation.hpp"

#include <gtest/gtest.h>

#include <cerrno>
#include <cmath>

#include "reprise/trial/regression/fit.hpp"
#include "reprise/trial/regression/simulated_pipeline.hpp"

namespace reprise::trial {
namespace {

constexpr std::atomic<bool> kGoOn = false;

TEST(Fit, FindsTheWholeNumberThatComesNearest) {
  const auto falling = [](std::int64_t value) {
    return 1e9 / (100.0 + static_cast<double>(value));
  };
  for (const std::int64_t value : {0, 1, 777, 4999, 5000}) {
    const auto found = fit(falling(value), {0, 5000}, falling);
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_EQ(*found, value);
    EXPECT_EQ(fit(falling(value) * 0.99999, {0, 5000}, falling).value(), value);
  }
}

TEST(Fit, RefusesWhatNoValueGives) {
  const auto falling = [](std::int64_t value) { return 1000.0 - static_cast<double>(value); };
  EXPECT_FALSE(fit(1020, {0, 100}, falling));
  EXPECT_FALSE(fit(880, {0, 100}, falling));
  EXPECT_EQ(fit(1005, {0, 100}, falling).value(), 0);
}

TEST(RateWindow, CountsWhatWasSentBetweenItsFirstAndItsLastLook) {
  RateWindow window({100}, {200});
  EXPECT_EQ(window.per_second(), 0);
  window.look({50}, 7);
  window.look({110}, 10);
  EXPECT_EQ(window.per_second(), 0);
  window.look({150}, 11);
  window.look({160}, 15);
  window.look({201}, 99);
  EXPECT_DOUBLE_EQ(window.per_second(), 5e9 / 50);
}

/// A grid of three rows, of 20 ms each.
lab::GridFile small_grid(const std::string& more = "") {
  const auto grid = lab::parse_grid(
      "version = 1\n[traffic]\nrate = 690_000\ncount = 13_800\n[relay]\nthreads = 2\n"
      "wake_up = \"spin\"\npolicy = \"synchronous\"\nexhaustion = \"drop\"\n[hazards]\n"
      "send_order = \"unlinked\"\nitem_bytes = 96\n" +
          more +
          "[[row]]\nname = \"plain\"\nfit = true\n"
          "[[row]]\nname = \"deferred\"\nset = [\"policy=deferred\"]\n"
          "[[row]]\nname = \"both\"\nset = [\"backlog=erase_front\", \"drain=all\"]\n",
      "grid.toml");
  if (!grid) throw std::runtime_error(grid.error().message);
  return *grid;
}

/// A machine whose memory is slower than the costs say that validate() is given.
constexpr std::int64_t kSlowMovePs = 400;
double slow_move_ps(std::size_t) { return kSlowMovePs; }

/// A machine that is the simulation itself, with a send that costs this.
Measure simulated_machine(std::int64_t send_ns, double factor = 1) {
  return [=](const lab::GridRow& row, double, const std::atomic<bool>&) {
    lab::Scenario scenario = row.scenario;
    receive_from_memory(scenario.world.costs);
    scenario.world.costs.send_ns = send_ns;
    scenario.world.costs.move_byte_ps = kSlowMovePs;
    PipelineFigures figures = simulate(scenario, kGoOn);
    if (row.name == "both") figures.egress_per_second *= factor;
    return engine::Expected<PipelineFigures>(figures);
  };
}

TEST(Validate, FindsTheParameterOfAMachineThatIsTheModel) {
  const auto validation = validate({.grid = small_grid(),
                                    .costs = {},
                                    .rounds = 2,
                                    .seconds = 0.02,
                                    .measure = simulated_machine(2750),
                                    .measure_move = slow_move_ps});
  ASSERT_TRUE(validation) << validation.error().message;
  EXPECT_NEAR(static_cast<double>(validation->costs.send_ns), 2750, 25);
  EXPECT_LT(validation->mean_error_percent(), 1);
  EXPECT_TRUE(validation->held());
  EXPECT_EQ(validation->rounds, 2U);
}

TEST(Validate, NeverLooksAtARowThatItPredicts) {
  const auto predicted = [](double factor) {
    const auto validation = validate({.grid = small_grid(),
                                      .costs = {},
                                      .rounds = 1,
                                      .seconds = 0.02,
                                      .measure = simulated_machine(2500, factor),
                                      .measure_move = slow_move_ps});
    return validation.value();
  };
  const Validation right = predicted(1);
  const Validation wrong = predicted(2);
  EXPECT_EQ(right.costs.send_ns, wrong.costs.send_ns);
  EXPECT_EQ(right.rows[2].predicted.egress_per_second, wrong.rows[2].predicted.egress_per_second);
  EXPECT_NEAR(wrong.rows[2].error_percent(), -50, 1);
  EXPECT_NEAR(wrong.mean_error_percent(), 25, 1);
  EXPECT_FALSE(wrong.held());
  const auto json = to_json(wrong);
  EXPECT_EQ(json["held"], false);
  EXPECT_EQ(json["rows"][0]["held_out"], false);
  EXPECT_EQ(json["rows"][2]["held_out"], true);
}

TEST(Validate, TakesMediansAndRangesOfItsRounds) {
  int calls = 0;
  const auto validation = validate({.grid = small_grid(),
                                    .costs = {},
                                    .rounds = 3,
                                    .seconds = 0.02,
                                    .measure =
                                        [&](const lab::GridRow&, double, const std::atomic<bool>&) {
                                          PipelineFigures figures;
                                          figures.egress_per_second =
                                              200'000 + 1000 * (calls++ / 3 == 1 ? 40 : 1);
                                          return engine::Expected<PipelineFigures>(figures);
                                        },
                                    .measure_move = slow_move_ps});
  ASSERT_TRUE(validation) << validation.error().message;
  EXPECT_EQ(calls, 9);
  for (const ValidatedRow& row : validation->rows) {
    EXPECT_EQ(row.measured.egress_per_second, 201'000);
    EXPECT_EQ(row.least, 201'000);
    EXPECT_EQ(row.most, 240'000);
  }
}

TEST(Validate, KeepsTheRoundsThatAreWholeWhenItIsInterrupted) {
  const auto interrupted_at = [](int call) {
    return
        [calls = 0, call](const lab::GridRow&, double,
                          const std::atomic<bool>&) mutable -> engine::Expected<PipelineFigures> {
          if (++calls == call) return engine::failure("interrupted", EINTR);
          PipelineFigures figures;
          figures.egress_per_second = 200'000;
          return figures;
        };
  };
  const auto validation = validate({.grid = small_grid(),
                                    .costs = {},
                                    .rounds = 5,
                                    .seconds = 0.02,
                                    .measure = interrupted_at(8),
                                    .measure_move = slow_move_ps});
  ASSERT_TRUE(validation) << validation.error().message;
  EXPECT_EQ(validation->rounds, 2U);
  EXPECT_FALSE(validation->complete);
  EXPECT_FALSE(validation->held());
  const auto none = validate({.grid = small_grid(),
                              .costs = {},
                              .rounds = 5,
                              .seconds = 0.02,
                              .measure = interrupted_at(2),
                              .measure_move = slow_move_ps});
  ASSERT_FALSE(none);
  EXPECT_EQ(none.error().errno_value, EINTR);
}

TEST(Validate, RefusesRowsThatTheRealPipelineCannotRun) {
  const auto words_of = [](lab::GridFile grid) {
    const auto refused = check_rows(grid);
    return refused ? std::string() : refused.error().message;
  };
  EXPECT_EQ(words_of(small_grid()), "");
  lab::GridFile grid = small_grid();
  grid.rows[1].scenario.world.nodes[0].threads = 1;
  EXPECT_EQ(words_of(grid), grid.rows[1].place + ": row \"deferred\": expected threads = 2");
  grid = small_grid();
  grid.rows[2].scenario.world.nodes.emplace_back();
  EXPECT_NE(words_of(grid).find("expected one relay"), std::string::npos);
  grid = small_grid();
  grid.rows[0].scenario.world.traffic[0].arrivals = sim::Arrivals::poisson;
  EXPECT_NE(words_of(grid).find("constant"), std::string::npos);
  EXPECT_NE(words_of(small_grid("[faults]\nduplicate_per_million = 3\n")).find("no faults"),
            std::string::npos);
}

}  // namespace
}  // namespace reprise::trial
