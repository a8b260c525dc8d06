#include "reprise/uring/wake_event.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <string>

#include "reprise/posix/errno_text.hpp"

namespace reprise::uring {

engine::Expected<posix::Descriptor> WakeEvent::open_descriptor() {
  posix::Descriptor descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (descriptor.is_open()) return descriptor;
  const int errno_value = errno;
  return engine::failure(
      "cannot open an eventfd: " + posix::errno_text(errno_value) + "; raise ulimit -n",
      errno_value);
}

void WakeEvent::request() {
  if (requested_.exchange(true, std::memory_order_acq_rel)) return;
  const int errno_before = errno;
  ::eventfd_write(descriptor_.get(), 1);
  errno = errno_before;
}

}  // namespace reprise::uring
