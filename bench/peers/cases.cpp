#include "cases.hpp"

namespace reprise::bench::peers {

std::vector<Case> all_cases() {
  std::vector<Case> cases;
  const auto add = [&cases](const char* name, const char* title, Kind kind, auto change) {
    Case& added = cases.emplace_back(Case{.name = name, .title = title, .kind = kind});
    change(added.scenario);
  };
  const auto add_rate = [&add](const char* name, const char* title, std::uint64_t rate) {
    add(name, title, Kind::throughput,
        [rate](Scenario& scenario) { scenario.rate_per_second = rate; });
  };
  add_rate("rate_50k", "one flow, 1400 B, 50k/s", 50'000);
  add_rate("rate_100k", "one flow, 1400 B, 100k/s", 100'000);
  add_rate("rate_200k", "one flow, 1400 B, 200k/s", 200'000);
  add_rate("rate_400k", "one flow, 1400 B, 400k/s", 400'000);
  add_rate("rate_full", "one flow, 1400 B, as fast as it goes", 0);
  // As fast as it goes, so that every relay works at its own best.
  add("small", "one flow, 64 B, as fast as it goes", Kind::throughput,
      [](Scenario& scenario) { scenario.payload_bytes = 64; });
  add("flows_16", "16 interleaved flows, 1400 B, as fast as it goes", Kind::throughput,
      [](Scenario& scenario) { scenario.flows = 16; });
  add("varied", "every datagram another length, as fast as it goes", Kind::throughput,
      [](Scenario& scenario) {
        scenario.is_varied = true;
        scenario.payload_bytes = kVariedFirstBytes + kVariedCount / 2 * kVariedStepBytes;
      });
  add("no_offload", "one flow, 1400 B, no segmentation offload, as fast as it goes",
      Kind::throughput, [](Scenario& scenario) { scenario.has_offloads = false; });
  add("fan_out_3", "1:3, 1400 B, 50k/s in", Kind::throughput, [](Scenario& scenario) {
    scenario.rate_per_second = 50'000;
    scenario.outputs = 3;
  });
  add("fan_out_50", "1:50, 1400 B, 10k/s in", Kind::throughput, [](Scenario& scenario) {
    scenario.rate_per_second = 10'000;
    scenario.outputs = 50;
  });
  add("hops_3", "three relays in a row, 1400 B, 100k/s", Kind::throughput, [](Scenario& scenario) {
    scenario.rate_per_second = 100'000;
    scenario.hops = 3;
  });
  const auto slowly = [](Scenario& scenario) { scenario.rate_per_second = 10'000; };
  add("latency", "one flow, 1400 B, 10k/s", Kind::checked, slowly);
  add("check", "every payload and the order, 50k/s", Kind::checked,
      [](Scenario& scenario) { scenario.rate_per_second = 50'000; });
  add("check_hops", "the same over three relays", Kind::checked, [](Scenario& scenario) {
    scenario.rate_per_second = 50'000;
    scenario.hops = 3;
  });
  add("check_jumbo", "8900 B with an MTU of 9000, two relays, 10k/s", Kind::checked,
      [](Scenario& scenario) {
        scenario.rate_per_second = 10'000;
        scenario.payload_bytes = 8900;
        scenario.mtu_bytes = 9000;
        scenario.hops = 2;
      });
  add("start", "start to first relayed datagram, and memory", Kind::start, slowly);
  for (Case& tried : cases) {
    for (const char* left_out : {"rate_100k", "rate_400k", "fan_out_3", "check"}) {
      if (tried.name == left_out) tried.is_quick = false;
    }
  }
  return cases;
}

}  // namespace reprise::bench::peers
