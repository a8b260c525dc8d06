// What travels between the ingress and the egress side of a relay, in order.
#pragma once

#include <cstdint>

#include "reprise/engine/memory.hpp"
#include "reprise/engine/route.hpp"

namespace reprise::engine {

/// Names a flow (source address and port) among those of one output. Two flows may have the same
/// tag: they are then kept in order as if they were one.
using FlowTag = std::uint16_t;

/// The payload of one datagram, with its flow.
struct Payload {
  RegionIndex region = kNoRegion;
  std::uint32_t offset_bytes = 0;
  std::uint16_t length_bytes = 0;  ///< at most 65,527 (RFC 768, RFC 8200)
  FlowTag flow = 0;

  [[nodiscard]] constexpr Slice slice() const { return {region, offset_bytes, length_bytes}; }
  friend bool operator==(const Payload&, const Payload&) = default;
};

/// An accepted datagram on its way to its outputs; it holds one reference on its region. Or a mark
/// that keeps its place among them.
struct WorkItem {
  Payload payload;
  OutputIndex first_output = kNoOutput;  ///< of a list that Egress knows

  /// Nothing for these outputs follows.
  static constexpr WorkItem removal(OutputIndex first) { return {Payload{}, first}; }
  /// Nothing at all follows.
  static constexpr WorkItem end() { return {}; }
  [[nodiscard]] constexpr bool is_datagram() const { return payload.region != kNoRegion; }
  [[nodiscard]] constexpr bool is_end() const {
    return !is_datagram() && first_output == kNoOutput;
  }
  friend bool operator==(const WorkItem&, const WorkItem&) = default;
};

/// A region on its way back, with the number of datagrams whose references it brings.
struct ReturnItem {
  RegionIndex region = kNoRegion;
  std::uint32_t references = 0;
  friend bool operator==(const ReturnItem&, const ReturnItem&) = default;
};

}  // namespace reprise::engine
