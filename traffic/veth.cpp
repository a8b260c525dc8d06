#include "reprise/traffic/veth.hpp"

#include <fmt/format.h>
#include <linux/if_addr.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/veth.h>

#include <memory>

#include "reprise/traffic/monotonic_clock.hpp"
#include "reprise/traffic/offloads.hpp"
#include "reprise/traffic/system_error.hpp"

namespace reprise::traffic {
namespace {

using engine::Expected;

template <auto release>
struct ReleaseWith {
  void operator()(auto* object) const { release(object); }
};
using Link = std::unique_ptr<rtnl_link, ReleaseWith<rtnl_link_put>>;
using VethLink = std::unique_ptr<rtnl_link, ReleaseWith<rtnl_link_veth_release>>;
using NetlinkAddress = std::unique_ptr<nl_addr, ReleaseWith<nl_addr_put>>;
using InterfaceAddressObject = std::unique_ptr<rtnl_addr, ReleaseWith<rtnl_addr_put>>;
using NetlinkSocket = std::unique_ptr<nl_sock, ReleaseWith<nl_socket_free>>;

constexpr std::uint8_t kOperationalUp = 6;  ///< RFC 2863, IF_OPER_UP of linux/if.h
constexpr engine::Duration kCarrierPatience = engine::seconds(5);
constexpr engine::Duration kCarrierPoll = engine::milliseconds(1);

std::unexpected<engine::Error> netlink_failure(std::string_view interface, std::string_view what,
                                               int code) {
  return engine::failure(fmt::format("{}: {}: {}", interface, what, nl_geterror(code)));
}

/// A netlink socket belongs for ever to the namespace that it was opened in.
Expected<NetlinkSocket> open_netlink(const Namespace& where) {
  NetlinkSocket socket(nl_socket_alloc());
  int code = 0;
  auto visited = where.visit([&]() -> Expected<void> {
    code = nl_connect(socket.get(), NETLINK_ROUTE);
    return {};
  });
  if (!visited) return std::unexpected(visited.error());
  if (code < 0) return netlink_failure("rtnetlink", "cannot connect", code);
  return socket;
}

Expected<void> create(nl_sock* socket, const VethEnd& first, const VethEnd& second,
                      std::uint32_t mtu_bytes) {
  const VethLink link(rtnl_link_veth_alloc());
  rtnl_link* const peer = rtnl_link_veth_get_peer(link.get());
  rtnl_link_set_name(link.get(), first.name.c_str());
  rtnl_link_set_mtu(link.get(), mtu_bytes);
  rtnl_link_set_name(peer, second.name.c_str());
  rtnl_link_set_mtu(peer, mtu_bytes);
  rtnl_link_set_ns_fd(peer, second.where->descriptor());
  const int code = rtnl_link_add(socket, link.get(), NLM_F_CREATE | NLM_F_EXCL);
  rtnl_link_put(peer);
  if (code < 0) {
    return netlink_failure(first.name, fmt::format("cannot create veth pair with {}", second.name),
                           code);
  }
  return {};
}

Expected<Link> find(nl_sock* socket, const std::string& name) {
  rtnl_link* link = nullptr;
  const int code = rtnl_link_get_kernel(socket, 0, name.c_str(), &link);
  if (code < 0) return netlink_failure(name, "cannot find the interface", code);
  return Link(link);
}

Expected<void> add_address(nl_sock* socket, const std::string& name, int interface_index,
                           const InterfaceAddress& wanted) {
  const int family = wanted.address.family == engine::Family::ipv4 ? AF_INET : AF_INET6;
  const NetlinkAddress local(
      nl_addr_build(family, wanted.address.bytes.data(), wanted.address.length_bytes()));
  nl_addr_set_prefixlen(local.get(), wanted.prefix_length);
  const InterfaceAddressObject object(rtnl_addr_alloc());
  rtnl_addr_set_ifindex(object.get(), interface_index);
  rtnl_addr_set_local(object.get(), local.get());
  if (family == AF_INET6) rtnl_addr_set_flags(object.get(), IFA_F_NODAD);
  const int code = rtnl_addr_add(socket, object.get(), 0);
  if (code < 0) {
    return netlink_failure(name, fmt::format("cannot add address {}", to_string(wanted.address)),
                           code);
  }
  return {};
}

Expected<void> bring_up(nl_sock* socket, const VethEnd& end, const VethOptions& options) {
  const auto link = find(socket, end.name);
  if (!link) return std::unexpected(link.error());
  const int index = rtnl_link_get_ifindex(link->get());
  for (const InterfaceAddress& address : end.addresses) {
    if (auto added = add_address(socket, end.name, index, address); !added) return added;
  }
  if (!options.offloads) {
    auto off = end.where->visit([&] { return switch_off_offloads(end.name); });
    if (!off) return off;
  }
  const Link change(rtnl_link_alloc());
  rtnl_link_set_flags(change.get(), IFF_UP);
  const int code = rtnl_link_change(socket, link->get(), change.get(), 0);
  if (code < 0) return netlink_failure(end.name, "cannot bring the interface up", code);
  return {};
}

/// Until the kernel has seen the carrier, which it does some time after both ends are up, what is
/// sent is dropped without an error.
Expected<void> wait_for_carrier(nl_sock* socket, const std::string& name) {
  const engine::Instant deadline = monotonic_now() + kCarrierPatience;
  while (true) {
    const auto link = find(socket, name);
    if (!link) return std::unexpected(link.error());
    if (rtnl_link_get_operstate(link->get()) == kOperationalUp) return {};
    const engine::Instant now = monotonic_now();
    if (now >= deadline) {
      return engine::failure(fmt::format("{}: the interface does not become operational", name));
    }
    sleep_until(now + kCarrierPoll);
  }
}

}  // namespace

Expected<void> create_veth_pair(const VethEnd& first, const VethEnd& second,
                                const VethOptions& options) {
  const auto first_socket = open_netlink(*first.where);
  if (!first_socket) return std::unexpected(first_socket.error());
  const auto second_socket = open_netlink(*second.where);
  if (!second_socket) return std::unexpected(second_socket.error());
  nl_sock* const at_first = first_socket->get();
  nl_sock* const at_second = second_socket->get();
  if (auto made = create(at_first, first, second, options.mtu_bytes); !made) return made;
  if (auto up = bring_up(at_first, first, options); !up) return up;
  if (auto up = bring_up(at_second, second, options); !up) return up;
  if (auto ready = wait_for_carrier(at_first, first.name); !ready) return ready;
  return wait_for_carrier(at_second, second.name);
}

}  // namespace reprise::traffic
