// Resolving a scenario: keys are checked against one another, and a world is made of them.
#include "reprise/lab/scenario.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "reprise/lab/toml_file.hpp"
#include "reprise/lab/written_scenario.hpp"

namespace reprise::lab {
namespace {

using engine::Error;
using engine::Expected;
using engine::failure;

/// Where a key was written, else the whole file.
std::string place_of_key(const WrittenScenario& written, std::string_view key) {
  const auto place = written.places.find(key);
  return place == written.places.end() ? written.file : place->second;
}

/// What the ranges of single keys cannot say.
Expected<void> check_together(const WrittenScenario& written) {
  const engine::StageConfig& stage = written.draft.node.stage;
  if (stage.batch > stage.submissions_max) {
    const bool batch_is_written = written.places.contains("batch");
    return failure(fmt::format(
        "{}: {} = {}: expected {}; {}", place_of_key(written, batch_is_written ? "batch" : "ring"),
        batch_is_written ? "batch" : "ring", batch_is_written ? stage.batch : stage.submissions_max,
        batch_is_written ? fmt::format("1 to {}, the ring", stage.submissions_max)
                         : fmt::format("at least {}, the batch", stage.batch),
        batch_is_written ? "lower it or raise ring" : "raise it or lower batch"));
  }
  if (written.places.contains("stall_start_ns") && !written.places.contains("stall_length_ns")) {
    return failure(fmt::format("{}: stall_start_ns: expected stall_length_ns beside it",
                               place_of_key(written, "stall_start_ns")));
  }
  if (written.draft.workers > 1 && written.draft.hops > 1) {
    return failure(fmt::format(
        "{}: workers = {}: expected 1 with hops = {}: workers stand side by side, at one relay",
        place_of_key(written, "workers"), written.draft.workers, written.draft.hops));
  }
  return {};
}

/// What people set are the ring and the batch; capacities that only follow from them grow along.
void fit_capacities(WrittenScenario& written) {
  engine::StageConfig& stage = written.draft.node.stage;
  const auto is_written = [&](std::string_view key) { return written.places.contains(key); };
  if (!is_written("sends_max")) stage.sends_max = std::max(stage.submissions_max, stage.batch);
  if (!is_written("output_queue")) stage.output_queue = std::max(stage.output_queue, stage.batch);
  if (!is_written("completions_max"))
    written.draft.node.completions_max = 2 * stage.submissions_max;
  for (TrafficDraft& draft : written.traffic) draft.count = draft.count_or_default();
}

/// Flows that share rate and count.
void add_flows(sim::WorldConfig& world, const TrafficDraft& draft) {
  for (std::uint64_t flow = 0; flow < draft.flows; ++flow) {
    sim::TrafficConfig& each = world.traffic.emplace_back(draft.each);
    each.shares_group = draft.one_group && flow > 0;
    each.rate = draft.each.rate / draft.flows;
    each.count = draft.count / draft.flows + (flow < draft.count % draft.flows ? 1 : 0);
  }
}

/// The flows of a capture.
Expected<void> add_capture(sim::WorldConfig& world, const TrafficDraft& draft,
                           const WrittenAt& place) {
  PcapOptions options = draft.pcap;
  options.count = draft.count;
  auto flows = read_pcap(options);
  if (!flows) return failure(fmt::format("{}: {}", place, flows.error().message));
  for (PcapFlow& flow : *flows) {
    sim::TrafficConfig& each = world.traffic.emplace_back(draft.each);
    each.shares_group = flow.shares_group;
    each.count = flow.datagrams.size();
    each.payload_bytes = flow.datagrams.front().payload_bytes;
    each.capture =
        std::make_shared<const std::vector<sim::CapturedDatagram>>(std::move(flow.datagrams));
  }
  return {};
}

Expected<void> add_traffic(sim::WorldConfig& world, const WrittenScenario& written) {
  world.traffic.clear();
  for (const TrafficDraft& draft : written.traffic) {
    if (draft.is_captured() == draft.pcap.path.empty()) {
      return failure(
          draft.is_captured()
              ? fmt::format("{}: arrivals = \"pcap\": expected pcap = \"FILE\" beside it",
                            place_of_key(written, "arrivals"))
              : fmt::format("{}: pcap: expected arrivals = \"pcap\" beside it",
                            place_of_key(written, "pcap")));
    }
    if (draft.is_captured() && draft.flows > 1) {
      return failure(fmt::format(
          "{}: flows = {}: expected 1 with arrivals = \"pcap\": the capture has its own",
          place_of_key(written, "flows"), draft.flows));
    }
    if (!draft.is_captured()) {
      add_flows(world, draft);
    } else if (auto done = add_capture(world, draft, place_of_key(written, "pcap")); !done) {
      return done;
    }
  }
  return {};
}

void add_nodes(sim::WorldConfig& world, const ScenarioDraft& draft) {
  sim::NodeConfig node = draft.node;
  const auto flows = static_cast<std::uint32_t>(world.traffic.size());
  node.stage.rules_max = std::max(node.stage.rules_max, flows);
  node.stage.outputs_max = std::max(node.stage.outputs_max, flows * node.fan_out);
  world.nodes.assign(std::max(draft.hops, draft.workers), node);
  if (draft.workers > 1) world.arrangement = sim::Arrangement::workers;
  world.spread = draft.spread;
  for (std::uint32_t index = 0; index < world.nodes.size(); ++index) {
    const std::uint32_t core = draft.shared_core ? 0 : 2 * index;
    world.nodes[index].core = core;
    world.nodes[index].egress_core = draft.shared_core || draft.one_core ? core : core + 1;
  }
}

void add_faults(sim::WorldConfig& world, const ScenarioDraft& draft) {
  world.faults = draft.faults;
  if (draft.swarm && draft.faults.is_empty()) world.faults = sim::strongest_faults();
  if (draft.quiet == sim::QuietWindow{-1, 0}) return;
  const std::int64_t length_ns =
      draft.quiet.length_ns == 0 ? kNanoseconds.most : draft.quiet.length_ns;
  world.faults.quiet = {{std::max<std::int64_t>(draft.quiet.start_ns, 0), length_ns}};
}

template <class Draft>
void append_keys(std::string& text, const std::vector<Key<Draft>>& keys, const Draft& draft) {
  for (const Key<Draft>& key : keys) {
    if (const auto value = key.read(draft))
      text += fmt::format("{} = {}\n", key.name, shown(*value));
  }
}

}  // namespace

Expected<Scenario> resolve(WrittenScenario written) {
  if (auto done = check_together(written); !done) return std::unexpected(done.error());
  if (written.traffic.empty()) written.traffic.emplace_back();
  fit_capacities(written);
  Scenario scenario;
  scenario.name =
      written.title.empty() ? std::filesystem::path(written.file).stem().string() : written.title;
  scenario.seed = written.seed;
  scenario.profile = written.profile_name;
  if (written.draft.kernel != written.profile) scenario.profile += ", changed";
  scenario.swarm = written.draft.swarm;
  scenario.expectations = written.expectations;
  sim::WorldConfig& world = scenario.world;
  world.costs = written.draft.costs;
  world.kernel = written.draft.kernel;
  if (auto done = add_traffic(world, written); !done) return std::unexpected(done.error());
  add_nodes(world, written.draft);
  add_faults(world, written.draft);
  const std::vector<Error> findings = check(world);
  if (findings.empty()) return scenario;
  // A finding starts with its field: say where that was written.
  const std::string& message = findings.front().message;
  return failure(fmt::format(
      "{}: {}", place_of_key(written, message.substr(0, message.find_first_of(" :"))), message));
}

std::string to_toml(WrittenScenario written) {
  if (written.traffic.empty()) written.traffic.emplace_back();
  fit_capacities(written);
  std::string text = fmt::format("version = {}\n", kScenarioVersion);
  if (!written.title.empty()) text += fmt::format("title = {}\n", shown(written.title));
  text += fmt::format("seed = {}\n", written.seed);
  for (const TrafficDraft& draft : written.traffic) {
    text += "\n[[traffic]]\n";
    append_keys(text, traffic_keys(), draft);
  }
  for (const Table& table : scenario_tables()) {
    text += fmt::format("\n[{}]\n", table.name);
    append_keys(text, table.keys, written.draft);
  }
  if (!written.expectations.empty()) text += "\n[expect]\n";
  for (const Expectation& each : written.expectations)
    text += fmt::format("{} = {}\n", each.key(), each.expected.dump());
  return text;
}

Expected<Scenario> load_scenario(const std::string& path, const std::vector<Setting>& settings,
                                 const std::string& costs_path, const std::string& profile_path) {
  auto written = read_scenario(path, settings, costs_path, profile_path);
  if (!written) return std::unexpected(written.error());
  return resolve(std::move(*written));
}

Expected<Scenario> parse_scenario(std::string_view text, const std::string& name,
                                  const std::vector<Setting>& settings,
                                  const std::string& costs_path, const std::string& profile_path) {
  auto written = read_scenario_text(text, name, settings, costs_path, profile_path);
  if (!written) return std::unexpected(written.error());
  return resolve(std::move(*written));
}

}  // namespace reprise::lab
