#include "reprise/traffic/demo_topology.hpp"

#include <array>

namespace reprise::traffic {
namespace {

using engine::Address;
using engine::Endpoint;
using engine::Expected;

constexpr std::uint16_t kInputPort = 5000;
constexpr std::uint16_t kOutputPort = 5001;

/// The addresses of one family.
struct AddressPlan {
  std::uint8_t prefix_length;
  Address source, relay_input, relay_output, sink;
  Address input_group, output_group;
};

Address ipv6(std::array<std::uint8_t, 4> first, std::uint8_t network, std::uint8_t host) {
  Address address;
  address.bytes = {first[0], first[1], first[2], first[3], 0, network};
  address.bytes[15] = host;
  address.family = engine::Family::ipv6;
  return address;
}

AddressPlan plan_for(engine::Family family) {
  if (family == engine::Family::ipv4) {
    return {24,
            Address::ipv4(192, 0, 2, 1),
            Address::ipv4(192, 0, 2, 2),
            Address::ipv4(198, 51, 100, 1),
            Address::ipv4(198, 51, 100, 2),
            Address::ipv4(239, 1, 1, 1),
            Address::ipv4(239, 2, 2, 2)};
  }
  constexpr std::array<std::uint8_t, 4> kDocumentation = {0x20, 0x01, 0x0d, 0xb8};
  constexpr std::array<std::uint8_t, 4> kSiteGroup = {0xff, 0x15, 0, 0};  // transient, site-local
  return {64,
          ipv6(kDocumentation, 1, 1),
          ipv6(kDocumentation, 1, 2),
          ipv6(kDocumentation, 2, 1),
          ipv6(kDocumentation, 2, 2),
          ipv6(kSiteGroup, 0, 1),
          ipv6(kSiteGroup, 0, 2)};
}

Endpoint endpoint(const Address& group, std::uint16_t port, const char* interface) {
  return {.source = {}, .group = group, .port = port, .interface = interface};
}

}  // namespace

Expected<DemoTopology> build_demo_topology(const DemoTopologyOptions& options) {
  if (auto allowed = allow_namespaces(); !allowed) return std::unexpected(allowed.error());
  auto source = Namespace::create();
  if (!source) return std::unexpected(source.error());
  auto relay = Namespace::create();
  if (!relay) return std::unexpected(relay.error());
  auto sink = Namespace::create();
  if (!sink) return std::unexpected(sink.error());

  const AddressPlan plan = plan_for(options.family);
  const auto end = [&](const Namespace& where, const char* name, const Address& address) {
    return VethEnd{&where, name, {{address, plan.prefix_length}}};
  };
  if (auto cable = create_veth_pair(end(*source, "gen0", plan.source),
                                    end(*relay, "in0", plan.relay_input), options.cable);
      !cable) {
    return std::unexpected(cable.error());
  }
  if (auto cable = create_veth_pair(end(*relay, "out0", plan.relay_output),
                                    end(*sink, "recv0", plan.sink), options.cable);
      !cable) {
    return std::unexpected(cable.error());
  }
  return DemoTopology{
      .source = std::move(*source),
      .relay = std::move(*relay),
      .sink = std::move(*sink),
      .sent_to = endpoint(plan.input_group, kInputPort, "gen0"),
      .rule = {.name = "demo",
               .input = endpoint(plan.input_group, kInputPort, "in0"),
               .outputs = {endpoint(plan.output_group, kOutputPort, "out0")}},
      .received_from = endpoint(plan.output_group, kOutputPort, "recv0"),
  };
}

}  // namespace reprise::traffic
