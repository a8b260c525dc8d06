#include "reprise/asio/ring_watch.hpp"

#include <sys/epoll.h>

#include <array>
#include <cerrno>

#include "reprise/posix/errno_text.hpp"

namespace reprise::asio {

engine::Expected<RingWatch> RingWatch::create() {
  posix::Descriptor descriptor(::epoll_create1(EPOLL_CLOEXEC));
  if (descriptor.is_open()) return RingWatch(std::move(descriptor));
  const int errno_value = errno;
  return engine::failure("asio: the host gives no epoll descriptor: " +
                             posix::errno_text(errno_value) + "; raise ulimit -n",
                         errno_value);
}

engine::Expected<void> RingWatch::add(int socket) {
  epoll_event event{};
  event.events = EPOLLIN | EPOLLET;
  event.data.fd = socket;
  if (::epoll_ctl(descriptor_.get(), EPOLL_CTL_ADD, socket, &event) == 0) return {};
  const int errno_value = errno;
  return engine::failure(
      "asio: epoll does not take a packet ring: " + posix::errno_text(errno_value) +
          "; raise sysctl fs.epoll.max_user_watches",
      errno_value);
}

void RingWatch::remove(int socket) {
  ::epoll_ctl(descriptor_.get(), EPOLL_CTL_DEL, socket, nullptr);
}

void RingWatch::empty() {
  std::array<epoll_event, 16> events;
  constexpr auto kAll = static_cast<int>(events.size());
  while (::epoll_wait(descriptor_.get(), events.data(), kAll, 0) == kAll) {
  }
}

}  // namespace reprise::asio
