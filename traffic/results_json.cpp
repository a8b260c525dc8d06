#include "reprise/traffic/results_json.hpp"

#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

namespace reprise::traffic {
namespace {

std::string errno_name(int value) {
  const char* const name = strerrorname_np(value);
  return name == nullptr ? std::to_string(value) : name;
}

const char* name(ReceiverEnd end) {
  switch (end) {
    case ReceiverEnd::count_reached: return "count_reached";
    case ReceiverEnd::idle: return "idle";
    case ReceiverEnd::stopped: return "stopped";
  }
  return "?";
}

}  // namespace

nlohmann::ordered_json to_json(const GeneratorResult& result) {
  auto refused = nlohmann::ordered_json::object();
  for (const auto& [value, count] : result.refused) refused[errno_name(value)] = count;
  return {
      {"sent", result.sent},     {"refused", refused},        {"cut_bursts", result.cut_bursts},
      {"stalls", result.stalls}, {"gave_up", result.gave_up}, {"duration_ns", result.duration.ns}};
}

nlohmann::ordered_json to_json(const ReceiverResult& result) {
  auto streams = nlohmann::ordered_json::array();
  for (const StreamResult& stream : result.streams) {
    streams.push_back({{"stream", stream.stream},
                       {"received", stream.counts.received},
                       {"lost", stream.lost},
                       {"reordered", stream.counts.reordered},
                       {"duplicated", stream.counts.duplicated},
                       {"stale", stream.counts.stale},
                       {"lowest", stream.counts.lowest},
                       {"highest", stream.counts.highest}});
  }
  return {{"received", result.received},
          {"lost", result.lost},
          {"reordered", result.reordered},
          {"duplicated", result.duplicated},
          {"corrupted", result.corrupted},
          {"stale", result.stale},
          {"unexpected_streams", result.unexpected_streams},
          {"kernel_drops", result.kernel_drops},
          {"receive_buffer_bytes", result.receive_buffer_bytes},
          {"duration_ns", result.duration.ns},
          {"latency_p50_ns", result.latency.p50.ns},
          {"latency_p99_ns", result.latency.p99.ns},
          {"latency_p999_ns", result.latency.p999.ns},
          {"end", name(result.end)},
          {"streams", streams}};
}

}  // namespace reprise::traffic
