// A network namespace of a test's own, entered by the calling thread and left, and so removed, when
// the object goes.
//
// As root a network namespace is enough; otherwise a user namespace comes with it, which is not
// left again.
#pragma once

#include <fcntl.h>
#include <sched.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <fstream>
#include <string>

#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/errno_text.hpp"

namespace reprise::tests {

class NetworkNamespace {
 public:
  NetworkNamespace() : before_(::open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) {
    is_entered_ = ::unshare(CLONE_NEWNET) == 0 || enter_with_user_namespace();
    if (!is_entered_) why_not_ = "no network namespace: " + posix::errno_text(errno);
  }
  NetworkNamespace(const NetworkNamespace&) = delete;
  NetworkNamespace& operator=(const NetworkNamespace&) = delete;
  ~NetworkNamespace() {
    if (is_entered_) static_cast<void>(::setns(before_.get(), CLONE_NEWNET));
  }

  /// Runs a command quietly inside; says whether it succeeded.
  static bool run(const std::string& command) {
    return std::system((command + " >/dev/null 2>&1").c_str()) == 0;
  }

  /// Two ends of a cable, up, with 10.9.0.1 on `left`, from which tests send. `left` comes up last:
  /// the end that comes up first gets its queue later, by the kernel's link watch, and until then
  /// drops what it is given.
  bool add_cable() {
    if (!is_entered_) return false;
    const bool added = run("ip link set lo up") &&
                       run("ip link add left type veth peer name right") &&
                       run("ip address add 10.9.0.1/24 dev left") && run("ip link set right up") &&
                       run("ip link set left up");
    if (!added) why_not_ = "no veth pair: ip link add failed";
    return added;
  }

  [[nodiscard]] bool is_entered() const { return is_entered_; }
  [[nodiscard]] const std::string& why_not() const { return why_not_; }

 private:
  static bool enter_with_user_namespace() {
    const auto user = ::getuid();
    const auto group = ::getgid();
    if (::unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0) return false;
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
    std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
    return true;
  }

  posix::Descriptor before_;
  bool is_entered_ = false;
  std::string why_not_;
};

}  // namespace reprise::tests
