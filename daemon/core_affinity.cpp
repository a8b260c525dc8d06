#include "reprise/daemon/core_affinity.hpp"

#include <cerrno>
#include <string>
#include <utility>

#include "reprise/posix/errno_text.hpp"

namespace reprise::daemon {

engine::Expected<void> pin_to_core(unsigned core) {
  cpu_set_t one;
  CPU_ZERO(&one);
  if (core < CPU_SETSIZE) {
    CPU_SET(core, &one);
    if (::sched_setaffinity(0, sizeof one, &one) == 0) return {};
  }
  const int errno_value = core < CPU_SETSIZE ? errno : EINVAL;
  return engine::failure("core " + std::to_string(core) + ": " + posix::errno_text(errno_value) +
                             "; expected one of those that taskset -p $$ shows",
                         errno_value);
}

engine::Expected<OnOneCore> OnOneCore::here() {
  cpu_set_t before;
  const int core = ::sched_getcpu();
  if (core >= 0 && ::sched_getaffinity(0, sizeof before, &before) == 0) {
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET(static_cast<std::size_t>(core), &one);
    if (::sched_setaffinity(0, sizeof one, &one) == 0) return OnOneCore(before);
  }
  const int errno_value = errno;
  return engine::failure("cannot keep the relay's threads on one core: " +
                             posix::errno_text(errno_value) + "; leave --one-core out",
                         errno_value);
}

OnOneCore::OnOneCore(OnOneCore&& other) noexcept
    : before_(other.before_), is_owner_(std::exchange(other.is_owner_, false)) {}

OnOneCore::~OnOneCore() {
  if (is_owner_) ::sched_setaffinity(0, sizeof before_, &before_);
}

}  // namespace reprise::daemon
