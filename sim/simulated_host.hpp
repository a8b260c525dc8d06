// A backend on a simulated kernel of its own that moves virtual time itself: waiting is jumping to
// the next thing that happens. For code that wants an I/O backend without a kernel below it, such
// as the contract suite.
//
// The host has interfaces "sim0", "sim1", …, each a link to somebody outside: what is sent there
// can be looked at (sent_to()), and what that somebody sends is offer()ed. Frames that an open
// packet socket on the interface wants reach it. Not thread-safe; wake() is for a scheduled act.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/cost_profile.hpp"
#include "reprise/sim/kernel.hpp"
#include "reprise/sim/kernel_backend.hpp"

namespace reprise::sim {

class SimulatedHost final : public engine::Backend {
 public:
  struct Options {
    KernelProfile profile;
    CostProfile costs;
    RingConfig ring;
    LinkConfig link;  ///< of every interface
    std::uint32_t interfaces = 2;
    std::uint32_t packet_sockets_max = 4;
    std::uint32_t send_sockets_max = 8;
    std::uint32_t regions = 64;  ///< what register_memory() will ask for
    std::uint32_t region_bytes = 2048;
    std::uint32_t blocks = 0;
    std::uint32_t block_bytes = 0;
    std::uint64_t seed = 1;
    FaultPlan faults;  ///< of its kernel, and of open(); none on the network outside
  };

  explicit SimulatedHost(const Options& options);

  std::uint32_t prepare(engine::SubmissionView view) override;
  engine::SubmitResult submit() override;
  /// Where nothing can end the wait any more it returns as if woken, and is_stuck() is true.
  engine::SubmitResult submit_and_wait(std::uint32_t count, engine::Instant deadline) override;
  std::uint32_t reap(engine::CompletionBatch& batch) override;
  [[nodiscard]] engine::Instant now() const override { return now_; }
  void wake() override { is_woken_ = true; }
  engine::Expected<engine::PacketMemory> register_memory(const engine::MemorySpec& spec) override;
  engine::Expected<void> use_memory(const engine::PacketMemory&) override;
  engine::Expected<engine::SocketIndex> open(const engine::PacketSocketSpec& spec) override;
  engine::Expected<engine::SocketIndex> open(const engine::SendSocketSpec& spec) override;
  engine::Expected<engine::SocketIndex> adopt(int descriptor) override;
  void close(engine::SocketIndex socket) override;
  [[nodiscard]] engine::SocketStatistics statistics(engine::SocketIndex socket) override {
    return kernel_->kernel.statistics(socket);
  }
  [[nodiscard]] engine::Limits limits() const override { return kernel_->kernel.limits(); }
  [[nodiscard]] engine::QueueDepths depths() const override {
    return {kernel_->kernel.prepared_count(kRing), kernel_->kernel.completion_count(kRing)};
  }

  // The world around it.

  /// Somebody outside sends a datagram with this tag: frames of it reach whoever wants it.
  /// Returns how many sockets took it.
  /// `port`: to which; 0: to all of them.
  std::uint32_t offer(std::uint32_t interface, const Packet& packet, std::uint16_t port = 0);
  /// Datagrams that arrived outside, in order, since the last call.
  std::vector<Packet> sent_to(std::uint32_t interface);
  /// Calls `act` when virtual time has come so far; in order of time, then of calls.
  void schedule(engine::Duration after, std::function<void()> act);
  /// Lets time pass: what is on links moves on.
  void pass(engine::Duration time);
  /// What an operator can do to an interface.
  [[nodiscard]] Kernel& kernel() { return kernel_->kernel; }
  /// Whoever is outside of a send socket refuses what it gets (ICMP).
  void close_port_outside(engine::SocketIndex socket, bool closed);
  [[nodiscard]] bool is_stuck() const { return is_stuck_; }
  /// The bytes of a region that are real, for whoever fills them.
  [[nodiscard]] std::span<std::byte> region(engine::RegionIndex index) {
    return kernel_->kernel.region_bytes(index);
  }

 private:
  static constexpr RingIndex kRing{0};
  struct Value {
    Kernel kernel;
    void place(engine::FlatLayout& layout, const KernelConfig& config) {
      kernel.place(layout, config);
    }
    void start(const KernelConfig& config) { kernel.start(config); }
  };
  struct OpenSocket {
    bool is_open = false;
    std::uint32_t interface = 0;
    std::vector<engine::WantedTraffic> wanted;
    std::uint32_t first_block = 0;  ///< of its ring
    std::uint32_t block_count = 0;
  };
  struct Act {
    engine::Instant at;
    std::function<void()> act;
  };

  static KernelConfig kernel_config(const Options& options);
  [[nodiscard]] engine::Expected<std::uint32_t> interface_of(const std::string& name) const;
  /// What open() tells where a fault is picked.
  [[nodiscard]] engine::Expected<void> set_up();
  /// The first of so many blocks that no ring has.
  [[nodiscard]] engine::Expected<std::uint32_t> free_blocks(std::uint32_t count) const;
  KernelBackend backend() {
    return {kernel_->kernel, kRing, choices_, options_.costs, now_, detail_};
  }
  engine::SubmitResult enter(std::uint32_t count);
  [[nodiscard]] engine::Instant next_instant() const;
  void move_to(engine::Instant at);
  void run_due_work();

  Options options_;
  engine::Flat<Value> kernel_;
  Hashed choices_;
  PhaseDetail detail_;
  std::vector<OpenSocket> sockets_;           ///< by index, packet sockets first
  std::vector<std::vector<Packet>> outside_;  ///< by interface
  std::vector<Act> acts_;                     ///< by time
  engine::Instant now_;
  std::uint32_t provides_unsubmitted_ = 0;  ///< which the kernel does not count
  bool is_woken_ = false;
  bool is_stuck_ = false;
};

}  // namespace reprise::sim
