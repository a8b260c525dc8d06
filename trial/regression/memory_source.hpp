// Arrivals without a network: a backend whose receives are filled from memory at a fixed rate, as
// if a generator of that rate were on another host. For benchmarks of what happens behind the
// ingress stage, on machines with too few cores for a generator, both threads of a relay and a
// sink.
//
// A frame that is due is in a region as soon as the kernel would have put it there: when there is a
// provided region and an armed receive. What is due and finds neither waits, as in a socket buffer,
// up to `waiting_max`; beyond, it is dropped and counted. One thread; wake() from any.
#pragma once

#include <array>
#include <atomic>
#include <deque>
#include <vector>

#include "reprise/engine/io.hpp"
#include "reprise/engine/packet.hpp"

namespace reprise::trial {

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

  /// All frames are due, and in regions or dropped.
  [[nodiscard]] bool has_ended() const { return produced_ + dropped_ >= options_.count; }

  std::uint32_t prepare(engine::SubmissionView view) override;
  engine::SubmitResult submit() override { return {}; }
  engine::SubmitResult submit_and_wait(std::uint32_t count, engine::Instant deadline) override;
  std::uint32_t reap(engine::CompletionBatch& batch) override;
  [[nodiscard]] engine::Instant now() const override;
  void wake() override { woken_.store(true, std::memory_order_release); }

  engine::Expected<engine::PacketMemory> register_memory(const engine::MemorySpec& spec) override;
  engine::Expected<void> use_memory(const engine::PacketMemory&) override;
  engine::Expected<engine::SocketIndex> open(const engine::PacketSocketSpec&) override;
  engine::Expected<engine::SocketIndex> open(const engine::SendSocketSpec&) override;
  engine::Expected<engine::SocketIndex> adopt(int) override;
  void close(engine::SocketIndex) override {}
  /// Frames dropped because too many waited.
  [[nodiscard]] engine::SocketStatistics statistics(engine::SocketIndex) override {
    return {dropped_};
  }
  [[nodiscard]] engine::Limits limits() const override { return {}; }

 private:
  struct Ending {
    engine::Token token;
    engine::Outcome outcome;
  };

  std::uint64_t ready();
  void fill(engine::CompletionBatch& batch);
  void cancel(const engine::Submission& submission);

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

}  // namespace reprise::trial
