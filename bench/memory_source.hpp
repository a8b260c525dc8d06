// Arrivals without a network: a backend whose receives are filled from memory at a fixed rate, as
// if a generator of that rate were on another host. For benchmarks of what happens behind the
// ingress stage, on machines with too few cores for a generator, both threads of a relay and a
// sink.
//
// A frame that is due is in a region as soon as the kernel would have put it there: when there is a
// provided region and an armed receive. What is due and finds neither waits, as in a socket buffer,
// up to `waiting_max`; beyond, it is dropped and counted. One thread; wake() from any.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <deque>
#include <vector>

#include "reprise/engine/io.hpp"
#include "reprise/engine/packet.hpp"

namespace reprise::bench {

struct MemorySourceOptions {
  engine::FrameHeader header;  ///< of every frame
  std::uint32_t payload_bytes = 1400;
  std::uint64_t rate_per_second = 690'000;
  std::uint64_t count = 0;           ///< frames in all
  std::uint64_t waiting_max = 1500;  ///< frames that a socket buffer of 4 MB / 2 holds
};

class MemorySource final : public engine::Backend {
 public:
  explicit MemorySource(const MemorySourceOptions& options) : options_(options) {}

  [[nodiscard]] bool has_ended() const { return produced_ + dropped_ >= options_.count; }

  std::uint32_t prepare(engine::SubmissionView view) override {
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
        case engine::Operation::cancel:
          if (is_armed_ && submission.target == receive_) {
            endings_.push_back({receive_, engine::Outcome::cancelled});
            is_armed_ = false;
            endings_.push_back({submission.token, engine::Outcome::ok});
          } else {
            endings_.push_back({submission.token, engine::Outcome::invalid});
          }
          break;
        case engine::Operation::packet_ring_receive:
        case engine::Operation::send:
        case engine::Operation::segmented_send:
        case engine::Operation::zero_copy_send:
        case engine::Operation::wait_readable:
        case engine::Operation::wait_writable:
        case engine::Operation::deadline:
          endings_.push_back({submission.token, engine::Outcome::invalid});
          break;
      }
    }
    return static_cast<std::uint32_t>(view.submissions.size());
  }

  engine::SubmitResult submit() override { return {}; }

  engine::SubmitResult submit_and_wait(std::uint32_t count, engine::Instant deadline) override {
    engine::SubmitResult result;
    while (count > 0 && endings_.empty() && ready() == 0) {
      result.woken = woken_.exchange(false, std::memory_order_acquire);
      if (result.woken || has_ended() || now() >= deadline) break;
    }
    return result;
  }

  std::uint32_t reap(engine::CompletionBatch& batch) override {
    batch.clear();
    for (; !endings_.empty() && batch.has_room(); endings_.pop_front()) {
      engine::Completion& completion = batch.push();
      completion.token = endings_.front().token;
      completion.outcome = endings_.front().outcome;
    }
    for (std::uint64_t frames = ready(); frames > 0 && batch.has_room(1); --frames) fill(batch);
    return static_cast<std::uint32_t>(batch.completions().size());
  }

  [[nodiscard]] engine::Instant now() const override {
    return {std::chrono::steady_clock::now().time_since_epoch().count()};
  }
  void wake() override { woken_.store(true, std::memory_order_release); }

  engine::Expected<engine::PacketMemory> register_memory(const engine::MemorySpec& spec) override {
    bytes_.resize(std::size_t{spec.buffers} * spec.buffer_bytes);
    memory_.buffers = {bytes_.data(), spec.buffer_bytes, spec.buffer_bytes, spec.buffer_bytes,
                       spec.buffers};
    header_bytes_ = static_cast<std::uint32_t>(
        engine::build_headers(options_.header, options_.payload_bytes, frame_));
    return memory_;
  }
  engine::Expected<void> use_memory(const engine::PacketMemory&) override {
    return engine::failure("memory source: it has its own regions");
  }
  engine::Expected<engine::SocketIndex> open(const engine::PacketSocketSpec&) override {
    return engine::SocketIndex{0};
  }
  engine::Expected<engine::SocketIndex> open(const engine::SendSocketSpec&) override {
    return engine::failure("memory source: it sends nothing");
  }
  engine::Expected<engine::SocketIndex> adopt(int) override {
    return engine::failure("memory source: it has no descriptors");
  }
  void close(engine::SocketIndex) override {}
  [[nodiscard]] engine::SocketStatistics statistics(engine::SocketIndex) override {
    return {dropped_};
  }
  [[nodiscard]] engine::Limits limits() const override { return {}; }

 private:
  struct Ending {
    engine::Token token;
    engine::Outcome outcome;
  };

  /// Frames that are due, fit into provided regions, and have a receive.
  std::uint64_t ready() {
    if (started_ == engine::kNever) started_ = now();
    const auto due = std::min(options_.count, static_cast<std::uint64_t>((now() - started_).ns) *
                                                  options_.rate_per_second / 1'000'000'000);
    const std::uint64_t waiting = due - produced_ - dropped_;
    if (waiting > options_.waiting_max) dropped_ += waiting - options_.waiting_max;
    if (!is_armed_) return 0;
    return std::min<std::uint64_t>(due - produced_ - dropped_, provided_.size());
  }

  void fill(engine::CompletionBatch& batch) {
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

  MemorySourceOptions options_;
  engine::PacketMemory memory_{};
  std::vector<std::byte> bytes_;
  std::array<std::byte, 64> frame_{};
  std::uint32_t header_bytes_ = 0;
  std::deque<engine::RegionIndex> provided_;
  std::deque<Ending> endings_;
  engine::Token receive_;
  bool is_armed_ = false;
  engine::Instant started_ = engine::kNever;
  std::uint64_t produced_ = 0;
  std::uint64_t dropped_ = 0;
  std::atomic<bool> woken_ = false;
};

}  // namespace reprise::bench
