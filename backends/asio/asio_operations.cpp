// Carrying operations out: chains, cancels and deadlines.
#include <cerrno>
#include <utility>

#include "reprise/asio/asio_backend.hpp"
#include "reprise/posix/errno_outcome.hpp"

namespace reprise::asio {

using engine::Operation;
using engine::SocketIndex;

/// Returns how many submissions that were.
std::uint32_t AsioBackend::carry_out_prepared() {
  for (const OperationIndex first : chains_prepared_) {
    for (OperationIndex index = first; index != kNoOperation;
         index = operations_.at(index).next_in_chain) {
      operations_.at(index).state = OperationState::submitted;
    }
    run_chain(first);
  }
  chains_prepared_.clear();
  return std::exchange(entries_prepared_, 0) + std::exchange(provides_unsubmitted_, 0);
}

/// Carries a chain out from here on, until it ends or waits (I3). A send on the socket
/// `in_front_at` is older than those that wait there.
void AsioBackend::run_chain(OperationIndex index, SocketIndex in_front_at) {
  while (index != kNoOperation) {
    OperationRecord& record = operations_.at(index);
    const OperationIndex next = record.next_in_chain;
    record.state = OperationState::running;
    const bool in_front = record.socket == in_front_at && in_front_at != engine::kNoSocket;
    const Progress progress = record.is_cancelled ? end(index, ECANCELED) : start(index, in_front);
    switch (progress) {
      case Progress::open: record.state = OperationState::open; return;
      case Progress::ended_ok: index = next; break;
      case Progress::ended_otherwise: cancel_chain(next); return;
    }
  }
}

void AsioBackend::cancel_chain(OperationIndex index) {
  while (index != kNoOperation) {
    const OperationIndex next = operations_.at(index).next_in_chain;
    end(index, ECANCELED);
    index = next;
  }
}

/// Goes on with the chain of an operation that had waited and has ended now.
void AsioBackend::follow(OperationIndex index, Progress progress, SocketIndex in_front_at) {
  const OperationIndex next = operations_.at(index).next_in_chain;
  switch (progress) {
    case Progress::open: break;
    case Progress::ended_ok: run_chain(next, in_front_at); break;
    case Progress::ended_otherwise: cancel_chain(next); break;
  }
}

AsioBackend::Progress AsioBackend::start(OperationIndex index, bool in_front) {
  const OperationRecord& record = operations_.at(index);
  if (!limits_.supports(record.operation)) return end(index, EOPNOTSUPP);
  switch (record.operation) {
    case Operation::receive: return start_receive(index);
    case Operation::packet_ring_receive: return start_ring_receive(index);
    case Operation::send:
    case Operation::segmented_send: return start_send(index, in_front);
    case Operation::wait_readable:
    case Operation::wait_writable: return start_wait(index);
    case Operation::deadline: deadlines_.push(record.deadline, index); return Progress::open;
    case Operation::cancel: return start_cancel(index);
    case Operation::zero_copy_send:
    case Operation::provide: break;
  }
  return end(index, EOPNOTSUPP);
}

/// The one completion without `more` that every operation has (I1).
AsioBackend::Progress AsioBackend::end(OperationIndex index, int errno_value,
                                       std::uint32_t result_bytes, engine::RegionIndex region) {
  OperationRecord& record = operations_.at(index);
  REPRISE_ASSERT(record.state != OperationState::ended && record.state != OperationState::free);
  record.state = OperationState::ended;
  engine::Completion& completion = completions_.push(index).completion;
  completion.token = record.token;
  completion.value = record.value;
  completion.result_bytes = result_bytes;
  completion.region = region;
  completion.errno_value = errno_value;
  completion.outcome = posix::outcome_of(errno_value);
  return errno_value == 0 ? Progress::ended_ok : Progress::ended_otherwise;
}

AsioBackend::Progress AsioBackend::start_cancel(OperationIndex index) {
  const OperationIndex target = operations_.find(operations_.at(index).target);
  if (target == kNoOperation) return end(index, ENOENT);
  OperationRecord& record = operations_.at(target);
  if (record.state == OperationState::submitted) {
    record.is_cancelled = true;  // and ends when its turn comes
  } else {
    const engine::RegionIndex region = take_out(target);
    follow(target, end(target, ECANCELED, 0, region));
  }
  return end(index, 0);
}

/// Takes an open operation from where it waits. Returns the region that ends with it.
engine::RegionIndex AsioBackend::take_out(OperationIndex index) {
  const OperationRecord& record = operations_.at(index);
  switch (record.operation) {
    case Operation::deadline: deadlines_.remove(index); break;
    case Operation::receive: operations_.remove(queues_.at(record.socket).receives, index); break;
    case Operation::packet_ring_receive: return stop_ring_receive(index);
    case Operation::send:
    case Operation::segmented_send:
      operations_.remove(queues_.at(record.socket).sends, index);
      break;
    case Operation::wait_readable:
      operations_.remove(queues_.at(record.socket).readable_waits, index);
      break;
    case Operation::wait_writable:
      operations_.remove(queues_.at(record.socket).writable_waits, index);
      break;
    case Operation::zero_copy_send:
    case Operation::provide:
    case Operation::cancel: REPRISE_ASSERT(false);  // none of these waits
  }
  return engine::kNoRegion;
}

void AsioBackend::expire_deadlines() {
  if (deadlines_.is_empty()) return;
  const engine::Instant now = posix::monotonic_now();
  while (!deadlines_.is_empty() && deadlines_.earliest() <= now) {
    const OperationIndex index = deadlines_.pop();
    follow(index, end(index, ETIME));
  }
}

}  // namespace reprise::asio
