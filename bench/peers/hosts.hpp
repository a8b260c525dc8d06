// Hosts in a row, as anonymous namespaces: source ── relay ── … ── relay ── sink.
//
// Cable k joins host k's interface "out" (198.18.k.1) with host k + 1's interface "in"
// (198.18.k.2). Nothing speaks IPv6, so that nothing but the relayed traffic and a membership
// report crosses a cable. Nobody at the sink listens to the relayed groups: what arrives is counted
// on its interface and dropped by its IP stack, the cheapest sink there is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/posix/descriptor.hpp"
#include "reprise/traffic/namespaces.hpp"
#include "scenario.hpp"

namespace reprise::bench::peers {

/// What has come in on an interface. A buffer of several segments is one packet here, with all
/// their payloads but the headers of one: so datagrams of a known length are known from both.
struct Arrivals {
  std::uint64_t packets = 0;
  std::uint64_t bytes = 0;

  friend bool operator==(const Arrivals&, const Arrivals&) = default;
  friend Arrivals operator-(const Arrivals& left, const Arrivals& right) {
    return {left.packets - right.packets, left.bytes - right.bytes};
  }
  /// Exact where all payloads are of this length; an estimate where it is their mean.
  [[nodiscard]] std::uint64_t datagrams(std::uint32_t payload_bytes) const {
    const std::uint64_t headers = packets * kHeaderBytes;
    return bytes < headers ? 0 : (bytes - headers + payload_bytes / 2) / payload_bytes;
  }
};

class Hosts {
 public:
  static engine::Expected<Hosts> build(const Scenario& scenario);

  [[nodiscard]] const traffic::Namespace& source() const { return hosts_.front(); }
  [[nodiscard]] const traffic::Namespace& relay(std::size_t hop) const { return hosts_[hop + 1]; }
  [[nodiscard]] const traffic::Namespace& sink() const { return hosts_.back(); }

  /// At the sink, since the start.
  [[nodiscard]] Arrivals arrivals() const;

 private:
  std::vector<traffic::Namespace> hosts_;
  posix::Descriptor sink_interfaces_;  ///< the sink's /proc/net/dev
};

}  // namespace reprise::bench::peers
