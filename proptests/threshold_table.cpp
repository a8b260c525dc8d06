#include "threshold_table.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>

namespace reprise::proptests {
namespace {

using engine::Exhaustion;
using engine::Policy;
using engine::Role;
using engine::SendOrder;
using sim::ArrivalTimes;

/// For arrivals between turns only.
std::uint32_t egress_windows(const TurnCase& tried) {
  const std::uint32_t delay = tried.delay_turns;
  const bool linked = tried.send_order == SendOrder::linked;
  switch (tried.policy) {
    case Policy::synchronous: return 1;
    case Policy::deferred: return linked ? 2 * std::max(delay, 1U) : std::max(delay, 1U) + 1;
    case Policy::eager:
      if (delay == 0) return 1;
      return linked ? 2 * delay : delay + 1;
    case Policy::adaptive: return linked ? 2 * delay + 1 : delay + 1;
  }
  return 0;
}

std::uint32_t waiting_windows(const TurnCase& tried) {
  const std::uint32_t delay = tried.delay_turns;
  const bool linked = tried.send_order == SendOrder::linked;
  switch (tried.policy) {
    case Policy::synchronous: return 2;
    case Policy::deferred:
    case Policy::eager: return linked ? 2 * std::max(delay, 1U) : std::max(delay, 1U) + 1;
    case Policy::adaptive: return linked ? 2 * delay + 3 : delay + 3;
  }
  return 0;
}

std::uint32_t dropping_windows(const TurnCase& tried) {
  const std::uint32_t delay = tried.delay_turns;
  const bool linked = tried.send_order == SendOrder::linked;
  switch (tried.policy) {
    case Policy::synchronous: return 1;
    case Policy::deferred:
    case Policy::eager: return linked ? 2 * std::max(delay, 1U) - 1 : std::max(delay, 1U);
    case Policy::adaptive: return linked ? std::max(2 * delay + 1, 2U) : std::max(delay, 1U) + 1;
  }
  return 0;
}

std::uint32_t arrivals_in(const TurnCase& tried, std::uint32_t windows) {
  return tried.burst + (windows - 1) * tried.rate;
}

}  // namespace

std::uint32_t windows_of(const TurnCase& tried) {
  const std::uint32_t during = tried.arrival_times == ArrivalTimes::any ? 1 : 0;
  if (tried.role == Role::egress) return egress_windows(tried) + during;
  if (tried.exhaustion == Exhaustion::drop) return dropping_windows(tried) + during;
  // An adaptive turn begins with the phase that provides: what arrives during it finds that done.
  return waiting_windows(tried) + (tried.policy == Policy::adaptive ? 0 : during);
}

std::uint32_t table_pool(const TurnCase& tried) { return arrivals_in(tried, windows_of(tried)); }

std::uint32_t batch_least(const TurnCase& tried) {
  std::uint32_t windows = 1;
  if (tried.send_order == SendOrder::linked && tried.policy != Policy::synchronous) {
    // A chain carries what came while the last one was not reaped.
    windows =
        tried.policy == Policy::adaptive ? tried.delay_turns + 1 : std::max(tried.delay_turns, 1U);
  }
  return arrivals_in(tried, windows) * tried.fan_out;
}

std::shared_ptr<const sim::TurnWorldConfig> config_of(const TurnCase& tried, std::uint32_t pool) {
  sim::TurnWorldConfig config;
  engine::StageConfig& stage = config.stage;
  stage.role = tried.role;
  stage.policy = tried.policy;
  stage.exhaustion = tried.exhaustion;
  stage.hazards.send_order = tried.send_order;
  stage.wake_up = engine::WakeUp::spin;
  stage.pool = pool;
  stage.landing = 4 * tried.burst;  // ample: at most two windows between two provides
  stage.region_bytes = 128;
  stage.batch = batch_least(tried) + tried.more_batch;
  stage.submissions_max = stage.batch + 4;
  stage.sends_max = stage.batch + table_pool(tried) * tried.fan_out;
  stage.output_queue = stage.batch;
  stage.inputs_max = 1;
  stage.rules_max = 1;
  stage.outputs_max = tried.fan_out;
  config.fan_out = tried.fan_out;
  config.burst = tried.burst;
  config.rate = tried.rate;
  config.arrival_times = tried.arrival_times;
  config.delay_turns = tried.delay_turns;
  for (const engine::Error& error : check(config)) {
    fmt::print(stderr, "{}: {}\n", to_text(tried), error.message);
    REPRISE_ASSERT(false);
  }
  return std::make_shared<const sim::TurnWorldConfig>(config);
}

std::string to_text(const TurnCase& tried) {
  return fmt::format(
      "{} stage, {}, exhaustion = {}, send_order = {}, arrivals {}, burst = {}, rate = {}, "
      "delay_turns = {}, fan_out = {}, batch = {}; table: {}",
      name(tried.role), name(tried.policy), name(tried.exhaustion),
      engine::kSendOrderNames[static_cast<std::size_t>(tried.send_order)],
      tried.arrival_times == ArrivalTimes::any ? "at any time" : "between turns", tried.burst,
      tried.rate, tried.delay_turns, tried.fan_out, batch_least(tried) + tried.more_batch,
      table_pool(tried));
}

void showValue(const TurnCase& tried, std::ostream& stream) { stream << to_text(tried); }

std::uint32_t AtMost::choose(sim::Site, std::uint32_t count) {
  return position_ < picks_.size() ? std::min(picks_[position_++], count - 1) : 0;
}

std::uint32_t Pressing::choose(sim::Site site, std::uint32_t count) {
  if (any_.pick(sim::Site::tie, 100) < percent_) return count - 1;
  return any_.pick(site, count);
}

}  // namespace reprise::proptests
