// Scenarios of which the tests of run files record runs.
#pragma once

#include <gtest/gtest.h>

#include <string>

#include "reprise/lab/recorded_run.hpp"

namespace reprise::tests {

/// Two relays, faults of several kinds; two failed sends are one too many.
inline constexpr const char* kTwoFaults = R"(version = 1
title = "two failed sends are one too many"
seed = 3
[[traffic]]
arrivals = "poisson"
rate = 50_000
flows = 2
count = 400
[[traffic]]
arrivals = "burst"
rate = 20_000
burst = 16
count = 200
[relay]
hops = 2
[faults]
send_errors_per_million = 20_000
wire_loss_per_million = 20_000
duplicate_per_million = 20_000
receive_end_per_million = 20_000
[expect]
send_drops_max = 1
)";

inline lab::WrittenScenario written(const std::string& text) {
  auto scenario = lab::read_scenario_text(text, "test.toml");
  EXPECT_TRUE(scenario.has_value()) << scenario.error().message;
  return scenario.value_or(lab::WrittenScenario{});
}

inline lab::RecordedRun recorded(const lab::WrittenScenario& scenario,
                                 const lab::RecordControl& control = {}) {
  auto run = lab::record_run(scenario, {}, control);
  EXPECT_TRUE(run.has_value()) << run.error().message;
  return run ? std::move(*run) : lab::RecordedRun{};
}

}  // namespace reprise::tests
