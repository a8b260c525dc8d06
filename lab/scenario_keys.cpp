#include "reprise/lab/scenario_keys.hpp"

#include <fmt/format.h>

#include <array>
#include <optional>
#include <type_traits>

namespace reprise::lab {
namespace {

using engine::StageConfig;
using sim::CostProfile;
using sim::LinkConfig;
using sim::NodeConfig;

/// What an integer key takes.
struct Range {
  std::int64_t least = 0;
  std::int64_t most = 0;
};
constexpr Range kNanoseconds{0, 1'000'000'000'000};  // a thousand seconds
constexpr Range kPerMillion{0, 999'999};

bool take_bool(bool& target, const Scalar& value) {
  const auto* flag = std::get_if<bool>(&value);
  if (flag != nullptr) target = *flag;
  return flag != nullptr;
}

/// A key for an integer that `place` finds in the draft; `unit` is for people and may be empty.
template <class Draft, class Place>
Key<Draft> integer(std::string_view name, std::string_view unit, Range range, Place place) {
  return {name,
          fmt::format("{}{}{} to {}", unit, unit.empty() ? "" : ", ", range.least, range.most),
          [range, place](Draft& draft, const Scalar& value) {
            const auto* number = std::get_if<std::int64_t>(&value);
            if (number == nullptr || *number < range.least || *number > range.most) return false;
            auto& target = place(draft);
            target = static_cast<std::remove_reference_t<decltype(target)>>(*number);
            return true;
          }};
}

/// "a", "b" or "c".
template <std::size_t Count>
std::string one_of(const std::array<std::string_view, Count>& names) {
  std::string text;
  for (std::size_t index = 0; index < Count; ++index) {
    const std::string_view before = index == 0 ? "" : index + 1 == Count ? " or " : ", ";
    text += fmt::format("{}\"{}\"", before, names[index]);
  }
  return text;
}

template <class Enum, class Parse, class Place>
Key<ScenarioDraft> word(std::string_view name, std::string expected, Parse parse, Place place) {
  return {name, std::move(expected), [parse, place](ScenarioDraft& draft, const Scalar& value) {
            const auto* text = std::get_if<std::string>(&value);
            if (text == nullptr) return false;
            const std::optional<Enum> parsed = parse(*text);
            if (parsed) place(draft) = *parsed;
            return parsed.has_value();
          }};
}

template <class Enum, std::size_t Count>
Key<ScenarioDraft> of_hazards(std::string_view name,
                              const std::array<std::string_view, Count>& names,
                              Enum engine::Hazards::* member) {
  return word<Enum>(
      name, one_of(names),
      [&names](std::string_view text) { return engine::value_from<Enum>(names, text); },
      [member](ScenarioDraft& draft) -> Enum& { return draft.node.stage.hazards.*member; });
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
       word<engine::Policy>(
           "policy", one_of(engine::kPolicyNames),
           [](std::string_view text) { return engine::policy_from(text); },
           [](ScenarioDraft& draft) -> engine::Policy& { return draft.node.stage.policy; }),
       word<engine::Exhaustion>(
           "exhaustion", one_of(engine::kExhaustionNames),
           [](std::string_view text) { return engine::exhaustion_from(text); },
           [](ScenarioDraft& draft) -> engine::Exhaustion& { return draft.node.stage.exhaustion; }),
       of_node("threads", "threads of a relay", {1, 2}, &NodeConfig::threads),
       word<engine::WakeUp>(
           "wake_up", one_of(engine::kWakeUpNames),
           [](std::string_view text) { return engine::wake_up_from(text); },
           [](ScenarioDraft& draft) -> engine::WakeUp& { return draft.node.stage.wake_up; }),
       of_stage("spin_turns", "turns", {0, 1'000'000'000}, &StageConfig::spin_turns),
       of_stage("pool", "regions", {1, 32'768}, &StageConfig::pool),
       of_stage("landing", "regions", {1, 32'768}, &StageConfig::landing),
       of_stage("region_bytes", "bytes", {128, 1'048'576}, &StageConfig::region_bytes),
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
       {"shared_core", "true or false",
        [](ScenarioDraft& draft, const Scalar& value) {
          return take_bool(draft.shared_core, value);
        }},
       {"one_core", "true or false", [](ScenarioDraft& draft, const Scalar& value) {
          return take_bool(draft.one_core, value);
        }}}};
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
           integer<ScenarioDraft>("stall_start_ns", "", kNanoseconds,
                                  [](ScenarioDraft& draft) -> std::int64_t& {
                                    draft.node.link.stalls.resize(1);
                                    return draft.node.link.stalls[0].start_ns;
                                  }),
           integer<ScenarioDraft>("stall_length_ns", "", Range{1, kNanoseconds.most},
                                  [](ScenarioDraft& draft) -> std::int64_t& {
                                    draft.node.link.stalls.resize(1);
                                    return draft.node.link.stalls[0].length_ns;
                                  })}};
}

Table kernel_table() {
  return {"kernel",
          {word<sim::TaskRun>(
               "task_run", one_of(sim::kTaskRunNames),
               [](std::string_view text) {
                 return engine::value_from<sim::TaskRun>(sim::kTaskRunNames, text);
               },
               [](ScenarioDraft& draft) -> sim::TaskRun& { return draft.kernel.task_run; }),
           integer<ScenarioDraft>("chain_pauses_per_million", "", kPerMillion,
                                  [](ScenarioDraft& draft) -> std::uint32_t& {
                                    return draft.kernel.chain_pauses_per_million;
                                  })}};
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

Table faults_table() {
  return {"faults",
          {integer<ScenarioDraft>("send_errors_per_million", "", kPerMillion,
                                  [](ScenarioDraft& draft) -> std::uint32_t& {
                                    return draft.send_errors_per_million;
                                  })}};
}

bool take_arrivals(TrafficDraft& draft, const Scalar& value) {
  const auto* text = std::get_if<std::string>(&value);
  if (text == nullptr) return false;
  if (*text == "constant") {
    draft.each.arrivals = sim::Arrivals::constant;
  } else if (*text == "poisson") {
    draft.each.arrivals = sim::Arrivals::poisson;
  } else if (*text == "burst") {
    draft.each.arrivals = sim::Arrivals::burst;
  } else {
    return false;
  }
  return true;
}

}  // namespace

const std::vector<Table>& scenario_tables() {
  static const std::vector<Table> tables{relay_table(),  hazards_table(), link_table(),
                                         kernel_table(), costs_table(),   faults_table()};
  return tables;
}

const std::vector<Key<TrafficDraft>>& traffic_keys() {
  static const std::vector<Key<TrafficDraft>> keys{
      {"arrivals", "\"constant\", \"poisson\" or \"burst\"", take_arrivals},
      integer<TrafficDraft>("flows", "", Range{1, 65'536},
                            [](TrafficDraft& draft) -> std::uint64_t& { return draft.flows; }),
      integer<TrafficDraft>("rate", "datagrams per second", Range{1, 1'000'000'000},
                            [](TrafficDraft& draft) -> std::uint64_t& { return draft.each.rate; }),
      integer<TrafficDraft>("burst", "datagrams", Range{1, 1'000'000},
                            [](TrafficDraft& draft) -> std::uint32_t& { return draft.each.burst; }),
      integer<TrafficDraft>(
          "payload_bytes", "", Range{16, 65'507},
          [](TrafficDraft& draft) -> std::uint32_t& { return draft.each.payload_bytes; }),
      integer<TrafficDraft>("count", "datagrams", Range{1, 1'000'000'000'000},
                            [](TrafficDraft& draft) -> std::uint64_t& { return draft.each.count; }),
      integer<TrafficDraft>("start_ns", "", kNanoseconds, [](TrafficDraft& draft) -> std::int64_t& {
        return draft.each.start_ns;
      })};
  return keys;
}

}  // namespace reprise::lab
