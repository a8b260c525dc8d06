#include "reprise/lab/scenario_keys.hpp"

#include <deque>

#include "reprise/lab/kernel_keys.hpp"

namespace reprise::lab {
namespace {

using engine::StageConfig;
using sim::CostProfile;
using sim::LinkConfig;
using sim::NodeConfig;

template <class Enum, std::size_t Count>
Key<ScenarioDraft> of_hazards(std::string_view name,
                              const std::array<std::string_view, Count>& names,
                              Enum engine::Hazards::* member) {
  return word<ScenarioDraft, Enum>(name, names, [member](ScenarioDraft& draft) -> Enum& {
    return draft.node.stage.hazards.*member;
  });
}

Key<ScenarioDraft> of_stage(std::string_view name, std::string_view unit, Range range,
                            std::uint32_t StageConfig::* member) {
  return integer<ScenarioDraft>(
      name, unit, range,
      [member](ScenarioDraft& draft) -> std::uint32_t& { return draft.node.stage.*member; });
}

Key<ScenarioDraft> of_node(std::string_view name, std::string_view unit, Range range,
                           std::uint32_t NodeConfig::* member) {
  return integer<ScenarioDraft>(
      name, unit, range,
      [member](ScenarioDraft& draft) -> std::uint32_t& { return draft.node.*member; });
}

Key<ScenarioDraft> of_costs(std::string_view name, std::int64_t CostProfile::* member) {
  constexpr Range kCost{0, 1'000'000'000};
  return integer<ScenarioDraft>(name, "", kCost, [member](ScenarioDraft& draft) -> std::int64_t& {
    return draft.costs.*member;
  });
}

Table relay_table() {
  return {
      "relay",
      {integer<ScenarioDraft>("hops", "relays in a chain", Range{1, 64},
                              [](ScenarioDraft& draft) -> std::uint64_t& { return draft.hops; }),
       integer<ScenarioDraft>("workers", "side by side", Range{1, 64},
                              [](ScenarioDraft& draft) -> std::uint64_t& { return draft.workers; }),
       word<ScenarioDraft, sim::Spread>(
           "spread", sim::kSpreadNames,
           [](ScenarioDraft& draft) -> sim::Spread& { return draft.spread; }),
       word<ScenarioDraft, engine::Policy>(
           "policy", engine::kPolicyNames,
           [](ScenarioDraft& draft) -> engine::Policy& { return draft.node.stage.policy; }),
       word<ScenarioDraft, engine::Exhaustion>(
           "exhaustion", engine::kExhaustionNames,
           [](ScenarioDraft& draft) -> engine::Exhaustion& { return draft.node.stage.exhaustion; }),
       of_node("threads", "threads of a relay", {1, 2}, &NodeConfig::threads),
       word<ScenarioDraft, engine::WakeUp>(
           "wake_up", engine::kWakeUpNames,
           [](ScenarioDraft& draft) -> engine::WakeUp& { return draft.node.stage.wake_up; }),
       of_stage("spin_turns", "turns", {0, 1'000'000'000}, &StageConfig::spin_turns),
       of_stage("pool", "regions", {1, 32'768}, &StageConfig::pool),
       of_stage("landing", "regions", {1, 32'768}, &StageConfig::landing),
       of_stage("region_bytes", "bytes", {128, 1'048'576}, &StageConfig::region_bytes),
       of_stage("blocks", "blocks of a packet ring", {0, 65'536}, &StageConfig::blocks),
       of_stage("block_bytes", "bytes", {4'096, 16'777'216}, &StageConfig::block_bytes),
       integer<ScenarioDraft>(
           "ring_timeout_ns", "", Range{1, kNanoseconds.most},
           [](ScenarioDraft& draft) -> std::int64_t& { return draft.node.ring_timeout_ns; }),
       of_stage("intake", "datagrams", {1, 65'536}, &StageConfig::intake),
       of_stage("segments_max", "datagrams", {1, 128}, &StageConfig::segments_max),
       of_stage("segmented_bytes_max", "bytes", {1, 65'507}, &StageConfig::segmented_bytes_max),
       of_stage("batch", "sends", {1, 32'768}, &StageConfig::batch),
       of_stage("ring", "entries of the submission queue", {1, 32'768},
                &StageConfig::submissions_max),
       of_stage("sends_max", "sends", {1, 65'536}, &StageConfig::sends_max),
       of_stage("output_queue", "datagrams", {1, 65'536}, &StageConfig::output_queue),
       of_node("completions_max", "entries of the completion queue", {1, 1'048'576},
               &NodeConfig::completions_max),
       of_node("fan_out", "outputs", {1, 1'024}, &NodeConfig::fan_out),
       of_node("send_buffer_bytes", "bytes", {4'608, 1'073'741'824},
               &NodeConfig::send_buffer_bytes),
       of_node("receive_buffer_bytes", "bytes", {2'304, 1'073'741'824},
               &NodeConfig::receive_buffer_bytes),
       boolean<ScenarioDraft>("shared_core",
                              [](ScenarioDraft& draft) -> bool& { return draft.shared_core; }),
       boolean<ScenarioDraft>("one_core",
                              [](ScenarioDraft& draft) -> bool& { return draft.one_core; })}};
}

Table hazards_table() {
  using engine::Hazards;
  const auto number = [](std::string_view name, std::string_view unit, Range range,
                         std::uint32_t Hazards::* member) {
    return integer<ScenarioDraft>(name, unit, range,
                                  [member](ScenarioDraft& draft) -> std::uint32_t& {
                                    return draft.node.stage.hazards.*member;
                                  });
  };
  return {"hazards",
          {of_hazards("backlog", engine::kBacklogKindNames, &Hazards::backlog),
           number("item_bytes", "bytes", {16, 256}, &Hazards::item_bytes),
           of_hazards("drain", engine::kDrainNames, &Hazards::drain),
           of_hazards("send_order", engine::kSendOrderNames, &Hazards::send_order),
           of_hazards("log_lines", engine::kLogLinesNames, &Hazards::log_lines),
           number("nap_us", "microseconds", {0, 1'000'000}, &Hazards::nap_us)}};
}

/// Written beside each other; unset where there is no stall.
Key<ScenarioDraft> of_stall(std::string_view name, Range range, std::int64_t sim::Stall::* member) {
  Key<ScenarioDraft> key =
      integer<ScenarioDraft>(name, "", range, [member](ScenarioDraft& draft) -> std::int64_t& {
        draft.node.link.stalls.resize(1);
        return draft.node.link.stalls[0].*member;
      });
  key.read = [read = key.read](ScenarioDraft draft) {
    return draft.node.link.stalls.empty() ? std::nullopt : read(std::move(draft));
  };
  return key;
}

Table link_table() {
  return {"link",
          {integer<ScenarioDraft>("bits_per_second", "", Range{0, 1'000'000'000'000},
                                  [](ScenarioDraft& draft) -> std::uint64_t& {
                                    return draft.node.link.bits_per_second;
                                  }),
           integer<ScenarioDraft>(
               "delay_ns", "", kNanoseconds,
               [](ScenarioDraft& draft) -> std::int64_t& { return draft.node.link.delay_ns; }),
           integer<ScenarioDraft>(
               "queue", "frames", Range{1, 1'000'000},
               [](ScenarioDraft& draft) -> std::uint32_t& { return draft.node.link.queue; }),
           of_stall("stall_start_ns", kNanoseconds, &sim::Stall::start_ns),
           of_stall("stall_length_ns", {1, kNanoseconds.most}, &sim::Stall::length_ns),
           integer<ScenarioDraft>(
               "mtu_bytes", "bytes", Range{576, 65'535},
               [](ScenarioDraft& draft) -> std::uint32_t& { return draft.node.link.mtu_bytes; }),
           boolean<ScenarioDraft>(
               "carries_merged",
               [](ScenarioDraft& draft) -> bool& { return draft.node.link.carries_merged; }),
           word<ScenarioDraft, sim::LinkService>(
               "service", sim::kLinkServiceNames,
               [](ScenarioDraft& draft) -> sim::LinkService& { return draft.node.link.service; })}};
}

Table kernel_table() {
  Table table{"kernel", {}};
  for (const Key<sim::KernelProfile>& key : kernel_keys()) {
    table.keys.push_back(key_of_part<ScenarioDraft>(
        key, [](ScenarioDraft& draft) -> sim::KernelProfile& { return draft.kernel; }));
  }
  return table;
}

Table costs_table() {
  return {"costs",
          {of_costs("call_ns", &CostProfile::call_ns),
           of_costs("submit_ns", &CostProfile::submit_ns),
           of_costs("gather_ns", &CostProfile::gather_ns),
           of_costs("send_ns", &CostProfile::send_ns),
           of_costs("linked_ns", &CostProfile::linked_ns),
           of_costs("send_byte_ps", &CostProfile::send_byte_ps),
           of_costs("receive_ns", &CostProfile::receive_ns),
           of_costs("receive_byte_ps", &CostProfile::receive_byte_ps),
           of_costs("prepare_ns", &CostProfile::prepare_ns),
           of_costs("provide_ns", &CostProfile::provide_ns),
           of_costs("completion_ns", &CostProfile::completion_ns),
           of_costs("datagram_ns", &CostProfile::datagram_ns),
           of_costs("turn_ns", &CostProfile::turn_ns),
           of_costs("wake_ns", &CostProfile::wake_ns),
           of_costs("crossing_ns", &CostProfile::crossing_ns),
           of_costs("shared_ns", &CostProfile::shared_ns),
           of_costs("wake_call_ns", &CostProfile::wake_call_ns),
           of_costs("spin_ns", &CostProfile::spin_ns),
           of_costs("sleep_slack_ns", &CostProfile::sleep_slack_ns),
           of_costs("switch_ns", &CostProfile::switch_ns),
           of_costs("slice_ns", &CostProfile::slice_ns),
           of_costs("move_byte_ps", &CostProfile::move_byte_ps),
           of_costs("log_line_ns", &CostProfile::log_line_ns)}};
}

/// "<kind><suffix>", for as long as the program runs.
std::string_view fault_key(sim::FaultKind kind, std::string_view suffix) {
  static std::deque<std::string> names;
  return names.emplace_back(std::string(name(kind)) + std::string(suffix));
}

void add_fault_keys(std::vector<Key<ScenarioDraft>>& keys, sim::FaultKind kind) {
  if (is_rate(kind)) {
    const bool is_oldest = kind == sim::FaultKind::send_unreachable;
    keys.push_back(integer<ScenarioDraft>(
        is_oldest ? "send_errors_per_million" : fault_key(kind, "_per_million"), "", kPerMillion,
        [kind](ScenarioDraft& draft) -> std::uint32_t& { return draft.faults.rate(kind); }));
    return;
  }
  keys.push_back(integer<ScenarioDraft>(
      fault_key(kind, "_spacing_ns"), "", kNanoseconds,
      [kind](ScenarioDraft& draft) -> auto& { return draft.faults.window(kind).spacing_ns; }));
  keys.push_back(integer<ScenarioDraft>(
      fault_key(kind, "_length_ns"), "", kNanoseconds,
      [kind](ScenarioDraft& draft) -> auto& { return draft.faults.window(kind).length_ns; }));
}

Table faults_table() {
  using Number = std::uint32_t;
  Table table{
      "faults",
      {boolean<ScenarioDraft>("swarm", [](ScenarioDraft& draft) -> bool& { return draft.swarm; }),
       integer<ScenarioDraft>("quiet_start_ns", "", kNanoseconds,
                              [](ScenarioDraft& draft) -> auto& { return draft.quiet.start_ns; }),
       integer<ScenarioDraft>("quiet_length_ns", "", Range{1, kNanoseconds.most},
                              [](ScenarioDraft& draft) -> auto& { return draft.quiet.length_ns; }),
       integer<ScenarioDraft>(
           "reorder_distance", "frames", Range{1, 1000},
           [](ScenarioDraft& draft) -> Number& { return draft.faults.reorder_distance; }),
       integer<ScenarioDraft>(
           "small_mtu_bytes", "bytes", Range{576, 65'535},
           [](ScenarioDraft& draft) -> Number& { return draft.faults.mtu_bytes; }),
       integer<ScenarioDraft>(
           "completion_queue", "entries", Range{0, 1'048'576},
           [](ScenarioDraft& draft) -> Number& { return draft.faults.completion_queue; })}};
  for (std::size_t index = 0; index < sim::kFaultKindCount; ++index) {
    const sim::FaultKind kind = sim::fault_kind(index);
    const bool is_of_a_world = kind != sim::FaultKind::setup_failure;  // which opens no sockets
    if (is_of_a_world && (is_rate(kind) || is_window(kind))) add_fault_keys(table.keys, kind);
  }
  return table;
}

}  // namespace

const std::vector<Table>& scenario_tables() {
  static const std::vector<Table> tables{relay_table(),  hazards_table(), link_table(),
                                         kernel_table(), costs_table(),   faults_table()};
  return tables;
}

const std::vector<Key<TrafficDraft>>& traffic_keys() {
  static const std::vector<Key<TrafficDraft>> keys{
      word<TrafficDraft, sim::Arrivals>(
          "arrivals", sim::kArrivalsNames,
          [](TrafficDraft& draft) -> sim::Arrivals& { return draft.each.arrivals; }),
      integer<TrafficDraft>("flows", "", Range{1, 65'536},
                            [](TrafficDraft& draft) -> std::uint64_t& { return draft.flows; }),
      integer<TrafficDraft>("rate", "datagrams per second", Range{1, 1'000'000'000},
                            [](TrafficDraft& draft) -> std::uint64_t& { return draft.each.rate; }),
      integer<TrafficDraft>("burst", "datagrams", Range{1, 1'000'000},
                            [](TrafficDraft& draft) -> std::uint32_t& { return draft.each.burst; }),
      integer<TrafficDraft>(
          "payload_bytes", "", Range{16, 65'507},
          [](TrafficDraft& draft) -> std::uint32_t& { return draft.each.payload_bytes; }),
      integer<TrafficDraft>(
          "third_payload_bytes", "", Range{0, 65'507},
          [](TrafficDraft& draft) -> std::uint32_t& { return draft.each.third_payload_bytes; }),
      boolean<TrafficDraft>("one_group",
                            [](TrafficDraft& draft) -> bool& { return draft.one_group; }),
      integer<TrafficDraft>("count", "datagrams", Range{1, 1'000'000'000'000},
                            [](TrafficDraft& draft) -> std::uint64_t& { return draft.count; }),
      integer<TrafficDraft>(
          "start_ns", "", kNanoseconds,
          [](TrafficDraft& draft) -> std::int64_t& { return draft.each.start_ns; }),
      integer<TrafficDraft>("on_ns", "", Range{1, kNanoseconds.most},
                            [](TrafficDraft& draft) -> std::int64_t& { return draft.each.on_ns; }),
      integer<TrafficDraft>("off_ns", "", kNanoseconds,
                            [](TrafficDraft& draft) -> std::int64_t& { return draft.each.off_ns; }),
      text<TrafficDraft>("pcap", "a file's name",
                         [](TrafficDraft& draft) -> std::string& { return draft.pcap.path; }),
      text<TrafficDraft>("pcap_filter", "a filter as of tcpdump",
                         [](TrafficDraft& draft) -> std::string& { return draft.pcap.filter; }),
      integer<TrafficDraft>(
          "pcap_speed_percent", "percent", Range{1, 1'000'000},
          [](TrafficDraft& draft) -> std::uint64_t& { return draft.pcap.speed_percent; }),
      boolean<TrafficDraft>("pcap_truncated",
                            [](TrafficDraft& draft) -> bool& { return draft.pcap.truncated; })};
  return keys;
}

}  // namespace reprise::lab
