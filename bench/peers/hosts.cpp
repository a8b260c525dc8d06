#include "hosts.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <fstream>
#include <sstream>

#include "reprise/traffic/offloads.hpp"
#include "reprise/traffic/system_error.hpp"
#include "reprise/traffic/veth.hpp"

namespace reprise::bench::peers {
namespace {

using engine::Expected;
using traffic::Namespace;

Expected<void> write_setting(const char* path, const char* value) {
  std::ofstream file(path);
  if (!(file << value << std::flush)) return traffic::system_failure(path);
  return {};
}

/// In the calling thread's namespace. Kernel routing carries datagrams whose source a host has no
/// route to; relays in user space do not care.
Expected<void> prepare_host() {
  if (auto set = write_setting("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1"); !set) return set;
  if (auto set = write_setting("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1"); !set)
    return set;
  if (auto set = write_setting("/proc/sys/net/ipv4/conf/all/rp_filter", "0"); !set) return set;
  return write_setting("/proc/sys/net/ipv4/conf/default/rp_filter", "0");
}

std::vector<traffic::InterfaceAddress> address_on(std::size_t cable, std::uint8_t host) {
  return {{engine::Address::ipv4(198, 18, static_cast<std::uint8_t>(cable), host), 24}};
}

}  // namespace

Expected<Hosts> Hosts::build(const Scenario& scenario) {
  if (auto allowed = traffic::allow_namespaces(); !allowed) return std::unexpected(allowed.error());
  Hosts hosts;
  for (std::size_t host = 0; host < scenario.hops + 2; ++host) {
    auto made = Namespace::create();
    if (!made) return std::unexpected(made.error());
    if (auto prepared = made->visit(prepare_host); !prepared)
      return std::unexpected(prepared.error());
    hosts.hosts_.push_back(std::move(*made));
  }
  traffic::VethOptions options;
  options.mtu_bytes = scenario.mtu_bytes;
  for (std::size_t cable = 0; cable + 1 < hosts.hosts_.size(); ++cable) {
    auto laid =
        traffic::create_veth_pair({&hosts.hosts_[cable], "out", address_on(cable, 1)},
                                  {&hosts.hosts_[cable + 1], "in", address_on(cable, 2)}, options);
    if (!laid) return std::unexpected(laid.error());
  }
  if (!scenario.has_offloads) {
    auto off =
        hosts.relay(scenario.hops - 1).visit([] { return traffic::switch_off_offloads("out"); });
    if (!off) return std::unexpected(off.error());
  }
  auto opened = hosts.sink().visit([&hosts]() -> Expected<void> {
    hosts.sink_interfaces_ =
        posix::Descriptor(::open("/proc/thread-self/net/dev", O_RDONLY | O_CLOEXEC));
    if (!hosts.sink_interfaces_.is_open()) return traffic::system_failure("/proc/net/dev");
    return {};
  });
  if (!opened) return std::unexpected(opened.error());
  return hosts;
}

Arrivals Hosts::arrivals() const {
  std::array<char, 4096> text{};
  const ssize_t length = ::pread(sink_interfaces_.get(), text.data(), text.size(), 0);
  std::istringstream lines(
      std::string(text.data(), length > 0 ? static_cast<std::size_t>(length) : 0));
  for (std::string name; lines >> name;) {
    if (name != "in:") continue;
    Arrivals arrivals;  // name: bytes packets …
    lines >> arrivals.bytes >> arrivals.packets;
    return arrivals;
  }
  return {};
}

}  // namespace reprise::bench::peers
