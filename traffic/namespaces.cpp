#include "reprise/traffic/namespaces.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstring>
#include <string>

#include "reprise/traffic/system_error.hpp"

namespace reprise::traffic {
namespace {

using engine::Expected;

constexpr const char* kPathOfCurrent = "/proc/thread-self/ns/net";

Expected<void> write_file(const std::string& path, std::string_view text) {
  const posix::Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!file.is_open()) return system_failure(fmt::format("{}: cannot open", path));
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size())) {
    return system_failure(fmt::format("{}: cannot write", path));
  }
  return {};
}

/// Why the host refuses, in the words of the settings that an operator can change.
std::unexpected<engine::Error> refused_by_host(int errno_value) {
  std::string reason;
  switch (errno_value) {
    case EPERM:
      reason =
          "neither CAP_SYS_ADMIN nor unprivileged user namespaces: run as root, or see sysctl "
          "kernel.unprivileged_userns_clone and kernel.apparmor_restrict_unprivileged_userns "
          "(in a container: its seccomp profile)";
      break;
    case ENOSPC:
    case EUSERS: reason = "the host's limit is reached: see sysctl user.max_user_namespaces"; break;
    case EINVAL: reason = "a user namespace can only be made by a process with one thread"; break;
    default: reason = "the kernel refused"; break;
  }
  return system_failure(fmt::format("network namespaces: {}", reason), errno_value);
}

/// After the move into the user namespace: the user becomes root there, so that a program started
/// inside keeps its capabilities across exec (user_namespaces(7)).
Expected<void> map_to_root(uid_t user, gid_t user_group) {
  if (auto denied = write_file("/proc/self/setgroups", "deny"); !denied) return denied;
  if (auto mapped = write_file("/proc/self/uid_map", fmt::format("0 {} 1", user)); !mapped) {
    return mapped;
  }
  return write_file("/proc/self/gid_map", fmt::format("0 {} 1", user_group));
}

Expected<void> bring_loopback_up() {
  const posix::Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  if (!socket.is_open() || ioctl(socket.get(), SIOCSIFFLAGS, &request) != 0) {
    return system_failure("lo: cannot bring the loopback interface up");
  }
  return {};
}

/// Without this, an interface's link-local address is unusable for a second or two. Where /proc/sys
/// is read-only or IPv6 absent it stays as it is: that costs waiting, not correctness.
void switch_off_duplicate_address_detection() {
  for (const char* scope : {"all", "default"}) {
    const std::string path = fmt::format("/proc/sys/net/ipv6/conf/{}/accept_dad", scope);
    [[maybe_unused]] const auto written = write_file(path, "0");
  }
}

}  // namespace

Expected<Namespace> Namespace::current() {
  posix::Descriptor descriptor(::open(kPathOfCurrent, O_RDONLY | O_CLOEXEC));
  if (!descriptor.is_open()) {
    return system_failure(fmt::format("{}: cannot open (is /proc mounted?)", kPathOfCurrent));
  }
  return Namespace(std::move(descriptor));
}

Expected<Namespace> Namespace::create() {
  const auto home = current();
  if (!home) return std::unexpected(home.error());
  if (unshare(CLONE_NEWNET) != 0) {
    const int errno_value = errno;
    if (errno_value == ENOSPC) {
      return system_failure(
          "network namespace: the host's limit is reached: see sysctl user.max_net_namespaces",
          errno_value);
    }
    return refused_by_host(errno_value);
  }
  auto created = current();
  if (created) {
    switch_off_duplicate_address_detection();
    if (auto up = bring_loopback_up(); !up) created = std::unexpected(up.error());
  }
  if (auto back = home->enter(); !back) return std::unexpected(back.error());
  return created;
}

Expected<void> Namespace::enter() const {
  if (setns(descriptor_.get(), CLONE_NEWNET) != 0) {
    return system_failure("network namespace: cannot enter (needs CAP_SYS_ADMIN)");
  }
  return {};
}

Expected<void> Namespace::visit(const std::function<Expected<void>()>& action) const {
  const auto home = current();
  if (!home) return std::unexpected(home.error());
  if (auto entered = enter(); !entered) return entered;
  auto result = action();
  if (auto back = home->enter(); !back) return back;
  return result;
}

Expected<void> allow_namespaces() {
  const auto home = Namespace::current();
  if (!home) return std::unexpected(home.error());
  if (unshare(CLONE_NEWNET) == 0) return home->enter();
  if (errno != EPERM) return refused_by_host(errno);

  const uid_t user = geteuid();
  const gid_t user_group = getegid();
  if (unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return refused_by_host(errno);
  return map_to_root(user, user_group);
}

}  // namespace reprise::traffic
