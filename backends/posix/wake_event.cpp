#include "reprise/posix/wake_event.hpp"

#include <sys/eventfd.h>

#include <cerrno>
#include <string>

#include "reprise/posix/errno_text.hpp"

namespace reprise::posix {

engine::Expected<Descriptor> WakeEvent::open_descriptor() {
  Descriptor descriptor(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (descriptor.is_open()) return descriptor;
  const int errno_value = errno;
  return engine::failure("cannot open an eventfd: " + errno_text(errno_value) + "; raise ulimit -n",
                         errno_value);
}

void WakeEvent::request() {
  if (requested_.exchange(true, std::memory_order_acq_rel)) return;
  const int errno_before = errno;
  ::eventfd_write(descriptor_.get(), 1);
  errno = errno_before;
}

void WakeEvent::empty() {
  eventfd_t count = 0;
  ::eventfd_read(descriptor_.get(), &count);
}

}  // namespace reprise::posix
