#include "case.hpp"

#include <fmt/format.h>

#include <array>
#include <concepts>
#include <nlohmann/json.hpp>
#include <ostream>
#include <span>
#include <type_traits>

namespace reprise::proptests {
namespace {

using Json = nlohmann::ordered_json;

// The fields of each structure by name, for reading and writing alike.

template <class Visited, class Structure>
concept Is = std::same_as<std::remove_const_t<Visited>, Structure>;

template <Is<engine::Hazards> Hazards, class Visit>
void each_field(Hazards& hazards, Visit visit) {
  visit("backlog", hazards.backlog);
  visit("item_bytes", hazards.item_bytes);
  visit("drain", hazards.drain);
  visit("send_order", hazards.send_order);
  visit("log_lines", hazards.log_lines);
  visit("nap_us", hazards.nap_us);
}

template <Is<engine::StageConfig> Stage, class Visit>
void each_field(Stage& stage, Visit visit) {
  visit("policy", stage.policy);
  visit("exhaustion", stage.exhaustion);
  visit("wake_up", stage.wake_up);
  visit("spin_turns", stage.spin_turns);
  visit("pool", stage.pool);
  visit("landing", stage.landing);
  visit("region_bytes", stage.region_bytes);
  visit("blocks", stage.blocks);
  visit("block_bytes", stage.block_bytes);
  visit("intake", stage.intake);
  visit("segments_max", stage.segments_max);
  visit("segmented_bytes_max", stage.segmented_bytes_max);
  visit("batch", stage.batch);
  visit("submissions_max", stage.submissions_max);
  visit("sends_max", stage.sends_max);
  visit("output_queue", stage.output_queue);
  visit("inputs_max", stage.inputs_max);
  visit("rules_max", stage.rules_max);
  visit("outputs_max", stage.outputs_max);
  visit("hazards", stage.hazards);
}

template <Is<sim::Stall> Stall, class Visit>
void each_field(Stall& stall, Visit visit) {
  visit("start_ns", stall.start_ns);
  visit("length_ns", stall.length_ns);
}

template <Is<sim::LinkConfig> Link, class Visit>
void each_field(Link& link, Visit visit) {
  visit("bits_per_second", link.bits_per_second);
  visit("delay_ns", link.delay_ns);
  visit("queue", link.queue);
  visit("carries_merged", link.carries_merged);
  visit("stalls", link.stalls);
}

template <Is<sim::FaultWindow> Window, class Visit>
void each_field(Window& window, Visit visit) {
  visit("spacing_ns", window.spacing_ns);
  visit("length_ns", window.length_ns);
}

template <Is<sim::QuietWindow> Window, class Visit>
void each_field(Window& window, Visit visit) {
  visit("start_ns", window.start_ns);
  visit("length_ns", window.length_ns);
}

template <Is<sim::FaultPlan> Plan, class Visit>
void each_field(Plan& plan, Visit visit) {
  for (std::size_t index = 0; index < sim::kFaultKindCount; ++index) {
    const char* const name = sim::kFaultNames[index].data();  // a literal: it ends with a zero
    if (is_rate(sim::fault_kind(index))) visit(name, plan.per_million[index]);
    if (is_window(sim::fault_kind(index))) visit(name, plan.windows[index]);
  }
  visit("reorder_distance", plan.reorder_distance);
  visit("mtu_bytes", plan.mtu_bytes);
  visit("completion_queue", plan.completion_queue);
  visit("quiet", plan.quiet);
}

template <Is<sim::NodeConfig> Node, class Visit>
void each_field(Node& node, Visit visit) {
  visit("stage", node.stage);
  visit("ring_timeout_ns", node.ring_timeout_ns);
  visit("threads", node.threads);
  visit("core", node.core);
  visit("egress_core", node.egress_core);
  visit("fan_out", node.fan_out);
  visit("completions_max", node.completions_max);
  visit("send_buffer_bytes", node.send_buffer_bytes);
  visit("receive_buffer_bytes", node.receive_buffer_bytes);
  visit("link", node.link);
}

template <Is<sim::TrafficConfig> Traffic, class Visit>
void each_field(Traffic& traffic, Visit visit) {
  visit("arrivals", traffic.arrivals);
  visit("rate", traffic.rate);
  visit("burst", traffic.burst);
  visit("payload_bytes", traffic.payload_bytes);
  visit("count", traffic.count);
  visit("start_ns", traffic.start_ns);
  visit("shares_group", traffic.shares_group);
  visit("third_payload_bytes", traffic.third_payload_bytes);
  visit("on_ns", traffic.on_ns);
  visit("off_ns", traffic.off_ns);
}

template <Is<Case> Tried, class Visit>
void each_field(Tried& tried, Visit visit) {
  visit("property", tried.property);
  visit("timing", tried.timing);
  visit("seed", tried.seed);
  visit("picks", tried.picks);
  visit("stop_at_step", tried.stop_at_step);
  visit("abandon_at_step", tried.abandon_at_step);
  visit("task_run", tried.config.kernel.task_run);
  visit("chain_pauses_per_million", tried.config.kernel.chain_pauses_per_million);
  // Older cases have this one beside `faults`; both are the same field.
  visit("send_errors_per_million", tried.config.faults.per_million[0]);
  visit("faults", tried.config.faults);
  visit("nodes", tried.config.nodes);
  visit("traffic", tried.config.traffic);
}

template <class Value>
concept IsList = Is<Value, std::vector<typename Value::value_type>>;

template <class Value>
concept HasFields =
    std::is_class_v<Value> && requires(Value& value) { each_field(value, [](auto...) {}); };

// The names of enumerated values, in their order.

constexpr std::array<std::string_view, 2> kTimingNames{"timed", "untimed"};

std::span<const std::string_view> names(engine::Policy) { return engine::kPolicyNames; }
std::span<const std::string_view> names(engine::Exhaustion) { return engine::kExhaustionNames; }
std::span<const std::string_view> names(engine::WakeUp) { return engine::kWakeUpNames; }
std::span<const std::string_view> names(engine::BacklogKind) { return engine::kBacklogKindNames; }
std::span<const std::string_view> names(engine::Drain) { return engine::kDrainNames; }
std::span<const std::string_view> names(engine::SendOrder) { return engine::kSendOrderNames; }
std::span<const std::string_view> names(engine::LogLines) { return engine::kLogLinesNames; }
std::span<const std::string_view> names(sim::TaskRun) { return sim::kTaskRunNames; }
std::span<const std::string_view> names(sim::Timing) { return kTimingNames; }
std::span<const std::string_view> names(sim::Arrivals) { return sim::kArrivalsNames; }

template <class Value>
Json write(const Value& value) {
  if constexpr (std::is_enum_v<Value>) {
    return names(value)[static_cast<std::size_t>(value)];
  } else if constexpr (HasFields<Value>) {
    Json object = Json::object();
    each_field(value, [&](const char* name, const auto& field) { object[name] = write(field); });
    return object;
  } else if constexpr (IsList<Value>) {
    Json array = Json::array();
    for (const auto& element : value) array.push_back(write(element));
    return array;
  } else {
    return value;
  }
}

/// Leaves what is missing or wrong as it is; parse_case() compares afterwards.
template <class Value>
void read(const Json& json, Value& value) {
  if constexpr (std::is_enum_v<Value>) {
    const std::span<const std::string_view> known = names(value);
    for (std::size_t index = 0; index < known.size(); ++index) {
      if (json == known[index]) value = static_cast<Value>(index);
    }
  } else if constexpr (HasFields<Value>) {
    each_field(value, [&](const char* name, auto& field) {
      if (json.is_object() && json.contains(name)) read(json[name], field);
    });
  } else if constexpr (Is<Value, std::string>) {
    if (json.is_string()) value = json.get<std::string>();
  } else if constexpr (IsList<Value>) {
    value.clear();
    if (!json.is_array()) return;
    for (const Json& element : json) read(element, value.emplace_back());
  } else if constexpr (Is<Value, bool>) {
    if (json.is_boolean()) value = json.get<bool>();
  } else {
    if (json.is_number_integer()) value = json.get<Value>();
  }
}

}  // namespace

std::unique_ptr<sim::Choices> choices_of(const Case& tried) {
  if (tried.seed != 0) return std::make_unique<sim::Hashed>(tried.seed);
  return std::make_unique<sim::Listed>(tried.picks);
}

std::string to_text(const Case& tried) {
  std::string text;
  const Json fields = write(tried);
  for (const auto& [name, field] : fields.items()) {
    text += fmt::format("{}\"{}\": ", text.empty() ? "{" : ",\n ", name);
    const bool has_lines = field.is_array() && !field.empty() && field[0].is_object();
    if (!has_lines) {
      text += field.dump();
      continue;
    }
    for (std::size_t index = 0; index < field.size(); ++index) {
      text += fmt::format("{}{}", index == 0 ? "[\n  " : ",\n  ", field[index].dump());
    }
    text += "]";
  }
  return text + "}\n";
}

engine::Expected<Case> parse_case(std::string_view text) {
  const Json fields = Json::parse(text, nullptr, false);
  if (!fields.is_object()) return engine::failure("the case is no JSON object");
  Case tried;
  read(fields, tried);
  const Json understood = write(tried).flatten();
  const Json written = fields.flatten();
  for (const auto& [path, value] : written.items()) {
    if (understood.contains(path) && understood[path] == value) continue;
    return engine::failure(
        fmt::format("{} = {}: unknown field or wrong value; expected what a failed property prints",
                    path, value.dump()));
  }
  const std::vector<engine::Error> findings = check(tried.config);
  if (!findings.empty()) return std::unexpected(findings.front());
  return tried;
}

void showValue(const Case& tried, std::ostream& stream) { stream << to_text(tried); }

}  // namespace reprise::proptests
