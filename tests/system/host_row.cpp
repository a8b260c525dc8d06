#include "host_row.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <fstream>
#include <sstream>

namespace reprise::tests {
namespace {

using traffic::InterfaceAddress;
using traffic::Namespace;

std::vector<InterfaceAddress> addresses_on(std::size_t cable, int host) {
  return {{value_of(engine::parse_address(fmt::format("198.18.{}.{}", cable, host))), 24},
          {value_of(engine::parse_address(fmt::format("2001:db8:{}::{}", cable, host))), 64}};
}

}  // namespace

HostRow::HostRow(std::size_t relays, const traffic::VethOptions& cable) {
  for (std::size_t host = 0; host < relays + 2; ++host)
    hosts_.push_back(value_of(Namespace::create()));
  for (std::size_t left = 0; left + 1 < hosts_.size(); ++left) {
    value_of(create_veth_pair({&hosts_[left], "out", addresses_on(left, 1)},
                              {&hosts_[left + 1], "in", addresses_on(left, 2)}, cable));
  }
}

void inside(const Namespace& host, const std::function<void()>& action) {
  value_of(host.visit([&]() -> engine::Expected<void> {
    action();
    return {};
  }));
}

bool command_inside(const Namespace& host, const std::string& command) {
  bool succeeded = false;
  inside(host, [&] { succeeded = std::system((command + " >/dev/null 2>&1").c_str()) == 0; });
  return succeeded;
}

bool slow_down(const HostRow& row, const std::string& rate) {
  return command_inside(row.sink(),
                        "unshare -m sh -c 'mount -t sysfs sysfs /sys && "
                        "echo 1 > /sys/class/net/in/queues/rx-0/rps_cpus'") &&
         command_inside(row.relay(0),
                        "tc qdisc add dev out root tbf rate " + rate + " burst 16kb limit 1mb");
}

std::uint64_t interface_drops(const Namespace& host, const std::string& interface) {
  std::uint64_t drops = 0;
  inside(host, [&] {
    std::ifstream table("/proc/thread-self/net/dev");  // name: bytes packets errs drop …
    for (std::string line; std::getline(table, line);) {
      std::istringstream fields(line);
      std::string name;
      std::uint64_t bytes = 0;
      std::uint64_t packets = 0;
      std::uint64_t errors = 0;
      std::uint64_t dropped = 0;
      fields >> name >> bytes >> packets >> errors >> dropped;
      if (name == interface + ":") drops = dropped;
    }
  });
  return drops;
}

}  // namespace reprise::tests
