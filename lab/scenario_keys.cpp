#include "reprise/lab/scenario_keys.hpp"

#include <limits>
#include <type_traits>

namespace reprise::lab {
namespace {

using engine::StageConfig;
using sim::CostProfile;
using sim::LinkConfig;
using sim::NodeConfig;

template <class Integer>
bool take_integer(Integer& target, const Scalar& value) {
  const auto* number = std::get_if<std::int64_t>(&value);
  if (number == nullptr || *number < 0) return false;
  if (static_cast<std::uint64_t>(*number) >
      static_cast<std::uint64_t>(std::numeric_limits<Integer>::max()))
    return false;
  target = static_cast<Integer>(*number);
  return true;
}

bool take_bool(bool& target, const Scalar& value) {
  const auto* flag = std::get_if<bool>(&value);
  if (flag != nullptr) target = *flag;
  return flag != nullptr;
}

/// A key for an integer that `place` finds in the draft.
template <class Draft, class Place>
Key<Draft> integer(std::string_view name, std::string_view expected, Place place) {
  return {name, expected,
          [place](Draft& draft, const Scalar& value) { return take_integer(place(draft), value); }};
}

template <class Enum, class Parse, class Place>
Key<ScenarioDraft> word(std::string_view name, std::string_view expected, Parse parse,
                        Place place) {
  return {name, expected, [parse, place](ScenarioDraft& draft, const Scalar& value) {
            const auto* text = std::get_if<std::string>(&value);
            if (text == nullptr) return false;
            const std::optional<Enum> parsed = parse(*text);
            if (parsed) place(draft) = *parsed;
            return parsed.has_value();
          }};
}

Key<ScenarioDraft> of_stage(std::string_view name, std::string_view expected,
                            std::uint32_t StageConfig::* member) {
  return integer<ScenarioDraft>(name, expected, [member](ScenarioDraft& draft) -> std::uint32_t& {
    return draft.node.stage.*member;
  });
}

Key<ScenarioDraft> of_node(std::string_view name, std::string_view expected,
                           std::uint32_t NodeConfig::* member) {
  return integer<ScenarioDraft>(name, expected, [member](ScenarioDraft& draft) -> std::uint32_t& {
    return draft.node.*member;
  });
}

Key<ScenarioDraft> of_costs(std::string_view name, std::int64_t CostProfile::* member) {
  return integer<ScenarioDraft>(
      name, "a whole number, 0 or more",
      [member](ScenarioDraft& draft) -> std::int64_t& { return draft.costs.*member; });
}

Table relay_table() {
  return {
      "relay",
      {integer<ScenarioDraft>("hops", "relays in a chain, 1 to 64",
                              [](ScenarioDraft& draft) -> std::uint64_t& { return draft.hops; }),
       word<engine::Policy>(
           "policy", "\"synchronous\", \"deferred\", \"eager\" or \"adaptive\"",
           [](std::string_view text) { return engine::policy_from(text); },
           [](ScenarioDraft& draft) -> engine::Policy& { return draft.node.stage.policy; }),
       word<engine::Exhaustion>(
           "exhaustion", "\"wait\" or \"drop\"",
           [](std::string_view text) { return engine::exhaustion_from(text); },
           [](ScenarioDraft& draft) -> engine::Exhaustion& { return draft.node.stage.exhaustion; }),
       of_stage("pool", "regions, 1 to 32768", &StageConfig::pool),
       of_stage("landing", "regions, 1 to 32768", &StageConfig::landing),
       of_stage("region_bytes", "bytes, 128 to 1048576", &StageConfig::region_bytes),
       of_stage("batch", "sends, 1 to ring", &StageConfig::batch),
       of_stage("ring", "entries of the submission queue, 1 to 32768",
                &StageConfig::submissions_max),
       of_stage("sends_max", "sends, batch to 65536", &StageConfig::sends_max),
       of_stage("output_queue", "datagrams, batch to 65536", &StageConfig::output_queue),
       of_node("completions_max", "entries of the completion queue, 1 or more",
               &NodeConfig::completions_max),
       of_node("fan_out", "outputs, 1 to 1024", &NodeConfig::fan_out),
       of_node("send_buffer_bytes", "bytes, 4608 or more", &NodeConfig::send_buffer_bytes),
       of_node("receive_buffer_bytes", "bytes, 2304 or more", &NodeConfig::receive_buffer_bytes),
       {"shared_core", "true or false", [](ScenarioDraft& draft, const Scalar& value) {
          return take_bool(draft.shared_core, value);
        }}}};
}

Table link_table() {
  return {"link",
          {integer<ScenarioDraft>("bits_per_second", "0 (as fast as it is sent) or more",
                                  [](ScenarioDraft& draft) -> std::uint64_t& {
                                    return draft.node.link.bits_per_second;
                                  }),
           integer<ScenarioDraft>(
               "delay_ns", "0 or more",
               [](ScenarioDraft& draft) -> std::int64_t& { return draft.node.link.delay_ns; }),
           integer<ScenarioDraft>(
               "queue", "frames, 1 to 1000000",
               [](ScenarioDraft& draft) -> std::uint32_t& { return draft.node.link.queue; }),
           integer<ScenarioDraft>("stall_start_ns", "0 or more",
                                  [](ScenarioDraft& draft) -> std::int64_t& {
                                    draft.node.link.stalls.resize(1);
                                    return draft.node.link.stalls[0].start_ns;
                                  }),
           integer<ScenarioDraft>("stall_length_ns", "1 or more",
                                  [](ScenarioDraft& draft) -> std::int64_t& {
                                    draft.node.link.stalls.resize(1);
                                    return draft.node.link.stalls[0].length_ns;
                                  })}};
}

Table kernel_table() {
  return {"kernel",
          {{"receives_at_enter", "true or false",
            [](ScenarioDraft& draft, const Scalar& value) {
              return take_bool(draft.kernel.receives_at_enter, value);
            }},
           integer<ScenarioDraft>("chain_pauses_per_million", "0 to 999999",
                                  [](ScenarioDraft& draft) -> std::uint32_t& {
                                    return draft.kernel.chain_pauses_per_million;
                                  })}};
}

Table costs_table() {
  return {"costs",
          {of_costs("call_ns", &CostProfile::call_ns), of_costs("send_ns", &CostProfile::send_ns),
           of_costs("linked_ns", &CostProfile::linked_ns),
           of_costs("send_byte_ps", &CostProfile::send_byte_ps),
           of_costs("receive_ns", &CostProfile::receive_ns),
           of_costs("receive_byte_ps", &CostProfile::receive_byte_ps),
           of_costs("prepare_ns", &CostProfile::prepare_ns),
           of_costs("provide_ns", &CostProfile::provide_ns),
           of_costs("completion_ns", &CostProfile::completion_ns),
           of_costs("datagram_ns", &CostProfile::datagram_ns),
           of_costs("turn_ns", &CostProfile::turn_ns), of_costs("wake_ns", &CostProfile::wake_ns)}};
}

Table faults_table() {
  return {"faults",
          {integer<ScenarioDraft>("send_errors_per_million", "0 to 999999",
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
  static const std::vector<Table> tables{relay_table(), link_table(), kernel_table(), costs_table(),
                                         faults_table()};
  return tables;
}

const std::vector<Key<TrafficDraft>>& traffic_keys() {
  static const std::vector<Key<TrafficDraft>> keys{
      {"arrivals", "\"constant\", \"poisson\" or \"burst\"", take_arrivals},
      integer<TrafficDraft>("flows", "1 to 65536",
                            [](TrafficDraft& draft) -> std::uint64_t& { return draft.flows; }),
      integer<TrafficDraft>("rate", "datagrams per second, 1 to 1000000000",
                            [](TrafficDraft& draft) -> std::uint64_t& { return draft.each.rate; }),
      integer<TrafficDraft>("burst", "datagrams, 1 to 1000000",
                            [](TrafficDraft& draft) -> std::uint32_t& { return draft.each.burst; }),
      integer<TrafficDraft>(
          "payload_bytes", "16 to 65507",
          [](TrafficDraft& draft) -> std::uint32_t& { return draft.each.payload_bytes; }),
      integer<TrafficDraft>("count", "datagrams, 1 or more",
                            [](TrafficDraft& draft) -> std::uint64_t& { return draft.each.count; }),
      integer<TrafficDraft>("start_ns", "0 or more", [](TrafficDraft& draft) -> std::int64_t& {
        return draft.each.start_ns;
      })};
  return keys;
}

}  // namespace reprise::lab
