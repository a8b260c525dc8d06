#include "reprise/lab/result.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace reprise::lab {
namespace {

HopResult make_hop(const sim::World& world, const Measurement& measurement, std::uint32_t index) {
  const sim::Node& node = world.node(index);
  const NodeMeasurement& measured = measurement.node(index);
  const engine::OutputCounters sends = node.egress().output_total();
  HopResult hop;
  hop.arrived = node.kernel.arrived();
  hop.kernel_drops = node.kernel.kernel_drops();
  hop.received = node.ingress().ingress_counters().received;
  hop.sent = sends.sent;
  hop.send_drops = sends.dropped_total();
  hop.refused = sends.refused;
  hop.no_buffer = refused_for_want_of_buffers(node, world.config().nodes[index].stage.exhaustion);
  hop.place_times = measured.census.times(measurement.last_event());
  hop.first_refusal = measured.census.first_refusal();
  hop.submits = measured.submits;
  hop.turns = node.turns();
  hop.outstanding_integral = measured.outstanding.integral(measurement.last_event());
  hop.in_flight_integral = measured.in_flight.integral(measurement.last_event());
  hop.in_flight_max = measured.in_flight.max();
  hop.outstanding_max = measured.outstanding.max();
  hop.outstanding_times = measured.outstanding.times();
  hop.in_flight_times = measured.in_flight.times();
  return hop;
}

double ratio(double numerator, double denominator) {
  return denominator > 0 ? numerator / denominator : 0;
}

double mean_ns(const engine::DurationHistogram& times) {
  return ratio(static_cast<double>(times.total_ns()), static_cast<double>(times.count()));
}

HopResult all_hops(const std::vector<HopResult>& hops, bool are_workers) {
  HopResult all;
  for (const HopResult& hop : hops) {
    all.arrived += hop.arrived;
    all.sent += hop.sent;
    all.kernel_drops += hop.kernel_drops;
    all.received += hop.received;
    all.send_drops += hop.send_drops;
    all.refused += hop.refused;
    all.no_buffer += hop.no_buffer;
    all.submits += hop.submits;
    all.turns += hop.turns;
    all.outstanding_integral += hop.outstanding_integral;
    all.in_flight_integral += hop.in_flight_integral;
    all.in_flight_max = std::max(all.in_flight_max, hop.in_flight_max);
    all.outstanding_max = std::max(all.outstanding_max, hop.outstanding_max);
    for (std::size_t place = 0; place < kPlaceCount; ++place) {
      all.place_times[place] += hop.place_times[place];
    }
    const bool is_first =
        hop.first_refusal && (!all.first_refusal || hop.first_refusal->at < all.first_refusal->at);
    if (is_first) all.first_refusal = hop.first_refusal;
    all.outstanding_times.add(hop.outstanding_times);
    all.in_flight_times.add(hop.in_flight_times);
  }
  if (!are_workers) all.sent = hops.back().sent;  // what leaves the chain
  return all;
}

template <class Values>
nlohmann::ordered_json by_place(const Values& values, bool outstanding_only) {
  nlohmann::ordered_json json;
  for (std::size_t place = 0; place < kPlaceCount; ++place) {
    if (outstanding_only && !is_outstanding(Place{static_cast<std::uint8_t>(place)})) continue;
    json[std::string(kPlaceNames[place])] = values[place];
  }
  return json;
}

/// null where no datagram was refused.
nlohmann::ordered_json refusal_figures(const std::optional<Refusal>& refusal) {
  if (!refusal) return nullptr;
  return {{"time_ns", refusal->at.ns},
          {"turn", refusal->turn},
          {"census", by_place(refusal->counts, false)}};
}

nlohmann::ordered_json figures(const HopResult& hop, std::int64_t duration_ns) {
  const auto duration = static_cast<double>(duration_ns);
  nlohmann::ordered_json json;
  json["arrived"] = hop.arrived;
  json["received"] = hop.received;
  json["sent"] = hop.sent;
  json["no_buffer"] = hop.no_buffer;
  json["no_buffer_fraction"] =
      ratio(static_cast<double>(hop.no_buffer), static_cast<double>(hop.arrived));
  json["egress_pps"] = ratio(static_cast<double>(hop.sent) * 1e9, duration);
  json["outstanding_mean"] = ratio(static_cast<double>(hop.outstanding_integral), duration);
  json["outstanding_max"] = hop.outstanding_max;
  json["outstanding_time_mean_ns"] = mean_ns(hop.outstanding_times);
  json["outstanding_time_p50_ns"] = hop.outstanding_times.percentile_ns(500);
  json["outstanding_time_p99_ns"] = hop.outstanding_times.percentile_ns(990);
  json["outstanding_time_p999_ns"] = hop.outstanding_times.percentile_ns(999);
  json["outstanding_region_ns"] = hop.outstanding_integral;
  json["outstanding_region_ns_by_place"] = by_place(hop.place_times, true);
  json["first_refusal"] = refusal_figures(hop.first_refusal);
  json["in_flight_mean"] = ratio(static_cast<double>(hop.in_flight_integral), duration);
  json["in_flight_max"] = hop.in_flight_max;
  json["in_flight_time_mean_ns"] = mean_ns(hop.in_flight_times);
  json["in_flight_time_p99_ns"] = hop.in_flight_times.percentile_ns(990);
  json["kernel_drops"] = hop.kernel_drops;
  json["send_drops"] = hop.send_drops;
  json["refused"] = hop.refused;
  json["submits"] = hop.submits;
  json["turns"] = hop.turns;
  return json;
}

/// "egress queue 61.2 %, …", in the order of a region's way; places without time left out.
std::string places_text(const nlohmann::ordered_json& places, double all) {
  std::string text;
  for (const auto& [place, time] : places.items()) {
    if (time == 0) continue;
    text += fmt::format("{}{} {:.2f} %", text.empty() ? "" : ", ", place,
                        100 * ratio(time.get<double>(), all));
  }
  return text.empty() ? "nowhere" : text;
}

/// "send_refused 12, down 3": also those that never happened.
std::string faults_text(const std::vector<std::pair<std::string, std::uint64_t>>& faults) {
  std::string text;
  for (const auto& [kind, count] : faults)
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", kind, count);
  return text;
}

std::string refusal_text(const nlohmann::ordered_json& refusal) {
  std::string text =
      fmt::format("at {:.3f} ms, in turn {}; buffers:", refusal["time_ns"].get<double>() / 1e6,
                  refusal["turn"].get<std::uint64_t>());
  for (const auto& [place, count] : refusal["census"].items()) {
    if (count != 0) text += fmt::format(" {} {}", place, count.get<std::uint64_t>());
  }
  return text;
}

}  // namespace

RunResult make_result(const sim::World& world, const Measurement& measurement) {
  RunResult result;
  result.offered = world.offered();
  result.events = measurement.events();
  result.digest = measurement.digest();
  result.laws_hold = world.laws_hold();
  if (world.config().arrangement == sim::Arrangement::workers) result.workers = world.node_count();
  if (measurement.first_arrival() != engine::kNever) {
    result.duration_ns = (measurement.last_event() - measurement.first_arrival()).ns;
  }
  for (std::size_t index = 0; index < sim::kFaultKindCount; ++index) {
    const sim::FaultKind kind = sim::fault_kind(index);
    if (world.config().faults.has(kind))
      result.faults.emplace_back(name(kind), world.fault_count(kind));
  }
  for (std::uint32_t index = 0; index < world.node_count(); ++index) {
    result.hops.push_back(make_hop(world, measurement, index));
    for (std::uint32_t output = 0; output < world.config().nodes[index].fan_out; ++output) {
      for (std::uint32_t flow = 0; flow < world.config().traffic.size(); ++flow) {
        const sim::Delivered& delivered = world.delivered(index, output, flow);
        result.delivered += delivered.received;
        result.reordered += delivered.reordered;
        result.damaged += delivered.damaged;
      }
    }
  }
  return result;
}

nlohmann::ordered_json to_json(const RunResult& result) {
  nlohmann::ordered_json json;
  json["scenario"] = result.scenario;
  json["profile"] = result.profile;
  json["seed"] = result.seed;
  if (result.workers > 1) {
    json["workers"] = result.workers;
    json["simulated"] = true;
  }
  json["offered"] = result.offered;
  json["delivered"] = result.delivered;
  json.update(figures(all_hops(result.hops, result.workers > 1), result.duration_ns));
  json["reordered"] = result.reordered;
  json["damaged"] = result.damaged;
  json["duration_ns"] = result.duration_ns;
  json["events"] = result.events;
  json["faults"] = nlohmann::ordered_json::object();
  for (const auto& [kind, count] : result.faults) json["faults"][kind] = count;
  json["complete"] = result.complete;
  json["laws_hold"] = result.laws_hold;
  json["digest"] = fmt::format("{:016x}", result.digest);
  if (result.hops.size() > 1) {
    const char* const name = result.workers > 1 ? "each_worker" : "hops";
    for (const HopResult& hop : result.hops) json[name].push_back(figures(hop, result.duration_ns));
  }
  if (result.series) json["series"] = to_json(*result.series);
  return json;
}

std::string to_text(const RunResult& result) {
  const nlohmann::ordered_json json = to_json(result);
  const auto number = [&](const char* key) { return json[key].get<double>(); };
  std::string text = fmt::format("{}, seed {}\n", result.scenario, result.seed);
  const auto line = [&](std::string_view label, const std::string& value) {
    text += fmt::format("  {:<22}{}\n", label, value);
  };
  line("kernel", result.profile);
  if (result.workers > 1)
    line("workers", fmt::format("{} side by side, simulated", result.workers));
  line("offered", fmt::format("{} datagrams in {:.3f} ms of virtual time", result.offered,
                              static_cast<double>(result.duration_ns) / 1e6));
  line("sent",
       fmt::format("{} ({:.0f} per second), delivered {}", json["sent"].get<std::uint64_t>(),
                   number("egress_pps"), result.delivered));
  line("no buffer", fmt::format("{} ({:.2f} %)", json["no_buffer"].get<std::uint64_t>(),
                                100 * number("no_buffer_fraction")));
  line("dropped", fmt::format("{} in the kernel's receive buffer, {} at outputs",
                              json["kernel_drops"].get<std::uint64_t>(),
                              json["send_drops"].get<std::uint64_t>()));
  line("outstanding",
       fmt::format("mean {:.2f}, most {}; time mean {:.2f} µs, p99 {:.2f} µs",
                   number("outstanding_mean"), json["outstanding_max"].get<std::uint64_t>(),
                   number("outstanding_time_mean_ns") / 1e3,
                   number("outstanding_time_p99_ns") / 1e3));
  line("in flight",
       fmt::format("mean {:.2f}, most {}; time mean {:.2f} µs", number("in_flight_mean"),
                   json["in_flight_max"].get<std::uint64_t>(),
                   number("in_flight_time_mean_ns") / 1e3));
  line("outstanding, where",
       places_text(json["outstanding_region_ns_by_place"], number("outstanding_region_ns")));
  if (!json["first_refusal"].is_null()) line("first refusal", refusal_text(json["first_refusal"]));
  line("order, integrity",
       fmt::format("{} reordered, {} damaged", result.reordered, result.damaged));
  if (!result.faults.empty()) line("faults", faults_text(result.faults));
  line("digest", json["digest"].get<std::string>());
  if (!result.complete) text += "  interrupted: the figures cover what was simulated\n";
  if (!result.laws_hold)
    text += "  a conservation law does not hold: this is a bug, please report it with the seed\n";
  return text;
}

}  // namespace reprise::lab
