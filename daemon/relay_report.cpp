#include "reprise/daemon/relay_report.hpp"

#include <fmt/format.h>

#include <cstring>

namespace reprise::daemon {
namespace {

double seconds(engine::Duration duration) { return static_cast<double>(duration.ns) / 1e9; }

/// The reasons that occurred, as an object: {"no_rule": 3}.
template <class Reason, std::size_t Count>
nlohmann::ordered_json reasons(const std::array<std::uint64_t, Count>& counts) {
  nlohmann::ordered_json json = nlohmann::ordered_json::object();
  for (std::size_t reason = 0; reason < Count; ++reason) {
    if (counts[reason] > 0) json[engine::name(static_cast<Reason>(reason))] = counts[reason];
  }
  return json;
}

/// "3 no_rule, 1 fragment".
template <class Reason, std::size_t Count>
std::string reasons_text(const std::array<std::uint64_t, Count>& counts) {
  std::string text;
  for (std::size_t reason = 0; reason < Count; ++reason) {
    if (counts[reason] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", counts[reason],
                        engine::name(static_cast<Reason>(reason)));
  }
  return text;
}

std::string error_name(const engine::ErrnoCount& error) {
  if (error.errno_value == 0) return "other";
  const char* name = ::strerrorname_np(static_cast<int>(error.errno_value));
  return name != nullptr ? name : fmt::format("errno {}", error.errno_value);
}

}  // namespace

engine::OutputCounters RelayReport::output_total() const {
  engine::OutputCounters total;
  for (const OutputReport& output : outputs) total += output.counters;
  return total;
}

nlohmann::ordered_json to_json(const RelayReport& report) {
  nlohmann::ordered_json json;
  json["seconds"] = seconds(report.elapsed);
  json["received"] = report.ingress.received;
  json["accepted"] = report.ingress.accepted;
  json["dropped"] = reasons<engine::IngressDrop>(report.ingress.dropped);
  json["kernel_drops"] = report.kernel_drops;
  json["receives_exhausted"] = report.ingress.receives_exhausted;
  json["receives_failed"] = report.ingress.receives_failed;
  json["sent"] = report.output_total().sent;
  json["outputs"] = nlohmann::ordered_json::array();
  for (const OutputReport& output : report.outputs) {
    nlohmann::ordered_json entry;
    entry["rule"] = output.rule;
    entry["output"] = output.output;
    entry["assigned"] = output.counters.assigned;
    entry["sent"] = output.counters.sent;
    entry["sends"] = output.counters.sends;
    entry["sent_bytes"] = output.counters.sent_bytes;
    entry["pending"] = output.pending;
    entry["refused"] = output.counters.refused;
    entry["unsegmented"] = output.counters.unsegmented;
    entry["dropped"] = reasons<engine::EgressDrop>(output.counters.dropped);
    entry["errors"] = nlohmann::ordered_json::object();
    for (const engine::ErrnoCount& error : output.counters.errors) {
      if (error.count > 0) entry["errors"][error_name(error)] = error.count;
    }
    json["outputs"].push_back(std::move(entry));
  }
  json["regions_outstanding"] = report.regions_outstanding;
  json["backend"] = name(report.backend.kind);
  json["backend_reason"] = report.backend.reason;
  json["mode"] = name(report.mode);
  json["mode_switches"] = report.mode_switches;
  json["forced_switches"] = report.forced_switches;
  json["workers"] = report.workers;
  json["threads"] = report.threads;
  json["shield"] = report.shield;
  json["turns"] = report.turns;
  json["laws_hold"] = report.laws_hold;
  if (report.census) {
    json["census"]["seconds"] = seconds(report.census->sampled);
    for (std::size_t place = 0; place < kPlaceCount; ++place)
      json["census"]["mean"][std::string(kPlaceNames[place])] = report.census->mean[place];
  }
  return json;
}

std::string to_text(const RelayReport& report) {
  std::string text = fmt::format("received {} in {:.1f} s, accepted {}", report.ingress.received,
                                 seconds(report.elapsed), report.ingress.accepted);
  if (const std::string drops = reasons_text<engine::IngressDrop>(report.ingress.dropped);
      !drops.empty()) {
    text += fmt::format(", dropped {}", drops);
  }
  if (report.kernel_drops > 0) {
    text += fmt::format(
        ", {} frames dropped by the kernel before the relay (receive buffer or packet ring full)",
        report.kernel_drops);
  }
  if (report.ingress.receives_failed > 0) {
    text += fmt::format(", {} receives failed", report.ingress.receives_failed);
  }
  text += fmt::format("; mode {}", name(report.mode));
  if (report.mode_switches > 0) text += fmt::format(", switched {} times", report.mode_switches);
  text += '\n';
  for (const OutputReport& output : report.outputs) {
    text += fmt::format("{} -> {}: sent {} of {}", output.rule, output.output, output.counters.sent,
                        output.counters.assigned);
    if (output.counters.sends < output.counters.sent)
      text += fmt::format(" in {} sends", output.counters.sends);
    if (const std::string drops = reasons_text<engine::EgressDrop>(output.counters.dropped);
        !drops.empty()) {
      text += fmt::format(", dropped {}", drops);
    }
    std::string errors;
    for (const engine::ErrnoCount& error : output.counters.errors) {
      if (error.count > 0)
        errors +=
            fmt::format("{}{} {}", errors.empty() ? "" : ", ", error.count, error_name(error));
    }
    if (!errors.empty()) text += fmt::format(" (errors: {})", errors);
    text += '\n';
  }
  if (report.census) {
    text += "buffers on average:";
    for (std::size_t place = 0; place < kPlaceCount; ++place)
      text += fmt::format(" {} {:.1f}", kPlaceNames[place], report.census->mean[place]);
    text += '\n';
  }
  if (report.regions_outstanding > 0)
    text += fmt::format("{} buffers still outstanding\n", report.regions_outstanding);
  if (!report.laws_hold)
    text += "the counters contradict each other: this is a bug, please report it\n";
  return text;
}

std::string to_line(const RelayReport& report, const RelayReport& earlier) {
  const double span = seconds(report.elapsed - earlier.elapsed);
  const auto rate = [&](std::uint64_t now, std::uint64_t before) {
    return span > 0 ? static_cast<double>(now - before) / span : 0;
  };
  const engine::OutputCounters now = report.output_total();
  const engine::OutputCounters before = earlier.output_total();
  return fmt::format(
      "{:.0f} s: in {:.0f}/s, out {:.0f}/s; dropped at ingress {}, at outputs {}, by the kernel {}",
      seconds(report.elapsed), rate(report.ingress.received, earlier.ingress.received),
      rate(now.sent, before.sent), report.ingress.dropped_total(), now.dropped_total(),
      report.kernel_drops);
}

}  // namespace reprise::daemon
