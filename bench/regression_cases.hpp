// The cases of bench/regression.cpp: policies × hazards.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reprise/engine/stage_config.hpp"
#include "reprise/trial/regression/real_pipeline.hpp"

namespace reprise::bench {

using trial::Layout;
using Case = trial::PipelineCase;

/// The report's relay: ring 64, batch 32, 1000 buffers, datagrams without one are dropped.
inline engine::StageConfig reported_stage(engine::Policy policy) {
  engine::StageConfig stage;
  stage.policy = policy;
  stage.exhaustion = engine::Exhaustion::drop;
  stage.wake_up = engine::WakeUp::spin;
  stage.pool = 1000;
  stage.landing = 256;
  stage.batch = 32;
  stage.submissions_max = 64;
  stage.hazards.send_order = engine::SendOrder::unlinked;
  stage.hazards.item_bytes = 96;
  return stage;
}

inline std::vector<Case> all_cases() {
  using engine::BacklogKind;
  using engine::Drain;
  using engine::LogLines;
  using engine::Policy;
  using engine::StageConfig;
  std::vector<Case> cases;
  const auto add = [&cases](std::string name, Policy policy, auto change,
                            Layout layout = Layout::two_cores, std::uint32_t send_buffer = 0) {
    StageConfig stage = reported_stage(policy);
    change(stage);
    cases.push_back({std::move(name), stage, layout, send_buffer});
  };
  const auto as_it_is = [](StageConfig&) {};
  const auto erase_and_drain_all = [](StageConfig& stage) {
    stage.hazards.backlog = BacklogKind::erase_front;
    stage.hazards.drain = Drain::all;
  };
  add("synchronous", Policy::synchronous, as_it_is);
  add("deferred", Policy::deferred, as_it_is);
  add("eager", Policy::eager, as_it_is);
  add("adaptive, linked (production)", Policy::adaptive,
      [](StageConfig& stage) { stage.hazards.send_order = engine::SendOrder::linked; });
  add("deferred, drain all", Policy::deferred,
      [](StageConfig& stage) { stage.hazards.drain = Drain::all; });
  add("deferred, erase-front", Policy::deferred,
      [](StageConfig& stage) { stage.hazards.backlog = BacklogKind::erase_front; });
  add("synchronous, erase-front + all", Policy::synchronous, erase_and_drain_all);
  add("deferred, erase-front + all", Policy::deferred, erase_and_drain_all);
  add("deferred, the same, pool 10000", Policy::deferred, [&](StageConfig& stage) {
    erase_and_drain_all(stage);
    stage.pool = 10'000;
  });
  add("deferred, pool 10000", Policy::deferred, [](StageConfig& stage) { stage.pool = 10'000; });
  add("deferred, ring 1024", Policy::deferred,
      [](StageConfig& stage) { stage.submissions_max = stage.sends_max = 1024; });
  add("deferred, socket buffer 16 KiB", Policy::deferred, as_it_is, Layout::two_cores, 16'384);
  add("deferred, nap 50 us", Policy::deferred,
      [](StageConfig& stage) { stage.hazards.nap_us = 50; });
  add("deferred, event wake-up", Policy::deferred,
      [](StageConfig& stage) { stage.wake_up = engine::WakeUp::event; });
  add("deferred, line per drop", Policy::deferred,
      [](StageConfig& stage) { stage.hazards.log_lines = LogLines::drops; });
  add("deferred, line per datagram", Policy::deferred,
      [](StageConfig& stage) { stage.hazards.log_lines = LogLines::datagrams; });
  const auto on_one_core = [](StageConfig& stage) { stage.wake_up = engine::WakeUp::event; };
  add("one core: synchronous", Policy::synchronous, on_one_core, Layout::one_core);
  add("one core: deferred", Policy::deferred, on_one_core, Layout::one_core);
  add("one core: deferred, spin", Policy::deferred, as_it_is, Layout::one_core);
  add(
      "one core: deferred, erase-front + all", Policy::deferred,
      [&](StageConfig& stage) {
        on_one_core(stage);
        erase_and_drain_all(stage);
      },
      Layout::one_core);
  add(
      "one core: the same, line per drop", Policy::deferred,
      [&](StageConfig& stage) {
        on_one_core(stage);
        erase_and_drain_all(stage);
        stage.hazards.log_lines = LogLines::drops;
      },
      Layout::one_core);
  return cases;
}

}  // namespace reprise::bench
