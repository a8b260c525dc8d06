// What travels between the ingress and the egress side of a relay, in order.
#pragma once

#include <cstdint>

#include "reprise/engine/memory.hpp"
#include "reprise/engine/route.hpp"

namespace reprise::engine {

/// An accepted datagram on its way to its outputs; it holds one reference on its region. Or a mark
/// that keeps its place among them.
struct WorkItem {
  Slice payload;
  OutputIndex first_output = kNoOutput;  ///< of a list that Egress knows

  /// Nothing for these outputs follows.
  static constexpr WorkItem removal(OutputIndex first) { return {Slice{}, first}; }
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
