// What the shield asks of the kernel's traffic control for one network namespace: the `clsact`
// queueing discipline of an interface and classic BPF filters on it (tc(8), tc-bpf(8)), by
// rtnetlink(7).
//
// The namespace is the one in which it was opened. Reading needs no privilege; changes need
// CAP_NET_ADMIN. Every call waits for the kernel's answer. Errors are the kernel's own words where
// it has some. Not for several threads.
#pragma once

#include <linux/filter.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "reprise/engine/error.hpp"

struct mnl_socket;
struct nlmsghdr;

namespace reprise::daemon {

enum class Direction : std::uint8_t { ingress, egress };

/// One entry of a filter dump.
struct FilterEntry {
  std::string kind;            ///< "bpf", "u32", …
  std::uint16_t priority = 0;  ///< the lowest is asked first
  std::uint32_t handle = 0;    ///< 0: announces the kind at this priority and is no filter itself
  std::vector<sock_filter> program;  ///< of a classic "bpf" filter, else empty
};

class TrafficControl {
 public:
  static engine::Expected<TrafficControl> open();

  /// All filters on one side of an interface, in every chain; none where it has no hook for them.
  engine::Expected<std::vector<FilterEntry>> filters(int interface_index, Direction direction);

  /// Gives the interface a hook for filters. False: it had one.
  engine::Expected<bool> add_clsact(int interface_index);
  /// Takes it away, with all filters on it.
  engine::Expected<void> remove_clsact(int interface_index);

  /// Adds a filter for all protocols in direct-action mode, which no hardware may take over: there
  /// it would act before any tap. Error EINVAL: among others, that another kind has the priority.
  engine::Expected<void> add_ingress_filter(int interface_index, std::uint16_t priority,
                                            std::span<const sock_filter> program);
  engine::Expected<void> remove_ingress_filter(int interface_index, const FilterEntry& filter);

 private:
  struct Close {
    void operator()(mnl_socket* socket) const;
  };
  using Answer = std::function<void(const nlmsghdr&)>;

  explicit TrafficControl(mnl_socket* socket);
  nlmsghdr* begin(std::uint16_t type, int flags, int interface_index, std::uint32_t parent);
  engine::Expected<void> ask(nlmsghdr* request, const Answer& answer = {});
  static engine::Expected<bool> is_over(const nlmsghdr& message);

  std::unique_ptr<mnl_socket, Close> socket_;
  std::vector<char> request_;
  std::vector<char> answers_;
  std::uint32_t sequence_ = 0;
};

}  // namespace reprise::daemon
