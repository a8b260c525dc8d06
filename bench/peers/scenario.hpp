// What is offered to a relay, and what it has to do with it.
//
// Hosts stand in a row (hosts.hpp); cable k carries the groups 239.(k+1).OUTPUT.(FLOW+1), port
// 5000. Kernel routing cannot rewrite a group: with `keeps_group` every cable carries those of
// cable 0.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "reprise/engine/endpoint.hpp"
#include "reprise/engine/rule.hpp"

namespace reprise::bench::peers {

inline constexpr std::uint16_t kPort = 5000;
/// Ethernet, IPv4 and UDP headers of one frame.
inline constexpr std::uint32_t kHeaderBytes = 14 + 20 + 8;
/// Varied payloads: 101 lengths that grow in steps of 8, so that next to no neighbours are equal or
/// shorter, which is what segmentation offload needs to put them into one buffer.
inline constexpr std::uint32_t kVariedFirstBytes = 600;
inline constexpr std::uint32_t kVariedStepBytes = 8;
inline constexpr std::uint32_t kVariedCount = 101;

struct Scenario {
  std::uint64_t rate_per_second = 0;  ///< offered; 0: as fast as the generator goes
  std::uint32_t payload_bytes = 1400;
  bool is_varied = false;  ///< each datagram another length; payload_bytes is the mean
  std::size_t flows = 1;   ///< input groups, interleaved one by one; at most 200
  std::size_t outputs = 1;
  std::size_t hops = 1;      ///< relays in a row
  bool has_offloads = true;  ///< of the interface that the last relay sends on
  std::uint32_t mtu_bytes = 1500;
};

inline engine::Endpoint endpoint_on(std::size_t cable, std::size_t output, std::size_t flow,
                                    const char* interface) {
  engine::Endpoint endpoint;
  endpoint.group =
      engine::Address::ipv4(239, static_cast<std::uint8_t>(cable + 1),
                            static_cast<std::uint8_t>(output), static_cast<std::uint8_t>(flow + 1));
  endpoint.port = kPort;
  endpoint.interface = interface;
  return endpoint;
}

/// What the relay between cable `hop` and cable `hop + 1` has to do, one rule a flow.
inline std::vector<engine::Rule> rules_of(const Scenario& scenario, std::size_t hop,
                                          bool keeps_group) {
  std::vector<engine::Rule> rules;
  for (std::size_t flow = 0; flow < scenario.flows; ++flow) {
    engine::Rule& rule = rules.emplace_back();
    rule.input = endpoint_on(keeps_group ? 0 : hop, 0, flow, "in");
    for (std::size_t output = 0; output < scenario.outputs; ++output)
      rule.outputs.push_back(endpoint_on(keeps_group ? 0 : hop + 1, output, flow, "out"));
  }
  return rules;
}

}  // namespace reprise::bench::peers
