// Sends: carried out at once, or waiting for room in the order they came.
#include <sys/socket.h>

#include <cerrno>

#include "reprise/asio/asio_backend.hpp"

namespace reprise::asio {

using engine::SocketIndex;
using engine::SubmissionFlags;

AsioBackend::Progress AsioBackend::start_send(OperationIndex index, bool in_front) {
  const OperationRecord& record = operations_.at(index);
  const bool waits = (record.flags & SubmissionFlags::kDoNotWait) == 0;
  if (sockets_.descriptor(record.socket) < 0) return end(index, EBADF);
  OperationList& queue = queues_.at(record.socket).sends;
  if (queue.is_empty() || in_front) {
    std::uint32_t result_bytes = 0;
    const int errno_value = try_send(record, result_bytes);
    if (errno_value != EAGAIN || !waits) return end(index, errno_value, result_bytes);
  } else if (!waits) {
    return end(index, EAGAIN);  // those that wait have the next room
  }
  if (const int errno_value = want(record.socket, Readiness::writable); errno_value != 0) {
    return end(index, errno_value);
  }
  if (in_front) {
    operations_.push_front(queue, index);
  } else {
    operations_.push_back(queue, index);
  }
  return Progress::open;
}

/// Returns 0 or an errno.
int AsioBackend::try_send(const OperationRecord& record, std::uint32_t& result_bytes) {
  constexpr int kFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
  const int descriptor = sockets_.descriptor(record.socket);
  ssize_t sent = -1;
  if (record.operation == engine::Operation::send) {
    sent = ::send(descriptor, record.bytes, record.length_bytes, kFlags);
  } else if (record.message == kNoMessage) {
    return EINVAL;  // more slices than one call can gather
  } else {
    sent = ::sendmsg(descriptor, &messages_.at(record.message).header, kFlags);
  }
  if (sent < 0) return errno;
  result_bytes = static_cast<std::uint32_t>(sent);
  return 0;
}

/// Sends what waits for room, oldest first, until there is none.
void AsioBackend::send_waiting(SocketIndex socket) {
  OperationList& queue = queues_.at(socket).sends;
  while (!queue.is_empty()) {
    const OperationIndex index = queue.first;
    std::uint32_t result_bytes = 0;
    int errno_value = try_send(operations_.at(index), result_bytes);
    if (errno_value == EAGAIN) {
      errno_value = want(socket, Readiness::writable);
      if (errno_value == 0) return;
    }
    operations_.remove(queue, index);
    follow(index, end(index, errno_value, result_bytes), socket);
  }
}

}  // namespace reprise::asio
