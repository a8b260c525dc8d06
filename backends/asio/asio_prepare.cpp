// From submissions to operations in the submission queue.
#include "reprise/asio/asio_backend.hpp"
#include "reprise/posix/submission_chain.hpp"

namespace reprise::asio {

using engine::Operation;
using engine::Slice;
using engine::Submission;

AsioBackend::ChainNeeds AsioBackend::needs_of(std::span<const Submission> chain) {
  ChainNeeds needs;
  for (const Submission& submission : chain) {
    if (submission.operation != Operation::provide) ++needs.entries;
    if (submission.operation == Operation::segmented_send) ++needs.messages;
  }
  return needs;
}

bool AsioBackend::has_room_for(const ChainNeeds& needs) const {
  REPRISE_ASSERT(needs.entries <= limits_.submissions_max);
  return needs.entries <= limits_.submissions_max - entries_prepared_ &&
         needs.entries <= operations_.free_count() && needs.messages <= messages_.free_count();
}

std::uint32_t AsioBackend::prepare(engine::SubmissionView view) {
  std::span<const Submission> left = view.submissions;
  while (!left.empty()) {
    const std::span<const Submission> chain = posix::first_chain(left);
    if (!has_room_for(needs_of(chain))) break;
    take_chain(chain, view.slices);
    left = left.subspan(chain.size());
  }
  return static_cast<std::uint32_t>(view.submissions.size() - left.size());
}

void AsioBackend::take_chain(std::span<const Submission> chain, std::span<const Slice> slices) {
  OperationIndex last = kNoOperation;
  for (const Submission& submission : chain) {
    if (submission.operation == Operation::provide) {
      for (const Slice& slice : posix::slices_of(submission, slices)) {
        if (regions_.view().is_block(slice.region)) {
          rings_.give_back(slice.region);
        } else {
          regions_.provide(slice.region);
        }
      }
      ++provides_unsubmitted_;
      continue;
    }
    const OperationIndex index = take_operation(submission, slices);
    if (last == kNoOperation) {
      chains_prepared_.push_back(index);
    } else {
      operations_.at(last).next_in_chain = index;
    }
    last = index;
    ++entries_prepared_;
  }
}

/// The submission's slices live only as long as the call: where they lie is all that is kept.
OperationIndex AsioBackend::take_operation(const Submission& submission,
                                           std::span<const Slice> slices) {
  const OperationIndex index = operations_.take();
  OperationRecord& record = operations_.at(index);
  record.token = submission.token;
  record.target = submission.target;
  record.deadline = submission.deadline;
  record.value = submission.value;
  record.socket = submission.socket;
  record.operation = submission.operation;
  record.flags = submission.flags;
  record.state = OperationState::prepared;
  if (submission.operation == Operation::send) {
    REPRISE_ASSERT(submission.slice_count == 1);
    const Slice slice = posix::slices_of(submission, slices).front();
    record.bytes = regions_.bytes(slice);
    record.length_bytes = slice.length_bytes;
  } else if (submission.operation == Operation::segmented_send &&
             submission.slice_count <= posix::kGatheredSlicesMax) {
    record.message = messages_.take();
    posix::Message& message = messages_.at(record.message);
    message.clear();
    for (const Slice& slice : posix::slices_of(submission, slices)) {
      message.add(regions_.bytes(slice), slice.length_bytes);
    }
    message.set_segments(submission.segment_bytes);
  }
  return index;
}

}  // namespace reprise::asio
