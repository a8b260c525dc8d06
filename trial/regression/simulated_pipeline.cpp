#include "reprise/trial/regression/simulated_pipeline.hpp"

#include <algorithm>

#include "reprise/lab/run.hpp"

namespace reprise::trial {
namespace {

class WindowObserver final : public lab::RunObserver {
 public:
  WindowObserver(engine::Instant begin, engine::Instant end) : window_(begin, end) {}

  void see(const sim::World& world, const lab::Measurement&, const sim::Event& event) override {
    if (event.kind == sim::EventKind::phase)
      window_.look(event.time, world.node(0).egress().egress().sent());
  }
  [[nodiscard]] double per_second() const { return window_.per_second(); }

 private:
  RateWindow window_;
};

/// When the last datagram is offered, of constant arrivals.
engine::Instant offered_until(const sim::TrafficConfig& traffic) {
  const double length_ns =
      static_cast<double>(traffic.count) * 1e9 / static_cast<double>(traffic.rate);
  return {traffic.start_ns + static_cast<std::int64_t>(length_ns)};
}

}  // namespace

void receive_from_memory(sim::CostProfile& costs) {
  costs.receive_ns = kMemorySourceFrameNs;
  costs.receive_byte_ps = 0;
  costs.gather_ns = 0;
}

lab::Scenario scenario_of(const PipelineCase& tried, const PipelineLoad& load,
                          const sim::CostProfile& costs) {
  constexpr double kSecondsMax = 1.0;  // nothing changes after that
  lab::Scenario scenario;
  scenario.name = tried.name;
  sim::WorldConfig& world = scenario.world;
  world.costs = costs;
  sim::NodeConfig& node = world.nodes[0];
  node.stage = tried.stage;
  node.threads = 2;
  node.egress_core = tried.layout == Layout::two_cores ? 1 : 0;
  node.completions_max = 2 * tried.stage.submissions_max;
  if (tried.send_buffer_bytes > 0) node.send_buffer_bytes = 2 * tried.send_buffer_bytes;
  node.receive_buffer_bytes = 2 * (4U << 20U);
  if (tried.layout == Layout::two_cores) receive_from_memory(world.costs);
  world.traffic[0].rate = load.rate;
  world.traffic[0].payload_bytes = load.payload_bytes;
  world.traffic[0].count = static_cast<std::uint64_t>(static_cast<double>(load.rate) *
                                                      std::min(load.seconds, kSecondsMax));
  return scenario;
}

PipelineFigures simulate(const lab::Scenario& scenario, const std::atomic<bool>& stop) {
  const engine::Instant end = offered_until(scenario.world.traffic[0]);
  const auto begin_ns = static_cast<std::int64_t>(kWarmUp * static_cast<double>(end.ns));
  WindowObserver observer({begin_ns}, end);
  const lab::RunResult result =
      lab::run(scenario, scenario.seed, {.stop = &stop, .observers = {&observer}});
  const lab::HopResult& hop = result.hops[0];
  const auto duration = static_cast<double>(std::max<std::int64_t>(result.duration_ns, 1));
  const auto arrived = static_cast<double>(std::max<std::uint64_t>(hop.arrived, 1));
  PipelineFigures figures;
  figures.egress_per_second = observer.per_second();
  figures.offered_per_second = static_cast<double>(hop.arrived) * 1e9 / duration;
  figures.refused_fraction = 1 - static_cast<double>(hop.sent) / arrived;
  for (std::size_t place = 0; place < lab::kPlaceCount; ++place) {
    figures.census[std::string(lab::kPlaceNames[place])] =
        static_cast<double>(hop.place_times[place]) / duration;
  }
  figures.outstanding = static_cast<double>(hop.outstanding_integral) / duration;
  figures.in_flight = figures.census["in_flight"] + figures.census["completed"];
  return figures;
}

}  // namespace reprise::trial
