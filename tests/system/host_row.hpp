// Hosts in a row, as anonymous namespaces: source ── relay ── … ── relay ── sink.
//
// Cable k, counted from 0, joins host k's interface "out" (198.18.k.1, 2001:db8:k::1) with host
// k + 1's interface "in" (198.18.k.2, 2001:db8:k::2). On it travels group 239.1.k.1, port 5000.
// Nothing forwards between cables but a relay program.
#pragma once

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <functional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/traffic/namespaces.hpp"
#include "reprise/traffic/veth.hpp"

namespace reprise::tests {

/// The value, or a failed test with the error's message.
template <class T>
T value_of(engine::Expected<T> expected) {
  if (!expected) throw std::runtime_error(expected.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*expected);
}

class HostRow {
 public:
  explicit HostRow(std::size_t relays, const traffic::VethOptions& cable = {});

  [[nodiscard]] const traffic::Namespace& source() const { return hosts_.front(); }
  [[nodiscard]] const traffic::Namespace& relay(std::size_t index) const {
    return hosts_[index + 1];
  }
  [[nodiscard]] const traffic::Namespace& sink() const { return hosts_.back(); }
  [[nodiscard]] std::size_t relay_count() const { return hosts_.size() - 2; }

  /// Where host `cable` sends and host `cable + 1` receives, as endpoints.
  static std::string sent_on(std::size_t cable) { return group_on(cable) + "%out"; }
  static std::string received_on(std::size_t cable) { return group_on(cable) + "%in"; }

 private:
  static std::string group_on(std::size_t cable) {
    return "239.1." + std::to_string(cable) + ".1:5000";
  }
  std::vector<traffic::Namespace> hosts_;
};

/// Runs something with the calling thread inside a host.
void inside(const traffic::Namespace& host, const std::function<void()>& action);

/// Runs a command inside a host; its output is left out. Whether it succeeded.
bool command_inside(const traffic::Namespace& host, const std::string& command);

/// Whether the relay's outgoing interface carries `rate` from now on ("200mbit"), its order kept up
/// to the sink. A shaper's frames leave on whatever core its timer fires, and a veth hands each to
/// that core's receive queue: without receive packet steering onto one core, a relay that moved
/// from one core to another would see its frames overtake each other behind it.
bool slow_down(const HostRow& row, const std::string& rate);

/// Frames that a host's interface dropped before any socket saw them.
std::uint64_t interface_drops(const traffic::Namespace& host, const std::string& interface);

/// Skips visibly where the host allows no namespaces.
class SystemTest : public testing::Test {
 protected:
  void SetUp() override {
    if (auto allowed = traffic::allow_namespaces(); !allowed)
      GTEST_SKIP() << allowed.error().message;
  }
};

}  // namespace reprise::tests
