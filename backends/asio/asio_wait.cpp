// Handing over, waiting, and acting on what became ready.
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <utility>

#include "reprise/asio/asio_backend.hpp"
#include "reprise/asio/places.hpp"

namespace reprise::asio {

using engine::Instant;
using engine::SocketIndex;
using engine::SubmitResult;

namespace {

bool is_ready(int descriptor, short events) {
  pollfd question{.fd = descriptor, .events = events, .revents = 0};
  return ::poll(&question, 1, 0) > 0;
}

}  // namespace

SubmitResult AsioBackend::submit() {
  SubmitResult result;
  result.submitted = carry_out_prepared();
  collect();
  return result;
}

SubmitResult AsioBackend::submit_and_wait(std::uint32_t count, Instant deadline) {
  const std::uint32_t wanted = std::min(count, limits_.completions_max);
  const auto has_expired = [&] { return deadline != engine::kNever && deadline <= now(); };
  SubmitResult result = submit();
  result.woken = wake_event_.take();
  while (!result.woken && reapable() < wanted && !has_expired()) {
    if (queues_.unread_count() > 0) {
      collect();
    } else {
      result.errno_value = reactor_.want(kWakePlace, Readiness::readable);
      if (result.errno_value == 0) {
        result.errno_value = reactor_.want(kRingsPlace, Readiness::readable);
      }
      if (result.errno_value != 0) return result;
      reactor_.wait(std::min(deadline, deadlines_.earliest()));
      act_on_events();
    }
    result.woken = wake_event_.take();
  }
  return result;
}

void AsioBackend::collect() {
  reactor_.poll();
  act_on_events();
}

/// Reads, sends and ends what the reactor has found ready. The reactor only notes: nothing of this
/// runs inside a handler of Asio's.
void AsioBackend::act_on_events() {
  for (const ReadinessEvent& event : reactor_.events()) {
    if (event.place == kWakePlace) {
      wake_event_.empty();
    } else if (event.place == kRingsPlace) {
      ring_watch_.empty();
    } else if (event.readiness == Readiness::writable) {
      act_on_room(socket_at(event.place));
    } else {
      SocketQueues& queues = queues_.at(socket_at(event.place));
      end_waits(queues.readable_waits, 0);
      if (!queues.receives.is_empty()) queues_.push_unread(socket_at(event.place));
    }
  }
  reactor_.clear_events();
  read_unread();
  expire_deadlines();
}

/// Those that wait for room have it first. wait_writable ends when they are gone and the socket
/// still takes sends.
void AsioBackend::act_on_room(SocketIndex socket) {
  SocketQueues& queues = queues_.at(socket);
  send_waiting(socket);
  if (!queues.sends.is_empty()) return;
  if (!queues.writable_waits.is_empty()) {
    int errno_value = 0;
    if (!is_ready(sockets_.descriptor(socket), POLLOUT)) {
      errno_value = want(socket, Readiness::writable);
      if (errno_value == 0) return;
    }
    end_waits(queues.writable_waits, errno_value);
  }
  reactor_.forget_room(place_of(socket));
}

AsioBackend::Progress AsioBackend::start_wait(OperationIndex index) {
  const OperationRecord& record = operations_.at(index);
  const int descriptor = sockets_.descriptor(record.socket);
  if (descriptor < 0) return end(index, EBADF);
  SocketQueues& queues = queues_.at(record.socket);
  const bool reads = record.operation == engine::Operation::wait_readable;
  const bool is_free = reads || queues.sends.is_empty();
  if (is_free && is_ready(descriptor, reads ? POLLIN : POLLOUT)) return end(index, 0);
  if (const int errno_value =
          want(record.socket, reads ? Readiness::readable : Readiness::writable);
      errno_value != 0) {
    return end(index, errno_value);
  }
  operations_.push_back(reads ? queues.readable_waits : queues.writable_waits, index);
  return Progress::open;
}

/// First all of them end, then their chains go on, which may begin new waits.
void AsioBackend::end_waits(OperationList& waits, int errno_value) {
  const OperationIndex first = std::exchange(waits, {}).first;
  for (OperationIndex index = first; index != kNoOperation; index = operations_.at(index).next) {
    end(index, errno_value);
  }
  const Progress progress = errno_value == 0 ? Progress::ended_ok : Progress::ended_otherwise;
  for (OperationIndex index = first; index != kNoOperation; index = operations_.at(index).next) {
    follow(index, progress);
  }
}

/// Returns 0 or why the socket cannot be waited for.
int AsioBackend::want(SocketIndex socket, Readiness readiness) {
  return reactor_.want(place_of(socket), readiness);
}

}  // namespace reprise::asio
