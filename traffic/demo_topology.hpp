// Three hosts in a row, as anonymous namespaces: source ── relay ── sink, with one veth cable each.
//
//   source                 relay                         sink
//   gen0 192.0.2.1 ─────── in0  192.0.2.2
//                          out0 198.51.100.1 ─────────── recv0 198.51.100.2
//
// Nothing forwards between the cables but a relay program. With IPv6 the addresses are
// 2001:db8:1::1 … 2001:db8:2::2. Addresses are documentation ranges (RFC 5737, RFC 3849).
#pragma once

#include "reprise/engine/endpoint.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/rule.hpp"
#include "reprise/traffic/namespaces.hpp"
#include "reprise/traffic/veth.hpp"

namespace reprise::traffic {

struct DemoTopologyOptions {
  engine::Family family = engine::Family::ipv4;
  VethOptions cable;
};

struct DemoTopology {
  Namespace source;
  Namespace relay;
  Namespace sink;
  engine::Endpoint sent_to;        ///< the input group, on the source's interface
  engine::Rule rule;               ///< what the relay has to do, on its own interfaces
  engine::Endpoint received_from;  ///< the output group, on the sink's interface
};

/// Calls allow_namespaces(), then builds everything. It vanishes with the returned value and the
/// processes inside.
engine::Expected<DemoTopology> build_demo_topology(const DemoTopologyOptions& options);

}  // namespace reprise::traffic
