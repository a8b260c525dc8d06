// Tells that a packet ring's socket has had something new, once for each time.
//
// epoll says of a ring's socket that it is readable as long as the block that was handed over last
// is not given back, though there is nothing to read: who waits would turn round and round. So
// these sockets are in an epoll instance of their own, edge-triggered, which is readable only when
// something happened since empty().
#pragma once

#include "reprise/engine/error.hpp"
#include "reprise/posix/descriptor.hpp"

namespace reprise::asio {

class RingWatch {
 public:
  static engine::Expected<RingWatch> create();

  /// Error: epoll does not take it.
  engine::Expected<void> add(int socket);
  void remove(int socket);

  /// Before looking at the rings: what happens afterwards makes it readable again.
  void empty();

  /// Readable when something happened.
  [[nodiscard]] int descriptor() const { return descriptor_.get(); }

 private:
  explicit RingWatch(posix::Descriptor descriptor) : descriptor_(std::move(descriptor)) {}

  posix::Descriptor descriptor_;
};

}  // namespace reprise::asio
