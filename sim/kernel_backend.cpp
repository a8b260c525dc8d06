#include "reprise/sim/kernel_backend.hpp"

namespace reprise::sim {

using engine::CompletionBatch;
using engine::Instant;
using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using engine::Submission;
using engine::SubmissionFlags;
using engine::SubmissionView;
using engine::SubmitResult;

void PhaseDetail::clear() {
  provided.clear();
  received.clear();
  prepared.clear();
  submitted.clear();
  completed.clear();
  reaped.clear();
  handed_over.clear();
  drained.clear();
  given_back.clear();
  taken_back.clear();
  sent = 0;
  refused = 0;
  cost_ns = 0;
  digest = Digest{};
}

namespace {

/// Submissions from `first` to the end of its chain.
std::uint32_t chain_length(std::span<const Submission> submissions, std::size_t first) {
  std::uint32_t length = 1;
  while ((submissions[first + length - 1].flags & SubmissionFlags::kLinked) != 0 &&
         first + length < submissions.size()) {
    ++length;
  }
  return length;
}

bool is_send(Operation operation) {
  return operation == Operation::send || operation == Operation::segmented_send ||
         operation == Operation::zero_copy_send;
}

}  // namespace

std::uint32_t KernelBackend::prepare(SubmissionView view) {
  std::uint32_t taken = 0;
  while (taken < view.submissions.size()) {
    const std::uint32_t length = chain_length(view.submissions, taken);
    if (view.submissions[taken].operation == Operation::provide) {
      const Submission& submission = view.submissions[taken++];
      for (const engine::Slice& slice :
           view.slices.subspan(submission.slice_first, submission.slice_count)) {
        kernel_->provide(slice.region);
        detail_->provided.push_back(slice.region);
        detail_->digest.add(static_cast<std::uint64_t>(slice.region));
        spend(costs_->provide_ns);
      }
      continue;
    }
    if (length > kernel_->room(ring_)) break;
    for (const std::uint32_t end = taken + length; taken < end; ++taken) {
      const Submission& submission = view.submissions[taken];
      const std::span<const engine::Slice> slices =
          view.slices.subspan(submission.slice_first, submission.slice_count);
      kernel_->prepare(ring_, submission, slices);
      if (is_send(submission.operation)) {
        detail_->prepared.push_back({submission.token.slot, slices.front().region});
      }
      detail_->digest.add(submission.token.slot);
      spend(costs_->prepare_ns);
    }
  }
  return taken;
}

SubmitResult KernelBackend::submit() { return enter(false); }

SubmitResult KernelBackend::submit_and_wait(std::uint32_t count, Instant) {
  return enter(count > 0);
}

/// It always asks for completions: on a ring with deferred task run a chain would not go on, and
/// nothing be received, otherwise.
SubmitResult KernelBackend::enter(bool waits) {
  spend(costs_->call_ns);
  SubmitResult result;
  result.submitted = kernel_->prepared_count(ring_);
  const std::uint32_t left_before = kernel_->work_count(ring_);
  if (result.submitted > 0) spend(costs_->submit_ns);
  while (kernel_->prepared_count(ring_) > 0) {
    const Kernel::Executed done =
        kernel_->execute_next(ring_, now_ + engine::Duration{detail_->cost_ns}, *choices_);
    if (is_send(done.taken.operation)) detail_->submitted.push_back(done.taken.token.slot);
    note(done);
  }
  kernel_->end_submit(ring_);
  run_task_work(left_before, waits);
  return result;
}

void KernelBackend::run_task_work(std::uint32_t left_before, bool waits) {
  bool has_moved = false;
  for (std::uint32_t done_count = 0; kernel_->work_count(ring_) > 0; ++done_count) {
    if (!waits && done_count >= left_before && kernel_->pauses(ring_, *choices_)) break;
    const Kernel::Executed done =
        kernel_->execute_work(ring_, now_ + engine::Duration{detail_->cost_ns}, *choices_);
    if (done.frames > 0) has_moved = true;
    note(done);
  }
  if (has_moved) spend(costs_->gather_ns);
}

void KernelBackend::note(const Kernel::Executed& done) {
  if (done.frames > 0) {
    spend(done.frames * costs_->receive_ns +
          costs_->receive_byte_ps * static_cast<std::int64_t>(done.frame_bytes) / 1000);
  }
  if (!done.ended) return;
  detail_->digest.add(static_cast<std::uint64_t>(done.submission.token.slot) << 8 |
                      static_cast<std::uint64_t>(done.outcome));
  if (!is_send(done.submission.operation)) return;
  detail_->completed.push_back(done.submission.token.slot);
  if (done.outcome == Outcome::ok) ++detail_->sent;
  if (done.outcome == Outcome::refused) ++detail_->refused;
  if (done.behind_link) spend(costs_->linked_ns);
  if (done.outcome == Outcome::cancelled) return;
  spend(costs_->send_ns + costs_->send_byte_ps * done.slice.length_bytes / 1000);
}

std::uint32_t KernelBackend::reap(CompletionBatch& batch) {
  batch.clear();
  std::uint32_t count = 0;
  for (; kernel_->completion_count(ring_) > 0 && batch.has_room(1); ++count) {
    const Posted posted = kernel_->reap(ring_);
    engine::Completion& completion = batch.push();
    completion.token = posted.token;
    completion.outcome = posted.outcome;
    completion.errno_value = posted.errno_value;
    completion.more = posted.more != 0;
    completion.result_bytes = posted.result_bytes;
    completion.region = posted.region;
    completion.value = posted.value;
    detail_->digest.add(static_cast<std::uint64_t>(posted.token.slot) << 8 |
                        static_cast<std::uint64_t>(posted.outcome));
    spend(costs_->completion_ns);
    if (posted.region == engine::kNoRegion) {
      detail_->reaped.push_back(posted.token.slot);
      continue;
    }
    detail_->received.push_back(posted.region);
    engine::Frame& frame = batch.push_frame();
    frame.original_bytes = kHeaderBytes + posted.packet.payload_bytes;
    frame.captured_bytes = frame.original_bytes < kernel_->memory().region_bytes
                               ? frame.original_bytes
                               : kernel_->memory().region_bytes;
    frame.segment_bytes = posted.packet.segment_bytes;
    frame.checksum = engine::ChecksumState::partial;
    frame.type = engine::PacketType::multicast;
    spend(costs_->datagram_ns);
  }
  return count;
}

engine::Expected<engine::PacketMemory> KernelBackend::register_memory(std::uint32_t,
                                                                      std::uint32_t) {
  return kernel_->memory();
}
engine::Expected<SocketIndex> KernelBackend::open(const engine::PacketSocketSpec&) {
  return SocketIndex{0};
}
engine::Expected<SocketIndex> KernelBackend::open(const engine::SendSocketSpec&) {
  return engine::failure("simulated kernel: its sockets are made with the world");
}
engine::Expected<SocketIndex> KernelBackend::adopt(int) {
  return engine::failure("simulated kernel: there are no descriptors to adopt");
}

}  // namespace reprise::sim
