#include "reprise/daemon/relay_options.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "reprise/posix/network_interface.hpp"
#include "reprise/posix/packet_socket.hpp"

namespace reprise::daemon {

using engine::Endpoint;
using engine::Expected;
using engine::failure;
using engine::Rule;
using engine::StageConfig;

namespace {

/// Ethernet header and two VLAN tags.
constexpr std::uint32_t kLinkHeaderBytes = 14 + 8;
/// A frame that offloads merged holds at most one IP packet's worth.
constexpr std::uint32_t kMergedFrameBytes = 65'535 + kLinkHeaderBytes;
/// Datagrams that wait for a blocked output, where whole batches of segments may come back.
constexpr std::uint32_t kSegmentedQueue = 1024;
constexpr std::uint32_t kBatchMax = 1024;
/// Sends of one output in a batch that take all that was taken in: 1024 of 1400 bytes.
constexpr std::uint32_t kSendsOfAnOutput = 32;
/// IPv6: 65,535 bytes with both headers. A little less than IPv4 takes, and the same for both.
constexpr std::uint32_t kSegmentedBytesMax = 65'487;

std::uint32_t output_count(std::span<const Rule> rules) {
  std::uint32_t outputs = 0;
  for (const Rule& rule : rules) outputs += static_cast<std::uint32_t>(rule.outputs.size());
  return outputs;
}

bool can_use_rings(const RelayOptions& options) {
  return options.threads == 1 && options.stage.exhaustion == engine::Exhaustion::wait;
}

}  // namespace

bool uses_segmentation(Segmentation segmentation) {
  switch (segmentation) {
    case Segmentation::automatic: return posix::host_tells_segment_sizes();
    case Segmentation::on: return true;
    case Segmentation::off: break;
  }
  return false;
}

Expected<void> check(const RelayOptions& options) {
  if (options.mode == IngressMode::throughput && options.threads > 1) {
    return failure(
        "mode throughput with 2 threads: blocks of a packet ring stay on one thread; expected 1 "
        "thread, with several workers if one is not enough");
  }
  if (options.mode == IngressMode::throughput && !can_use_rings(options)) {
    return failure(
        "mode throughput with exhaustion drop: a packet ring has no pool that could be exhausted; "
        "expected exhaustion wait");
  }
  if (options.workers > 1 && options.threads > 1) {
    return failure(fmt::format("{} workers with 2 threads each: expected 1 thread, or 1 worker",
                               options.workers));
  }
  if (!options.cores.empty() &&
      options.cores.size() != std::size_t{options.workers} * options.threads) {
    return failure(fmt::format("{} cores for {} threads: expected one for each",
                               options.cores.size(), options.workers * options.threads));
  }
  return {};
}

Expected<IngressPlan> plan_ingress(const RelayOptions& options, const engine::Limits& limits) {
  const bool has_rings = limits.supports(engine::Operation::packet_ring_receive);
  switch (options.mode) {
    case IngressMode::latency: return IngressPlan::frames;
    case IngressMode::throughput:
      if (has_rings) return IngressPlan::ring;
      return failure(
          "mode throughput: this host has no packet rings (TPACKET_V3, Linux 3.2); expected mode "
          "latency");
    case IngressMode::automatic: break;
  }
  if (!has_rings || !can_use_rings(options)) return IngressPlan::frames;
  return options.workers > 1 ? IngressPlan::ring : IngressPlan::both;
}

Expected<std::uint32_t> largest_input_frame(std::span<const Rule> rules) {
  std::uint32_t largest = 0;
  for (const Rule& rule : rules) {
    const auto input = posix::find_network_interface(rule.input.interface);
    if (!input) return std::unexpected(input.error());
    largest = std::max(largest, input->mtu_bytes + kLinkHeaderBytes);
    for (const Endpoint& output : rule.outputs) {
      if (output.interface.empty()) continue;
      if (const auto found = posix::find_network_interface(output.interface); !found) {
        return std::unexpected(found.error());
      }
    }
  }
  return largest;
}

StageConfig fit_to_rules(const RelayOptions& options, std::span<const Rule> rules,
                         std::uint32_t frame_bytes) {
  StageConfig stage = options.stage;
  const auto count = static_cast<std::uint32_t>(rules.size());
  stage.rules_max = count;
  stage.inputs_max = 2 * count;  // one with a ring, one without
  stage.outputs_max = output_count(rules);
  stage.region_bytes = std::max({stage.region_bytes, frame_bytes, kMergedFrameBytes});
  stage.merged_max = engine::kMergedDatagramsMax;
  if (uses_segmentation(options.segmentation)) {
    const std::uint32_t wanted = std::min(kSendsOfAnOutput * stage.outputs_max, kBatchMax);
    stage.batch = std::max(stage.batch, std::max(wanted, 2 * kSendsOfAnOutput));
    stage.submissions_max = std::max(stage.submissions_max, stage.batch);
    stage.output_queue = std::max(stage.output_queue, kSegmentedQueue);
  }
  stage.sends_max = std::max({stage.sends_max, stage.submissions_max, stage.batch});
  stage.output_queue = std::max(stage.output_queue, stage.batch);
  return stage;
}

void fit_to_backend(StageConfig& stage, const RelayOptions& options, const engine::Limits& limits,
                    std::uint32_t rings) {
  if (rings > 0) stage.blocks = rings * std::max(options.ring_bytes / stage.block_bytes, 2U);
  if (!uses_segmentation(options.segmentation) ||
      !limits.supports(engine::Operation::segmented_send))
    return;
  stage.segments_max = std::min(limits.segments_max, 128U);
  stage.segmented_bytes_max = std::min(limits.segmented_bytes_max, kSegmentedBytesMax);
}

}  // namespace reprise::daemon
