#include "reprise/sim/kernel_backend.hpp"

#include <algorithm>

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

/// Submissions up to the end of the first chain.
std::size_t chain_length(std::span<const Submission> submissions) {
  std::size_t length = 1;
  while (length < submissions.size() &&
         (submissions[length - 1].flags & SubmissionFlags::kLinked) != 0) {
    ++length;
  }
  return length;
}

std::uint32_t entry_count(std::span<const Submission> chain) {
  std::uint32_t count = 0;
  for (const Submission& submission : chain) {
    if (submission.operation != Operation::provide) ++count;
  }
  return count;
}

}  // namespace

std::uint32_t KernelBackend::prepare(SubmissionView view) {
  std::span<const Submission> left = view.submissions;
  while (!left.empty()) {
    const std::span<const Submission> chain = left.first(chain_length(left));
    if (entry_count(chain) > kernel_->room(ring_)) break;
    prepare_chain(chain, view.slices);
    left = left.subspan(chain.size());
  }
  return static_cast<std::uint32_t>(view.submissions.size() - left.size());
}

/// A provide is no entry, wherever in the chain it stands: the entries around it are linked.
void KernelBackend::prepare_chain(std::span<const Submission> chain,
                                  std::span<const engine::Slice> all_slices) {
  std::uint32_t entries_left = entry_count(chain);
  for (const Submission& submission : chain) {
    const std::span<const engine::Slice> slices =
        all_slices.subspan(submission.slice_first, submission.slice_count);
    if (submission.operation == Operation::provide) {
      provide(slices);
      continue;
    }
    Submission entry = submission;
    if (--entries_left == 0) entry.flags &= static_cast<std::uint8_t>(~SubmissionFlags::kLinked);
    kernel_->prepare(ring_, entry, slices);
    if (engine::is_send(entry.operation)) {
      for (const engine::Slice& slice : slices)
        detail_->prepared.push_back({entry.token.slot, slice.region});
    }
    detail_->digest.add(entry.token.slot);
    spend(costs_->prepare_ns);
  }
}

void KernelBackend::provide(std::span<const engine::Slice> slices) {
  for (const engine::Slice& slice : slices) {
    kernel_->provide(slice.region);
    detail_->provided.push_back(slice.region);
    detail_->digest.add(static_cast<std::uint64_t>(slice.region));
    spend(costs_->provide_ns);
  }
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
    if (engine::is_send(done.taken.operation)) detail_->submitted.push_back(done.taken.token.slot);
    note(done);
  }
  kernel_->end_submit(ring_);
  run_task_work(left_before, waits);
  return result;
}

void KernelBackend::run_task_work(std::uint32_t left_before, bool waits) {
  bool has_moved = false;
  for (std::uint32_t done_count = 0; kernel_->work_count(ring_) > 0; ++done_count) {
    if (!waits && done_count >= left_before && kernel_->pauses(ring_, now_, *choices_)) break;
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
  if (!engine::is_send(done.submission.operation)) return;
  detail_->completed.push_back(done.submission.token.slot);
  if (done.outcome == Outcome::ok) ++detail_->sent;
  if (done.outcome == Outcome::refused) ++detail_->refused;
  if (done.behind_link) spend(costs_->linked_ns);
  if (done.outcome == Outcome::cancelled) return;
  spend(costs_->send_ns + costs_->send_byte_ps * done.payload_bytes / 1000);
}

std::uint32_t KernelBackend::reap(CompletionBatch& batch) {
  batch.clear();
  std::uint32_t count = 0;
  for (; kernel_->completion_count(ring_) > 0 && batch.has_room(1); ++count) {
    const Posted& posted = kernel_->completion(ring_, 0);
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
    } else if (posted.outcome == Outcome::ok) {
      detail_->received.push_back(posted.region);
      const std::uint32_t frame_bytes = kHeaderBytes + posted.packet.payload_bytes;
      push_frame(batch, posted.packet, 0, std::min(frame_bytes, kernel_->region_bytes()));
    }
    kernel_->reap(ring_);
  }
  while (batch.has_room(1) && batch.ring_datagrams_left() > 0) {
    const SocketIndex socket = kernel_->readable_ring(ring_);
    if (socket == engine::kNoSocket) break;
    push_block(batch, socket);
    ++count;
  }
  return count;
}

/// Frames of the block that comes next, as many as the batch accepts (I9).
void KernelBackend::push_block(CompletionBatch& batch, SocketIndex socket) {
  PacketRing& packets = kernel_->packet_ring(socket);
  const bool has_begun = packets.is_reading();
  engine::Completion& completion = batch.push();
  completion.token = kernel_->ring_token(socket);
  completion.more = true;
  completion.region = packets.begin_reading();
  if (!has_begun) detail_->received.push_back(completion.region);
  std::uint32_t read = 0;
  for (const BlockFrame& frame : packets.unread()) {
    if (!batch.has_frame_room() || batch.ring_datagrams_left() == 0) break;
    const engine::Frame& pushed =
        push_frame(batch, frame.packet, frame.offset_bytes, frame.captured_bytes);
    batch.count_from_ring(pushed.datagrams_max());
    completion.result_bytes += frame.captured_bytes;
    ++read;
  }
  completion.region_complete = packets.read(read);
  kernel_->read_on(ring_, socket);
  detail_->digest.add(static_cast<std::uint64_t>(completion.region) << 32 | read);
  spend(costs_->completion_ns);
}

engine::Frame& KernelBackend::push_frame(CompletionBatch& batch, const Packet& packet,
                                         std::uint32_t offset_bytes, std::uint32_t captured_bytes) {
  engine::Frame& frame = batch.push_frame();
  frame.offset_bytes = offset_bytes;
  frame.original_bytes = kHeaderBytes + packet.payload_bytes;
  frame.captured_bytes = captured_bytes;
  frame.segment_bytes = packet.segment_bytes;
  frame.checksum =
      packet.has_checksum != 0 ? engine::ChecksumState::unverified : engine::ChecksumState::partial;
  frame.type = engine::PacketType::multicast;
  frame.has_vlan = packet.vlan_tci != 0;
  frame.vlan_tci = packet.vlan_tci;
  spend(costs_->datagram_ns);
  return frame;
}

engine::Expected<engine::PacketMemory> KernelBackend::register_memory(const engine::MemorySpec&) {
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
