#include "case_generator.hpp"

#include <algorithm>
#include <cstddef>
#include <tuple>
#include <utility>
#include <vector>

namespace reprise::proptests {
namespace {

using std::uint32_t;

constexpr std::size_t kNodesMax = 3;
constexpr std::size_t kFlowsMax = 3;

/// From `least` to `most`, at every size alike; shrinks to `least`.
template <class Number = uint32_t>
rc::Gen<Number> between(Number least, Number most) {
  return rc::gen::resize(rc::kNominalSize, rc::gen::inRange<Number>(least, most + 1));
}

/// One of `values`; shrinks towards the first.
template <class Value>
rc::Gen<Value> one_of(std::vector<Value> values) {
  const std::size_t last = values.size() - 1;
  return rc::gen::map(between<std::size_t>(0, last),
                      [values = std::move(values)](std::size_t index) { return values[index]; });
}

/// The first `count` of `most` elements.
template <class Element>
rc::Gen<std::vector<Element>> some(std::size_t least, std::size_t most, rc::Gen<Element> element) {
  return rc::gen::map(rc::gen::pair(between(least, most), rc::gen::container<std::vector<Element>>(
                                                              most, std::move(element))),
                      [](std::pair<std::size_t, std::vector<Element>> drawn) {
                        drawn.second.resize(drawn.first);
                        return std::move(drawn.second);
                      });
}

/// Most cases have none, so that a hazard hides nothing from the others.
rc::Gen<engine::Hazards> hazards() {
  using engine::BacklogKind;
  using engine::Drain;
  using engine::Hazards;
  using engine::LogLines;
  using engine::SendOrder;
  using rc::gen::set;
  return rc::gen::build<Hazards>(
      set(&Hazards::backlog,
          one_of<BacklogKind>({BacklogKind::ring, BacklogKind::ring, BacklogKind::erase_front})),
      set(&Hazards::item_bytes, one_of<uint32_t>({16, 17, 256})),
      set(&Hazards::drain, one_of<Drain>({Drain::batch, Drain::batch, Drain::all})),
      set(&Hazards::send_order,
          one_of<SendOrder>({SendOrder::linked, SendOrder::linked, SendOrder::linked,
                             SendOrder::linked, SendOrder::linked, SendOrder::unlinked})),
      set(&Hazards::log_lines,
          one_of<LogLines>({LogLines::none, LogLines::none, LogLines::drops, LogLines::datagrams})),
      set(&Hazards::nap_us, one_of<uint32_t>({0, 0, 0, 0, 0, 0, 0, 1, 50})));
}

rc::Gen<engine::StageConfig> stages() {
  using engine::Exhaustion;
  using engine::Policy;
  using engine::StageConfig;
  using engine::WakeUp;
  using rc::gen::set;
  const auto drawn = rc::gen::build<StageConfig>(
      set(&StageConfig::policy,
          one_of<Policy>({Policy::adaptive, Policy::synchronous, Policy::deferred, Policy::eager})),
      set(&StageConfig::exhaustion, one_of<Exhaustion>({Exhaustion::wait, Exhaustion::drop})),
      set(&StageConfig::wake_up, one_of<WakeUp>({WakeUp::event, WakeUp::spin, WakeUp::hybrid})),
      set(&StageConfig::spin_turns, one_of<uint32_t>({3, 0, 1, 100})),
      set(&StageConfig::hazards, hazards()), set(&StageConfig::pool, between(1U, 48U)),
      set(&StageConfig::landing, between(1U, 6U)),
      set(&StageConfig::region_bytes, one_of<uint32_t>({2048, 2048, 2048, 512})),
      set(&StageConfig::blocks, one_of<uint32_t>({0, 0, 0, 0, 0, 0, 0, 0, 2, 5})),
      set(&StageConfig::block_bytes, one_of<uint32_t>({8192, 16'384, 4096})),
      set(&StageConfig::intake, one_of<uint32_t>({64, 8, 1})),
      set(&StageConfig::segments_max, one_of<uint32_t>({1, 1, 1, 1, 1, 1, 64, 3})),
      set(&StageConfig::segmented_bytes_max, one_of<uint32_t>({65'487, 3000})),
      set(&StageConfig::batch, between(1U, 8U)),
      // How much more than a batch, until the map below.
      set(&StageConfig::submissions_max, one_of<uint32_t>({8, 4, 1, 0, 0})),
      set(&StageConfig::sends_max, between(0U, 12U)),
      set(&StageConfig::output_queue, between(0U, 8U)));
  return rc::gen::map(drawn, [](StageConfig stage) {
    stage.submissions_max += stage.batch;
    stage.sends_max += stage.batch;
    stage.output_queue += stage.batch;
    stage.inputs_max = 1;
    return stage;
  });
}

rc::Gen<std::vector<sim::Stall>> stalls() {
  using rc::gen::set;
  using sim::Stall;
  const auto drawn =
      rc::gen::build<Stall>(set(&Stall::start_ns, between<std::int64_t>(0, 100'000)),
                            set(&Stall::length_ns, between<std::int64_t>(1, 500'000)));
  return rc::gen::map(some(0, 3, drawn), [](std::vector<Stall> stalls) {
    std::int64_t end_ns = 0;
    for (Stall& stall : stalls) {
      stall.start_ns += end_ns;
      end_ns = stall.start_ns + stall.length_ns;
    }
    return stalls;
  });
}

rc::Gen<sim::LinkConfig> links() {
  using rc::gen::set;
  using sim::LinkConfig;
  return rc::gen::build<LinkConfig>(
      set(&LinkConfig::bits_per_second,
          one_of<std::uint64_t>({0, 10'000'000'000, 1'000'000'000, 100'000'000, 20'000'000})),
      set(&LinkConfig::delay_ns, one_of<std::int64_t>({0, 1'000, 50'000, 1'000'000})),
      set(&LinkConfig::queue, one_of<uint32_t>({1000, 200, 200, 3})),
      set(&LinkConfig::carries_merged, one_of<bool>({false, true})),
      set(&LinkConfig::stalls, stalls()));
}

rc::Gen<sim::NodeConfig> nodes() {
  using rc::gen::set;
  using sim::NodeConfig;
  const auto drawn = rc::gen::build<NodeConfig>(
      set(&NodeConfig::stage, stages()), set(&NodeConfig::threads, between(1U, 2U)),
      set(&NodeConfig::ring_timeout_ns, one_of<std::int64_t>({1'000'000, 20'000})),
      set(&NodeConfig::core, between(0U, 2U)), set(&NodeConfig::egress_core, between(0U, 3U)),
      set(&NodeConfig::fan_out, between(1U, 3U)),
      set(&NodeConfig::completions_max, one_of<uint32_t>({128, 8, 1})),
      set(&NodeConfig::send_buffer_bytes, one_of<uint32_t>({212'992, 8'192, 4'608, 4'608})),
      set(&NodeConfig::receive_buffer_bytes, one_of<uint32_t>({212'992, 212'992, 32'768, 4'608})),
      set(&NodeConfig::link, links()));
  return rc::gen::map(drawn, [](NodeConfig node) {
    if (node.stage.blocks > 0) node.threads = 1;  // the only ones that may have rings
    return node;
  });
}

rc::Gen<sim::TrafficConfig> flows() {
  using rc::gen::set;
  using sim::Arrivals;
  using sim::TrafficConfig;
  return rc::gen::build<TrafficConfig>(
      set(&TrafficConfig::arrivals,
          one_of<Arrivals>({Arrivals::constant, Arrivals::poisson, Arrivals::burst,
                            Arrivals::on_off, Arrivals::on_off_random, Arrivals::token_bucket})),
      set(&TrafficConfig::rate, one_of<std::uint64_t>({20'000, 100'000, 400'000, 5'000'000})),
      set(&TrafficConfig::burst, between(1U, 16U)),
      set(&TrafficConfig::payload_bytes, one_of<uint32_t>({100, 16, 470, 471, 1400, 1400})),
      set(&TrafficConfig::count, between<std::uint64_t>(0, 100)),
      set(&TrafficConfig::start_ns, one_of<std::int64_t>({0, 1'000, 200'000})),
      set(&TrafficConfig::shares_group, one_of<bool>({false, true})),
      set(&TrafficConfig::third_payload_bytes, one_of<uint32_t>({0, 0, 90, 110, 1400})),
      set(&TrafficConfig::on_ns, one_of<std::int64_t>({100'000, 1'000'000, 10'000})),
      set(&TrafficConfig::off_ns, one_of<std::int64_t>({100'000, 1'000'000, 0})));
}

/// None in half of the cases; else some kinds of the strongest plan, sometimes with a quiet
/// window.
rc::Gen<sim::FaultPlan> faults() {
  const auto drawn = rc::gen::tuple(some(0, sim::kFaultKindCount, between(0U, 7U)), between(0U, 3U),
                                    one_of<std::int64_t>({0, 0, 20'000, 1'000'000}));
  return rc::gen::map(drawn,
                      [](const std::tuple<std::vector<uint32_t>, uint32_t, std::int64_t>& parts) {
                        // Each kind's draw as picks: whether it exists, and how much weaker.
                        if (std::get<1>(parts) < 2) return sim::FaultPlan{};
                        std::vector<uint32_t> picks;
                        for (const uint32_t each : std::get<0>(parts)) {
                          picks.push_back(each & 1U);
                          if ((each & 1U) != 0) picks.push_back(each >> 1);
                        }
                        sim::FaultPlan most = sim::strongest_faults();
                        // Runs are short: what lasts comes soon.
                        for (sim::FaultWindow& window : most.windows) {
                          window.spacing_ns /= 20;
                          window.length_ns /= 5;
                        }
                        sim::Listed choices(picks);
                        sim::FaultPlan plan = sim::draw_faults(choices, most);
                        if (const std::int64_t start_ns = std::get<2>(parts); start_ns > 0)
                          plan.quiet = {{start_ns, 10'000'000'000}};
                        return plan;
                      });
}

rc::Gen<sim::WorldConfig> configs() {
  const auto drawn =
      rc::gen::tuple(some(1, kNodesMax, nodes()), some(1, kFlowsMax, flows()),
                     one_of<sim::TaskRun>(
                         {sim::TaskRun::cooperative, sim::TaskRun::plain, sim::TaskRun::deferred}),
                     one_of<uint32_t>({0, 0, 50'000, 300'000}),
                     one_of<uint32_t>({0, 0, 10'000, 200'000}), faults());
  return rc::gen::map(
      drawn, [](const std::tuple<std::vector<sim::NodeConfig>, std::vector<sim::TrafficConfig>,
                                 sim::TaskRun, uint32_t, uint32_t, sim::FaultPlan>& parts) {
        sim::WorldConfig config;
        config.nodes = std::get<0>(parts);
        config.traffic = std::get<1>(parts);
        config.kernel.task_run = std::get<2>(parts);
        config.kernel.chain_pauses_per_million = std::get<3>(parts);
        config.faults = std::get<5>(parts);
        if (config.faults.is_empty())
          config.faults.rate(sim::FaultKind::send_unreachable) = std::get<4>(parts);
        const auto flow_count = static_cast<uint32_t>(config.traffic.size());
        uint32_t index = 0;
        for (sim::NodeConfig& node : config.nodes) {
          node.core = std::min(node.core, index++);
          node.stage.rules_max = flow_count;
          node.stage.outputs_max = flow_count * node.fan_out;
        }
        RC_ASSERT(check(config).empty());
        return config;
      });
}

/// Half of the cases with listed picks, which shrink; half with hashed ones, which do not end.
rc::Gen<Case> draw(rc::Gen<uint32_t> stop_at_step, rc::Gen<uint32_t> abandon_after) {
  const auto picks =
      rc::gen::resize(rc::kNominalSize * 3,
                      rc::gen::container<std::vector<uint32_t>>(rc::gen::arbitrary<uint32_t>()));
  const auto drawn =
      rc::gen::tuple(configs(), one_of<sim::Timing>({sim::Timing::timed, sim::Timing::untimed}),
                     one_of<bool>({true, false}), between<std::uint64_t>(1, 1'000'000'000), picks,
                     std::move(stop_at_step), std::move(abandon_after));
  return rc::gen::map(drawn, [](std::tuple<sim::WorldConfig, sim::Timing, bool, std::uint64_t,
                                           std::vector<uint32_t>, uint32_t, uint32_t>
                                    parts) {
    Case tried;
    tried.config = std::move(std::get<0>(parts));
    tried.timing = std::get<1>(parts);
    const bool is_listed = std::get<2>(parts);
    if (is_listed) {
      tried.picks = std::move(std::get<4>(parts));
    } else {
      tried.seed = std::get<3>(parts);
    }
    tried.stop_at_step = std::get<5>(parts);
    const uint32_t abandon_after_steps = std::get<6>(parts);
    if (abandon_after_steps > 0) {
      tried.abandon_at_step = tried.stop_at_step + abandon_after_steps - 1;
    }
    return tried;
  });
}

}  // namespace

rc::Gen<Case> cases() { return draw(rc::gen::just(0U), rc::gen::just(0U)); }

rc::Gen<Case> stopped_cases() { return draw(between(1U, 1200U), one_of<uint32_t>({0, 1, 2, 40})); }

}  // namespace reprise::proptests
