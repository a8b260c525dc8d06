#include "reprise/trial/regression/memory_source.hpp"

#include <algorithm>
#include <cstring>

#include "reprise/traffic/monotonic_clock.hpp"

namespace reprise::trial {

using engine::Expected;
using engine::failure;
using engine::Outcome;

void MemorySource::cancel(const engine::Submission& submission) {
  if (is_armed_ && submission.target == receive_) {
    endings_.push_back({receive_, Outcome::cancelled});
    is_armed_ = false;
    endings_.push_back({submission.token, Outcome::ok});
  } else {
    endings_.push_back({submission.token, Outcome::invalid});
  }
}

std::uint32_t MemorySource::prepare(engine::SubmissionView view) {
  for (const engine::Submission& submission : view.submissions) {
    switch (submission.operation) {
      case engine::Operation::provide:
        for (const engine::Slice& slice :
             view.slices.subspan(submission.slice_first, submission.slice_count)) {
          provided_.push_back(slice.region);
        }
        break;
      case engine::Operation::receive:
        receive_ = submission.token;
        is_armed_ = true;
        break;
      case engine::Operation::cancel: cancel(submission); break;
      case engine::Operation::packet_ring_receive:
      case engine::Operation::send:
      case engine::Operation::segmented_send:
      case engine::Operation::zero_copy_send:
      case engine::Operation::wait_readable:
      case engine::Operation::wait_writable:
      case engine::Operation::deadline:
        endings_.push_back({submission.token, Outcome::invalid});
        break;
    }
  }
  return static_cast<std::uint32_t>(view.submissions.size());
}

engine::SubmitResult MemorySource::submit_and_wait(std::uint32_t count, engine::Instant deadline) {
  engine::SubmitResult result;
  while (count > 0 && endings_.empty() && ready() == 0) {
    result.woken = woken_.exchange(false, std::memory_order_acquire);
    if (result.woken || has_ended() || now() >= deadline) break;
  }
  return result;
}

std::uint32_t MemorySource::reap(engine::CompletionBatch& batch) {
  batch.clear();
  for (; !endings_.empty() && batch.has_room(); endings_.pop_front()) {
    engine::Completion& completion = batch.push();
    completion.token = endings_.front().token;
    completion.outcome = endings_.front().outcome;
  }
  for (std::uint64_t frames = ready(); frames > 0 && batch.has_room(1); --frames) fill(batch);
  return static_cast<std::uint32_t>(batch.completions().size());
}

engine::Instant MemorySource::now() const { return traffic::monotonic_now(); }

Expected<engine::PacketMemory> MemorySource::register_memory(const engine::MemorySpec& spec) {
  bytes_.resize(std::size_t{spec.buffers} * spec.buffer_bytes);
  memory_.buffers = {bytes_.data(), spec.buffer_bytes, spec.buffer_bytes, spec.buffer_bytes,
                     spec.buffers};
  header_bytes_ = static_cast<std::uint32_t>(
      engine::build_headers(options_.header, options_.payload_bytes, frame_));
  return memory_;
}

Expected<void> MemorySource::use_memory(const engine::PacketMemory&) {
  return failure("memory source: it has its own regions");
}
Expected<engine::SocketIndex> MemorySource::open(const engine::PacketSocketSpec&) {
  return engine::SocketIndex{0};
}
Expected<engine::SocketIndex> MemorySource::open(const engine::SendSocketSpec&) {
  return failure("memory source: it sends nothing");
}
Expected<engine::SocketIndex> MemorySource::adopt(int) {
  return failure("memory source: it has no descriptors");
}

/// Frames that are due, fit into provided regions, and have a receive.
std::uint64_t MemorySource::ready() {
  if (started_ == engine::kNever) started_ = now();
  const auto due = std::min(options_.count, static_cast<std::uint64_t>((now() - started_).ns) *
                                                options_.rate_per_second / 1'000'000'000);
  const std::uint64_t waiting = due - produced_ - dropped_;
  if (waiting > options_.waiting_max) dropped_ += waiting - options_.waiting_max;
  if (!is_armed_) return 0;
  return std::min<std::uint64_t>(due - produced_ - dropped_, provided_.size());
}

void MemorySource::fill(engine::CompletionBatch& batch) {
  const engine::RegionIndex region = provided_.front();
  provided_.pop_front();
  std::memcpy(bytes_.data() +
                  std::size_t{static_cast<std::uint32_t>(region)} * memory_.buffers.region_bytes,
              frame_.data(), header_bytes_);
  engine::Completion& completion = batch.push();
  completion.token = receive_;
  completion.region = region;
  completion.more = true;
  engine::Frame& frame = batch.push_frame();
  frame.captured_bytes = frame.original_bytes = header_bytes_ + options_.payload_bytes;
  frame.checksum = engine::ChecksumState::partial;
  frame.type = engine::PacketType::multicast;
  ++produced_;
}

}  // namespace reprise::trial
