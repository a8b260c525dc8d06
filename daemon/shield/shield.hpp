// The ingress shield: while it lives, the relayed traffic that arrives on an interface ends behind
// the relay's packet socket and never gets into the host's own IP stack.
//
// A filter on the interface's ingress drops it there. The taps of packet sockets bound to ETH_P_ALL
// come before that hook (net/core/dev.c, __netif_receive_skb_core), all else comes behind it.
//   S1  Only filters with the shield's mark are removed: this relay's own, and those whose relay no
//       longer lives. A relay lives as long as it holds its NameLock.
//   S2  The queueing discipline is removed only where a relay made it and no filter is left on it.
//   S3  Relays change one interface one after the other.
// One thread at a time.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "reprise/daemon/shield/name_lock.hpp"
#include "reprise/daemon/shield/traffic_control.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/io.hpp"

namespace reprise::daemon {

class Shield {
 public:
  /// Shields the host from `wanted` on `interface`, behind all other filters there. Errors: no such
  /// interface, no CAP_NET_ADMIN, a kernel without what it takes. After an error nothing is left.
  static engine::Expected<Shield> attach(const std::string& interface,
                                         std::span<const engine::WantedTraffic> wanted);

  /// Removes what relays that were killed have left on `interface`, and says how many filters it
  /// was. Error: there are some and this process may not remove them.
  static engine::Expected<std::uint32_t> remove_stale(const std::string& interface);

  Shield(Shield&& other) noexcept;
  Shield(const Shield&) = delete;
  Shield& operator=(const Shield&) = delete;
  Shield& operator=(Shield&&) = delete;
  /// Removes it. What cannot be removed, the next relay on the interface removes.
  ~Shield();

 private:
  Shield(TrafficControl control, int interface_index, NameLock alive, std::uint32_t owner);
  engine::Expected<void> add_filters(std::span<const engine::WantedTraffic> wanted);

  TrafficControl control_;
  int interface_index_;
  NameLock alive_;
  std::uint32_t owner_;  ///< 0: moved from
};

}  // namespace reprise::daemon
