// The engine's I/O interface on a simulated kernel. Made anew for each step of a world; it adds up
// what the step costs and notes what it did.
#pragma once

#include <cstdint>
#include <vector>

#include "reprise/engine/io.hpp"
#include "reprise/sim/cost_profile.hpp"
#include "reprise/sim/event.hpp"
#include "reprise/sim/kernel.hpp"

namespace reprise::sim {

/// What one phase did, for measurements. Overwritten by each step.
struct PhaseDetail {
  struct PreparedSend {
    std::uint32_t slot = 0;
    engine::RegionIndex region = engine::kNoRegion;
  };
  // At the seam to the kernel.
  std::vector<engine::RegionIndex> provided;
  std::vector<engine::RegionIndex> received;  ///< regions that came with reaped completions; a
                                              ///< block of a packet ring with its first
  std::vector<PreparedSend> prepared;         ///< one entry for each slice of a send
  std::vector<std::uint32_t> submitted;       ///< token slots of sends handed over
  std::vector<std::uint32_t> completed;       ///< token slots of sends that ended
  std::vector<std::uint32_t> reaped;          ///< token slots of sends reaped
  // At the hand-off.
  std::vector<engine::RegionIndex> handed_over;
  std::vector<engine::RegionIndex> drained;
  std::vector<engine::RegionIndex> given_back;
  std::vector<engine::RegionIndex> taken_back;

  std::uint64_t sent = 0;  ///< sends that ended ok, among the submitted
  std::uint64_t refused = 0;
  std::int64_t cost_ns = 0;
  Digest digest;

  void clear();
};

class KernelBackend final : public engine::Backend {
 public:
  KernelBackend(Kernel& kernel, RingIndex ring, Choices& choices, const CostProfile& costs,
                engine::Instant now, PhaseDetail& detail)
      : kernel_(&kernel),
        ring_(ring),
        choices_(&choices),
        costs_(&costs),
        now_(now),
        detail_(&detail) {}

  std::uint32_t prepare(engine::SubmissionView view) override;
  engine::SubmitResult submit() override;
  /// Does not wait: the world holds the runner back until `count` completions are there.
  engine::SubmitResult submit_and_wait(std::uint32_t count, engine::Instant deadline) override;
  std::uint32_t reap(engine::CompletionBatch& batch) override;
  [[nodiscard]] engine::Instant now() const override { return now_; }
  void wake() override {}
  engine::Expected<engine::PacketMemory> register_memory(const engine::MemorySpec& spec) override;
  /// A node's threads share its regions anyway.
  engine::Expected<void> use_memory(const engine::PacketMemory&) override { return {}; }
  engine::Expected<engine::SocketIndex> open(const engine::PacketSocketSpec& spec) override;
  engine::Expected<engine::SocketIndex> open(const engine::SendSocketSpec& spec) override;
  engine::Expected<engine::SocketIndex> adopt(int descriptor) override;
  void close(engine::SocketIndex) override {}
  [[nodiscard]] engine::SocketStatistics statistics(engine::SocketIndex socket) override {
    return kernel_->statistics(socket);
  }
  [[nodiscard]] engine::Limits limits() const override { return kernel_->limits(); }

  /// What the kernel does for the thread on its way back from a call, or wherever it is: frames
  /// into provided buffers, woken sends, the rest of chains.
  void run_task_work() { run_task_work(0, true); }

 private:
  void prepare_chain(std::span<const engine::Submission> chain,
                     std::span<const engine::Slice> all_slices);
  void provide(std::span<const engine::Slice> slices);
  engine::SubmitResult enter(bool waits);
  void run_task_work(std::uint32_t left_before, bool waits);
  void note(const Kernel::Executed& done);
  void push_block(engine::CompletionBatch& batch, engine::SocketIndex socket);
  engine::Frame& push_frame(engine::CompletionBatch& batch, const Packet& packet,
                            std::uint32_t offset_bytes, std::uint32_t captured_bytes);
  void spend(std::int64_t ns) { detail_->cost_ns += ns; }

  Kernel* kernel_;
  RingIndex ring_;
  Choices* choices_;
  const CostProfile* costs_;
  engine::Instant now_;
  PhaseDetail* detail_;
};

}  // namespace reprise::sim
