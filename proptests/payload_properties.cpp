// No payload is altered: what is delivered is what was offered, whole, and once; where the network
// doubles frames, at most as often as it came to the relay.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "properties.hpp"
#include "property_check.hpp"

namespace reprise::proptests {
namespace {

/// How often each datagram of one flow came to a relay, or was delivered by one of its outputs.
using Deliverable = std::vector<std::uint32_t>;

std::uint32_t fan_out_max(const sim::WorldConfig& config) {
  std::uint32_t most = 0;
  for (const sim::NodeConfig& node : config.nodes) most = std::max(most, node.fan_out);
  return most;
}

class Deliveries {
 public:
  explicit Deliveries(const sim::WorldConfig& config)
      : config_(&config),
        fan_out_max_(fan_out_max(config)),
        flows_(config.nodes.size() * fan_out_max_ * config.traffic.size()),
        bytes_(flows_.size()),
        arrived_(config.nodes.size() * config.traffic.size()) {}

  void arrive(const sim::World::Arrival& arrival) {
    Deliverable& arrived = arrived_[arrival.node * config_->traffic.size() + arrival.flow];
    arrived.resize(config_->traffic[arrival.flow].count);
    ++arrived[arrival.sequence];
  }

  Verdict observe(const sim::Event& event) {
    if (event.kind != sim::EventKind::delivery) return {};
    const sim::DeliveredFrame frame = delivered_of(event);
    for (std::uint32_t number = 0; number < frame.datagrams; ++number) {
      const Verdict verdict = count(event.index, frame, event.first + number);
      if (!verdict) return verdict;
    }
    return {};
  }

  [[nodiscard]] std::uint64_t bytes(std::uint32_t node, std::uint32_t output,
                                    std::uint32_t flow) const {
    return bytes_[delivery_index(node, output, flow)];
  }

 private:
  [[nodiscard]] std::size_t delivery_index(std::uint32_t node, std::uint32_t output,
                                           std::uint32_t flow) const {
    return (std::size_t{node} * fan_out_max_ + output) * config_->traffic.size() + flow;
  }
  Verdict count(std::uint32_t node, const sim::DeliveredFrame& frame, std::uint64_t sequence) {
    const auto [output, flow, datagrams, is_damaged] = frame;
    const std::string datagram =
        fmt::format("node {}, output {}: datagram {} of flow {}", node, output, sequence, flow);
    if (is_damaged) return std::unexpected(datagram + " is damaged");
    if (sequence >= config_->traffic[flow].count) {
      return std::unexpected(datagram + " was never offered");
    }
    bytes_[delivery_index(node, output, flow)] += config_->traffic[flow].payload_of(sequence);
    Deliverable& delivered = flows_[delivery_index(node, output, flow)];
    delivered.resize(config_->traffic[flow].count);
    const Deliverable& arrived = arrived_[node * config_->traffic.size() + flow];
    const std::uint32_t most = config_->faults.is_empty() ? 1 : arrived.at(sequence);
    if (++delivered[sequence] > most) {
      return std::unexpected(datagram + " was delivered more often than it arrived");
    }
    return {};
  }

  const sim::WorldConfig* config_;
  std::uint32_t fan_out_max_;
  std::vector<Deliverable> flows_;
  std::vector<std::uint64_t> bytes_;  ///< of what was delivered, by its numbers
  std::vector<Deliverable> arrived_;  ///< where faults are planned
};

}  // namespace

Verdict payloads_arrive_unaltered(CaseRun& run) {
  const sim::World& world = run.world();
  const sim::WorldConfig& config = world.config();
  Deliveries deliveries(config);
  while (const std::optional<Step> step = run.next()) {
    if (step->is_command) continue;
    for (const sim::World::Arrival& arrival : world.arrivals()) deliveries.arrive(arrival);
    if (const Verdict verdict = deliveries.observe(step->event); !verdict) {
      return std::unexpected(run.place() + verdict.error());
    }
  }
  for (std::uint32_t node = 0; node < world.node_count(); ++node) {
    // What the first output sends is the next relay's.
    const std::uint32_t first = node + 1 < world.node_count() ? 1 : 0;
    for (std::uint32_t output = first; output < config.nodes[node].fan_out; ++output) {
      for (std::uint32_t flow = 0; flow < config.traffic.size(); ++flow) {
        const sim::Delivered& delivered = world.delivered(node, output, flow);
        const std::uint64_t bytes = deliveries.bytes(node, output, flow);
        if (delivered.bytes == bytes) continue;
        return std::unexpected(
            fmt::format("node {}, output {}, flow {}: {} datagrams with {} bytes came as {} bytes",
                        node, output, flow, delivered.received, bytes, delivered.bytes));
      }
    }
  }
  return {};
}

TEST(Payload, ArrivesUnalteredAndOnce) {
  check_property("payloads_arrive_unaltered", rc::gen::oneOf(cases(), stopped_cases()),
                 {{Sight::delivery, 60},
                  {Sight::two_hops, 30},
                  {Sight::fan_out, 30},
                  {Sight::exhaustion, 40},
                  {Sight::sent_again, 10},
                  {Sight::truncation, 10},
                  {Sight::hand_off, 40},
                  {Sight::fault, 20},
                  {Sight::network_fault, 10},
                  {Sight::packet_ring, 15},
                  {Sight::block_parted, 5},
                  {Sight::copied_out, 2},
                  {Sight::segmented, 10},
                  {Sight::gathered, 5},
                  {Sight::merged, 5}});
}

}  // namespace reprise::proptests
