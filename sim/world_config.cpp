#include "reprise/sim/world_config.hpp"

#include <algorithm>
#include <string>

#include "reprise/sim/choices.hpp"

namespace reprise::sim {
namespace {

class Findings {
 public:
  void expect(bool holds, std::string field, std::uint64_t value, const char* expected) {
    if (holds) return;
    findings_.push_back(
        engine::Error{std::move(field) + " = " + std::to_string(value) + ": expected " + expected});
  }
  void add(engine::Error error) { findings_.push_back(std::move(error)); }
  std::vector<engine::Error> take() { return std::move(findings_); }

 private:
  std::vector<engine::Error> findings_;
};

void check_node(Findings& findings, const NodeConfig& node, std::size_t groups) {
  for (engine::Error& error : engine::check(node.stage)) findings.add(std::move(error));
  findings.expect(node.threads == 1 || node.threads == 2, "threads", node.threads, "1 or 2");
  findings.expect(node.threads == 1 || node.stage.blocks == 0, "blocks", node.stage.blocks,
                  "0 where threads = 2");
  findings.expect(std::uint64_t{node.stage.blocks} * node.stage.block_bytes <= (1U << 30),
                  "blocks times block_bytes",
                  std::uint64_t{node.stage.blocks} * node.stage.block_bytes, "at most 1073741824");
  findings.expect(node.ring_timeout_ns >= 1, "ring_timeout_ns", 0, "at least 1");
  findings.expect(node.core < 128, "core", node.core, "0 to 127");
  findings.expect(node.egress_core < 128, "egress_core", node.egress_core, "0 to 127");
  findings.expect(node.fan_out >= 1 && node.fan_out <= 1024, "fan_out", node.fan_out, "1 to 1024");
  findings.expect(groups <= node.stage.rules_max, "groups", groups, "at most rules_max");
  findings.expect(groups * node.fan_out <= node.stage.outputs_max, "groups times fan_out",
                  groups * node.fan_out, "at most outputs_max");
  findings.expect(node.completions_max >= 1, "completions_max", node.completions_max, "at least 1");
  // The kernel never makes a send buffer smaller than this (SOCK_MIN_SNDBUF, socket(7)).
  findings.expect(node.send_buffer_bytes >= 4608, "send_buffer_bytes", node.send_buffer_bytes,
                  "at least 4608");
  findings.expect(node.receive_buffer_bytes >= 2304 && node.receive_buffer_bytes <= (1U << 30),
                  "receive_buffer_bytes", node.receive_buffer_bytes, "2304 to 1073741824");
  findings.expect(node.link.queue >= 1 && node.link.queue <= 1'000'000, "link.queue",
                  node.link.queue, "1 to 1000000");
  findings.expect(node.link.mtu_bytes >= 576 && node.link.mtu_bytes <= 65'535, "mtu_bytes",
                  node.link.mtu_bytes, "576 to 65535");
  std::int64_t end_ns = 0;
  for (const Stall& stall : node.link.stalls) {
    findings.expect(stall.start_ns >= end_ns && stall.length_ns > 0, "link.stalls",
                    static_cast<std::uint64_t>(stall.start_ns),
                    "stalls in order, not overlapping, longer than 0");
    end_ns = stall.start_ns + stall.length_ns;
  }
}

/// Virtual time ends some 39 hours after its start.
constexpr std::int64_t kCaptureNsMax = 100'000'000'000'000;

void check_capture(Findings& findings, const TrafficConfig& traffic) {
  const std::uint64_t length = traffic.capture == nullptr ? 0 : traffic.capture->size();
  findings.expect(traffic.count <= length, "count", traffic.count,
                  "at most the datagrams of the capture");
  std::int64_t last_ns = 0;
  for (std::uint64_t index = 0; index < std::min(traffic.count, length); ++index) {
    const CapturedDatagram& each = (*traffic.capture)[index];
    findings.expect(each.time_ns >= last_ns && each.time_ns <= kCaptureNsMax, "pcap", index,
                    "datagrams in the order of their times, within 100000 s");
    findings.expect(each.payload_bytes >= 16 && each.payload_bytes <= 65'507, "pcap", index,
                    "payloads of 16 to 65507 bytes");
    last_ns = each.time_ns;
  }
}

void check_traffic(Findings& findings, const TrafficConfig& traffic) {
  constexpr std::int64_t kPeriodNsMax = 1'000'000'000'000;
  findings.expect(traffic.rate >= 1 && traffic.rate <= 1'000'000'000, "rate", traffic.rate,
                  "1 to 1000000000");
  findings.expect(traffic.burst >= 1 && traffic.burst <= 1'000'000, "burst", traffic.burst,
                  "1 to 1000000");
  findings.expect(traffic.payload_bytes >= 16 && traffic.payload_bytes <= 65'507, "payload_bytes",
                  traffic.payload_bytes, "16 to 65507");
  findings.expect(traffic.third_payload_bytes == 0 ||
                      (traffic.third_payload_bytes >= 16 && traffic.third_payload_bytes <= 65'507),
                  "third_payload_bytes", traffic.third_payload_bytes, "0, or 16 to 65507");
  findings.expect(traffic.start_ns >= 0, "start_ns", 0, "0 or later");
  findings.expect(traffic.on_ns >= 1 && traffic.on_ns <= kPeriodNsMax, "on_ns",
                  static_cast<std::uint64_t>(traffic.on_ns), "1 to 1000000000000");
  findings.expect(traffic.off_ns >= 0 && traffic.off_ns <= kPeriodNsMax, "off_ns",
                  static_cast<std::uint64_t>(traffic.off_ns), "0 to 1000000000000");
  if (traffic.arrivals == Arrivals::captured) check_capture(findings, traffic);
}

}  // namespace

std::uint32_t WorldConfig::entry_of(std::uint32_t flow) const {
  if (arrangement == Arrangement::chain) return 0;
  const auto workers = static_cast<std::uint32_t>(nodes.size());
  if (spread == Spread::even) return flow % workers;
  return static_cast<std::uint32_t>(((mix(flow) >> 32) * workers) >> 32);
}

std::uint32_t group_count(const std::vector<TrafficConfig>& traffic) {
  std::uint32_t groups = 0;
  for (const TrafficConfig& flow : traffic) {
    if (groups == 0 || !flow.shares_group) ++groups;
  }
  return groups;
}

std::vector<engine::StageConfig> NodeConfig::stages() const {
  if (threads == 1) return {engine::with_role(stage, engine::Role::unified)};
  return {engine::with_role(stage, engine::Role::ingress),
          engine::with_role(stage, engine::Role::egress)};
}

std::vector<engine::Error> check(const WorldConfig& config) {
  Findings findings;
  findings.expect(!config.nodes.empty() && config.nodes.size() <= 64, "nodes", config.nodes.size(),
                  "1 to 64");
  findings.expect(!config.traffic.empty() && config.traffic.size() <= 65'536, "traffic",
                  config.traffic.size(), "1 to 65536 flows");
  const std::uint32_t groups = group_count(config.traffic);
  for (const NodeConfig& node : config.nodes) check_node(findings, node, groups);
  for (const TrafficConfig& traffic : config.traffic) check_traffic(findings, traffic);
  for (engine::Error& error : check(config.kernel)) findings.add(std::move(error));
  findings.expect(config.kernel.chain_pauses_per_million < 1'000'000, "chain_pauses_per_million",
                  config.kernel.chain_pauses_per_million, "below 1000000");
  for (engine::Error& error : check(config.faults)) findings.add(std::move(error));
  return findings.take();
}

}  // namespace reprise::sim
