// The two-thread pipeline on the simulated kernel: the counterpart of real_pipeline.hpp.
#pragma once

#include <atomic>

#include "reprise/lab/scenario.hpp"
#include "reprise/trial/regression/pipeline_figures.hpp"
#include "reprise/trial/regression/real_pipeline.hpp"

namespace reprise::trial {

/// A scenario of one relay that is set up as the case's, with its load.
lab::Scenario scenario_of(const PipelineCase& tried, const PipelineLoad& load,
                          const sim::CostProfile& costs);

/// What frames out of memory cost the thread that takes them, in place of what receiving does.
void receive_from_memory(sim::CostProfile& costs);

/// Simulates a scenario with one relay; with `stop` raised, less than all of it.
PipelineFigures simulate(const lab::Scenario& scenario, const std::atomic<bool>& stop);

}  // namespace reprise::trial
