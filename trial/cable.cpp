#include "reprise/trial/cable.hpp"

#include <utility>

#include "reprise/traffic/veth.hpp"

namespace reprise::trial {
namespace {

using engine::Address;
using engine::Endpoint;

Endpoint endpoint(const Address& group, const char* interface) {
  return {.source = {}, .group = group, .port = 5000, .interface = interface};
}

}  // namespace

engine::Expected<Cable> lay_cable() {
  if (auto allowed = traffic::allow_namespaces(); !allowed) return std::unexpected(allowed.error());
  auto near = traffic::Namespace::create();
  if (!near) return std::unexpected(near.error());
  auto far = traffic::Namespace::create();
  if (!far) return std::unexpected(far.error());
  const traffic::VethEnd near_end{&*near, "near0", {{Address::ipv4(192, 0, 2, 1), 24}}};
  const traffic::VethEnd far_end{&*far, "far0", {{Address::ipv4(192, 0, 2, 2), 24}}};
  if (auto made = traffic::create_veth_pair(near_end, far_end); !made) {
    return std::unexpected(made.error());
  }
  const Address to_far = Address::ipv4(239, 1, 1, 1);
  const Address to_near = Address::ipv4(239, 2, 2, 2);
  return Cable{std::move(*near),         std::move(*far),           endpoint(to_far, "near0"),
               endpoint(to_far, "far0"), endpoint(to_near, "far0"), endpoint(to_near, "near0")};
}

}  // namespace reprise::trial
