// Group memberships that make the network deliver a group to an interface, held by helper sockets.
//
// A packet socket joins nothing: only the host's memberships make it announce a group (IGMP, MLD)
// and open the NIC's multicast filter. The helper sockets are bound to no port and receive nothing.
// They stay open, and the memberships with them, until they are left or this object goes. One
// socket holds a limited number of them (net.ipv4.igmp_max_memberships: 20), so further ones open
// further sockets. One thread at a time.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "reprise/engine/address.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/posix/descriptor.hpp"

namespace reprise::posix {

class Memberships {
 public:
  /// Joins `group` on `interface`, from any source, or from `source` alone where it is set (SSM,
  /// RFC 3678). Joining twice counts twice. Errors: no such interface, not a multicast group, a
  /// limit of the host.
  engine::Expected<void> join(const engine::Address& group, const engine::Address& source,
                              const std::string& interface);

  /// Takes one join back; the last one leaves the group. Without such a join nothing happens.
  void leave(const engine::Address& group, const engine::Address& source,
             const std::string& interface);

  [[nodiscard]] std::size_t socket_count() const { return helpers_.size(); }

 private:
  struct Helper {
    Descriptor socket;
    engine::Family family = engine::Family::none;
    bool is_source_specific = false;  ///< one socket cannot hold a group in both ways
  };
  struct Joined {
    engine::Address group;
    engine::Address source;
    std::string interface;
    std::size_t helper = 0;
    std::uint32_t count = 0;
  };

  Joined* find(const engine::Address& group, const engine::Address& source,
               const std::string& interface);
  engine::Expected<std::size_t> open_helper(engine::Family family, bool is_source_specific);
  int change(std::size_t helper, bool joins, const engine::Address& group,
             const engine::Address& source, int interface_index) const;

  std::vector<Helper> helpers_;
  std::vector<Joined> joined_;
};

}  // namespace reprise::posix
