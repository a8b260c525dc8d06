// From completion queue entries (CQEs) to completions.
#include <algorithm>

#include "reprise/posix/errno_outcome.hpp"
#include "reprise/uring/multishot_layout.hpp"
#include "reprise/uring/uring_backend.hpp"
#include "reprise/uring/user_data.hpp"

namespace reprise::uring {

using engine::Completion;
using engine::CompletionBatch;
using engine::Operation;

std::uint32_t UringBackend::reap(CompletionBatch& batch) {
  batch.clear();
  reap_queue(batch);
  rings_.take(batch);
  return static_cast<std::uint32_t>(batch.completions().size());
}

void UringBackend::reap_queue(CompletionBatch& batch) {
  constexpr std::uint32_t kFramesPerCompletion = 1;
  io_uring* ring = ring_.get();
  std::uint32_t taken = 0;
  do {
    taken = 0;
    unsigned head = 0;
    io_uring_cqe* entry = nullptr;
    io_uring_for_each_cqe(ring, head, entry) {
      if (!batch.has_room(kFramesPerCompletion)) break;
      if (!take_event(*entry)) complete(*entry, batch);
      ++taken;
    }
    ::io_uring_cq_advance(ring, taken);
    // Completions that found the queue full wait in the kernel until they are asked for (I8).
  } while (taken > 0 && batch.has_room(kFramesPerCompletion) && ::io_uring_cq_has_overflow(ring) &&
           ::io_uring_get_events(ring) >= 0);
}

/// Takes what is no completion: a wake-up, or that a ring's socket has something.
///
/// A packet_ring_receive is a multishot poll of the ring's socket. Its first event arms the ring,
/// whose blocks reap() looks at from then on; later events end waits and nothing else. The poll is
/// edge-triggered: it tells of blocks that were handed over since, not of those that the engine
/// holds. One that ends because completions overflowed is armed again.
bool UringBackend::take_event(const io_uring_cqe& entry) {
  const bool more = (entry.flags & IORING_CQE_F_MORE) != 0;
  if (entry.user_data == kWakeUserData) {
    if (!more) is_wake_poll_armed_ = false;
    return true;
  }
  if (entry.res < 0) return false;
  const OperationRecord& record = operations_.at(entry.user_data);
  if (record.operation != Operation::packet_ring_receive) return false;
  rings_.arm(record.socket, record.token);
  if (more) return true;
  // A cancel that it did not live to see found nothing: then this is its end.
  if (record.is_cancelling) return false;
  polls_ended_.push_back(entry.user_data);
  return true;
}

void UringBackend::complete(const io_uring_cqe& entry, CompletionBatch& batch) {
  const bool more = (entry.flags & IORING_CQE_F_MORE) != 0;
  OperationRecord& record = operations_.at(entry.user_data);
  Completion& completion = batch.push();
  completion.token = record.token;
  completion.value = record.value;
  completion.more = more;
  if (entry.res < 0) {
    completion.errno_value = -entry.res;
    completion.outcome = posix::outcome_of(-entry.res);
  }
  switch (record.operation) {
    case Operation::receive: complete_receive(entry, record, batch, completion); break;
    case Operation::send:
    case Operation::segmented_send:
    case Operation::zero_copy_send:
      // The second completion of a zero-copy send has no result.
      if (entry.res > 0 && (entry.flags & IORING_CQE_F_NOTIF) == 0) {
        completion.result_bytes = static_cast<std::uint32_t>(entry.res);
      }
      break;
    case Operation::packet_ring_receive:
      if (entry.res >= 0) completion.outcome = engine::Outcome::cancelled;
      if (rings_.is_armed(record.socket, record.token)) {
        completion.region = rings_.disarm(record.socket);
      }
      break;
    case Operation::provide:
    case Operation::wait_readable:
    case Operation::wait_writable:
    case Operation::deadline:
    case Operation::cancel: break;
  }
  if (more) return;
  if (record.message != kNoMessage) messages_.give_back(record.message);
  operations_.give_back(entry.user_data);
}

void UringBackend::complete_receive(const io_uring_cqe& entry, OperationRecord& record,
                                    CompletionBatch& batch, Completion& completion) {
  if ((entry.flags & IORING_CQE_F_BUFFER) == 0) return;
  const std::uint32_t index = entry.flags >> IORING_CQE_BUFFER_SHIFT;
  completion.region = engine::RegionIndex{index};
  if (entry.res < 0) return;

  const auto length_bytes = static_cast<std::uint32_t>(entry.res);
  const std::uint32_t region_bytes = regions_.memory().buffers.region_bytes;
  posix::ReceivedMessage received =
      record.is_multishot
          ? read_multishot_layout(
                {regions_.bytes({completion.region, 0, length_bytes}), length_bytes})
          : messages_.at(record.message).received(length_bytes, region_bytes);
  received.format = record.format;
  if (record.has_segment_header) {
    posix::split_off_segment_header(regions_.bytes({completion.region, 0, region_bytes}), received);
  }
  completion.result_bytes = received.captured_bytes;
  posix::fill_frame(received, batch.push_frame());
}

}  // namespace reprise::uring
