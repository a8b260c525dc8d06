// From submissions to submission queue entries (SQEs).
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "reprise/posix/submission_chain.hpp"
#include "reprise/uring/kernel_time.hpp"
#include "reprise/uring/uring_backend.hpp"
#include "reprise/uring/user_data.hpp"

namespace reprise::uring {

using engine::Operation;
using engine::Slice;
using engine::Submission;
using engine::SubmissionFlags;
using posix::first_chain;
using posix::has_flag;
using posix::slices_of;

namespace {

int send_flags(const Submission& submission) {
  return MSG_NOSIGNAL | (has_flag(submission, SubmissionFlags::kDoNotWait) ? MSG_DONTWAIT : 0);
}

bool needs_message(const Submission& submission) {
  return submission.operation == Operation::segmented_send ||
         (submission.operation == Operation::receive &&
          !has_flag(submission, SubmissionFlags::kMultishot));
}

std::uint32_t payload_bytes_of(const Submission& submission, std::span<const Slice> slices) {
  std::uint32_t bytes = 0;
  for (const Slice& slice : slices_of(submission, slices)) bytes += slice.length_bytes;
  return bytes;
}

/// An entry that ends with EBADF when its turn comes, and with it the rest of its chain. (The
/// kernel would stop at an entry that it finds malformed and leave the ones behind it.)
void write_impossible(io_uring_sqe* entry) { ::io_uring_prep_send(entry, -1, nullptr, 0, 0); }

}  // namespace

UringBackend::ChainNeeds UringBackend::needs_of(std::span<const Submission> chain) {
  ChainNeeds needs;
  for (const Submission& submission : chain) {
    if (submission.operation != Operation::provide) ++needs.entries;
    if (needs_message(submission)) ++needs.messages;
  }
  return needs;
}

bool UringBackend::has_room_for(const ChainNeeds& needs) {
  REPRISE_ASSERT(needs.entries <= ring_.submission_entries());
  return needs.entries <= ::io_uring_sq_space_left(ring_.get()) &&
         needs.entries <= operations_.free_count() && needs.messages <= messages_.free_count();
}

std::uint32_t UringBackend::prepare(engine::SubmissionView view) {
  arm_ring_polls();  // in front of what may cancel one
  std::span<const Submission> left = view.submissions;
  while (!left.empty()) {
    const std::span<const Submission> chain = first_chain(left);
    if (!has_room_for(needs_of(chain))) break;
    write_chain(chain, view.slices);
    left = left.subspan(chain.size());
  }
  regions_.publish();
  return static_cast<std::uint32_t>(view.submissions.size() - left.size());
}

void UringBackend::write_chain(std::span<const Submission> chain, std::span<const Slice> slices) {
  io_uring_sqe* last = nullptr;
  posix::SendRoom room = send_room_for(chain);
  bool finds_room = false;
  for (const Submission& submission : chain) {
    if (submission.operation == Operation::provide) {
      for (const Slice& slice : slices_of(submission, slices)) provide(slice.region);
      ++provides_unsubmitted_;
      continue;
    }
    if (last != nullptr && !finds_room) last->flags |= IOSQE_IO_LINK;
    finds_room = has_flag(submission, SubmissionFlags::kOrderOnly) &&
                 room.takes(payload_bytes_of(submission, slices));
    last = ::io_uring_get_sqe(ring_.get());
    REPRISE_ASSERT(last != nullptr);
    write_entry(last, submission, slices);
  }
}

/// Sends that cannot be refused need no link to keep their order: they run one after the other. A
/// link costs some 500 ns a send, to ask a fraction of that.
posix::SendRoom UringBackend::send_room_for(std::span<const Submission> chain) {
  constexpr std::size_t kWorthAsking = 3;
  const Submission& first = chain.front();
  const bool may_part =
      chain.size() >= kWorthAsking && has_flag(first, SubmissionFlags::kOrderOnly) &&
      std::ranges::all_of(chain,
                          [&first](const Submission& each) { return each.socket == first.socket; });
  if (!may_part || sockets_.descriptor(first.socket) < 0) return {};
  const posix::Socket& socket = sockets_.at(first.socket);
  return posix::SendRoom::of(socket.descriptor.get(), socket.send_buffer_bytes);
}

void UringBackend::write_entry(io_uring_sqe* entry, const Submission& submission,
                               std::span<const Slice> slices) {
  const std::uint64_t user_data = operations_.take(submission);
  OperationRecord& record = operations_.at(user_data);
  const int descriptor = sockets_.descriptor(submission.socket);
  if (!limits_.supports(submission.operation)) {
    write_impossible(entry);
    ::io_uring_sqe_set_data64(entry, user_data);
    return;
  }
  switch (submission.operation) {
    case Operation::receive: write_receive(entry, record, submission); break;
    case Operation::send:
    case Operation::zero_copy_send: {
      REPRISE_ASSERT(submission.slice_count == 1);
      const Slice slice = slices_of(submission, slices).front();
      if (submission.operation == Operation::send) {
        ::io_uring_prep_send(entry, descriptor, regions_.bytes(slice), slice.length_bytes,
                             send_flags(submission));
      } else {
        ::io_uring_prep_send_zc(entry, descriptor, regions_.bytes(slice), slice.length_bytes,
                                send_flags(submission), 0);
      }
      break;
    }
    case Operation::segmented_send:
      write_segmented_send(entry, record, submission, slices_of(submission, slices));
      break;
    case Operation::wait_readable: ::io_uring_prep_poll_add(entry, descriptor, POLLIN); break;
    case Operation::wait_writable: ::io_uring_prep_poll_add(entry, descriptor, POLLOUT); break;
    case Operation::deadline: write_deadline(entry, submission.deadline); break;
    case Operation::cancel: write_cancel(entry, submission.target); break;
    case Operation::packet_ring_receive:
      write_packet_ring_receive(entry, user_data, submission);
      return;
    case Operation::provide: write_impossible(entry); break;
  }
  ::io_uring_sqe_set_data64(entry, user_data);
}

void UringBackend::write_receive(io_uring_sqe* entry, OperationRecord& record,
                                 const Submission& submission) {
  const int descriptor = sockets_.descriptor(submission.socket);
  record.format = sockets_.format(submission.socket);
  record.has_segment_header = sockets_.has_segment_header(submission.socket);
  record.is_multishot = has_flag(submission, SubmissionFlags::kMultishot);
  if (record.is_multishot) {
    ::io_uring_prep_recvmsg_multishot(entry, descriptor, &multishot_header_, MSG_TRUNC);
  } else {
    record.message = messages_.take();
    posix::Message& message = messages_.at(record.message);
    message.set_receive(regions_.memory().buffers.region_bytes);
    ::io_uring_prep_recvmsg(entry, descriptor, &message.header, MSG_TRUNC);
  }
  entry->flags |= IOSQE_BUFFER_SELECT;
  entry->buf_group = ProvidedRegions::kBufferGroup;
}

void UringBackend::write_packet_ring_receive(io_uring_sqe* entry, std::uint64_t user_data,
                                             const Submission& submission) {
  OperationRecord& record = operations_.at(user_data);
  record.socket = submission.socket;
  record.is_multishot = has_flag(submission, SubmissionFlags::kMultishot);
  if (record.is_multishot && rings_.has(submission.socket)) {
    ::io_uring_prep_poll_multishot(entry, sockets_.descriptor(submission.socket), POLLIN);
  } else {
    write_impossible(entry);
  }
  ::io_uring_sqe_set_data64(entry, user_data);
}

void UringBackend::provide(engine::RegionIndex region) {
  if (regions_.memory().is_block(region)) {
    rings_.give_back(region);
  } else {
    regions_.provide(region);
  }
}

void UringBackend::write_segmented_send(io_uring_sqe* entry, OperationRecord& record,
                                        const Submission& submission,
                                        std::span<const Slice> slices) {
  if (slices.size() > posix::kGatheredSlicesMax) return write_impossible(entry);
  record.message = messages_.take();
  posix::Message& message = messages_.at(record.message);
  message.clear();
  for (const Slice slice : slices) message.add(regions_.bytes(slice), slice.length_bytes);
  message.set_segments(submission.segment_bytes);
  ::io_uring_prep_sendmsg(entry, sockets_.descriptor(submission.socket), &message.header,
                          static_cast<unsigned>(send_flags(submission)));
}

void UringBackend::write_deadline(io_uring_sqe* entry, engine::Instant deadline) {
  const auto place = static_cast<std::size_t>(entry - ring_.get()->sq.sqes);
  deadlines_[place] = kernel_time(deadline.ns);
  ::io_uring_prep_timeout(entry, &deadlines_[place], 0, IORING_TIMEOUT_ABS);
}

void UringBackend::write_cancel(io_uring_sqe* entry, engine::Token target) {
  // A target that has ended is one that the kernel does not know: ENOENT.
  const std::uint64_t user_data = operations_.find(target).value_or(kNoOperation);
  if (user_data != kNoOperation) operations_.at(user_data).is_cancelling = true;
  ::io_uring_prep_cancel64(entry, user_data, 0);
}

}  // namespace reprise::uring
