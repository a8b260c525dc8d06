#include "reprise/posix/memberships.hpp"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>

#include "reprise/posix/errno_text.hpp"
#include "reprise/posix/network_interface.hpp"
#include "reprise/posix/socket_address.hpp"

namespace reprise::posix {

using engine::Address;
using engine::Expected;
using engine::Family;

namespace {

std::string describe(const Address& group, const Address& source, const std::string& interface) {
  return (source.is_set() ? to_string(source) + "@" : "") + to_string(group) + " on " + interface;
}

engine::Error join_error(const std::string& what, int errno_value) {
  std::string hint;
  if (errno_value == ENOBUFS || errno_value == ENOMEM) {
    hint = "; raise net.ipv4.igmp_max_memberships, net.ipv4.igmp_max_msf or net.core.optmem_max";
  } else {
    hint = "; see ip(7) and: ip maddress";
  }
  return {"cannot join " + what + ": " + errno_text(errno_value) + hint, errno_value};
}

}  // namespace

Memberships::Joined* Memberships::find(const Address& group, const Address& source,
                                       const std::string& interface) {
  const auto found = std::ranges::find_if(joined_, [&](const Joined& joined) {
    return joined.group == group && joined.source == source && joined.interface == interface;
  });
  return found == joined_.end() ? nullptr : &*found;
}

Expected<std::size_t> Memberships::open_helper(Family family, bool is_source_specific) {
  Descriptor socket(
      ::socket(family == Family::ipv4 ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) {
    const int errno_value = errno;
    return engine::failure(
        "cannot open a socket for group memberships: " + errno_text(errno_value) +
            "; check the limit of open files (ulimit -n)",
        errno_value);
  }
  helpers_.push_back({std::move(socket), family, is_source_specific});
  return helpers_.size() - 1;
}

int Memberships::change(std::size_t helper, bool joins, const Address& group, const Address& source,
                        int interface_index) const {
  const int descriptor = helpers_[helper].socket.get();
  const int level = group.family == Family::ipv4 ? IPPROTO_IP : IPPROTO_IPV6;
  int result = 0;
  if (source.is_set()) {
    group_source_req request{};
    request.gsr_interface = static_cast<std::uint32_t>(interface_index);
    request.gsr_group = socket_address(group, 0).storage;
    request.gsr_source = socket_address(source, 0).storage;
    result =
        ::setsockopt(descriptor, level, joins ? MCAST_JOIN_SOURCE_GROUP : MCAST_LEAVE_SOURCE_GROUP,
                     &request, sizeof(request));
  } else {
    group_req request{};
    request.gr_interface = static_cast<std::uint32_t>(interface_index);
    request.gr_group = socket_address(group, 0).storage;
    result = ::setsockopt(descriptor, level, joins ? MCAST_JOIN_GROUP : MCAST_LEAVE_GROUP, &request,
                          sizeof(request));
  }
  return result == 0 ? 0 : errno;
}

Expected<void> Memberships::join(const Address& group, const Address& source,
                                 const std::string& interface) {
  const std::string what = describe(group, source, interface);
  if (!group.is_multicast() || (source.is_set() && source.family != group.family)) {
    return engine::failure(
        "cannot join " + what + ": expected a multicast group and a source of the same family",
        EINVAL);
  }
  if (Joined* joined = find(group, source, interface); joined != nullptr) {
    ++joined->count;
    return {};
  }
  const auto found = find_network_interface(interface);
  if (!found) return std::unexpected(found.error());

  for (std::size_t index = helpers_.size(); index-- > 0;) {
    const Helper& helper = helpers_[index];
    if (helper.family != group.family || helper.is_source_specific != source.is_set()) continue;
    const int errno_value = change(index, true, group, source, found->index);
    if (errno_value == 0) {
      joined_.push_back({group, source, interface, index, 1});
      return {};
    }
    // The helper is full; an older one may have room again after a leave.
    if (errno_value != ENOBUFS && errno_value != ENOMEM) {
      return std::unexpected(join_error(what, errno_value));
    }
  }
  const auto opened = open_helper(group.family, source.is_set());
  if (!opened) return std::unexpected(opened.error());
  if (const int errno_value = change(*opened, true, group, source, found->index);
      errno_value != 0) {
    helpers_.pop_back();
    return std::unexpected(join_error(what, errno_value));
  }
  joined_.push_back({group, source, interface, *opened, 1});
  return {};
}

void Memberships::leave(const Address& group, const Address& source, const std::string& interface) {
  Joined* joined = find(group, source, interface);
  if (joined == nullptr || --joined->count > 0) return;
  // An interface that is gone took its memberships along.
  if (const auto found = find_network_interface(interface)) {
    change(joined->helper, false, group, source, found->index);
  }
  joined_.erase(joined_.begin() + (joined - joined_.data()));
}

}  // namespace reprise::posix
