// The mode switch on a backend that the test plays: from which socket the stage receives, and when.
#include "reprise/daemon/mode_switch.hpp"

#include <gtest/gtest.h>

#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

namespace reprise::daemon {
namespace {

using engine::Instant;
using engine::milliseconds;
using engine::Operation;
using engine::SocketIndex;

/// Far more than a busy machine needs to exchange nothing.
constexpr std::chrono::seconds kPatience{20};
constexpr SocketIndex kFramesSocket{0};
constexpr SocketIndex kRingSocket{1};

/// The test says what its sockets have counted. Its groups are steered at once.
class PlayedSockets final : public engine::Backend {
 public:
  engine::SocketStatistics frames;
  engine::SocketStatistics ring;

  /// False where nobody woke it.
  bool wait_for_wake() {
    std::unique_lock lock(mutex_);
    return condition_.wait_for(lock, kPatience, [this] { return std::exchange(woken_, false); });
  }
  void wake() override {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    condition_.notify_one();
  }
  engine::Expected<void> steer(SocketIndex, engine::Steering) override { return {}; }
  [[nodiscard]] engine::SocketStatistics statistics(SocketIndex socket) override {
    return socket == kFramesSocket ? frames : ring;
  }

  std::uint32_t prepare(engine::SubmissionView) override { return 0; }
  engine::SubmitResult submit() override { return {}; }
  engine::SubmitResult submit_and_wait(std::uint32_t, Instant) override { return {}; }
  std::uint32_t reap(engine::CompletionBatch&) override { return 0; }
  [[nodiscard]] Instant now() const override { return {}; }
  engine::Expected<engine::PacketMemory> register_memory(const engine::MemorySpec&) override {
    return {};
  }
  engine::Expected<void> use_memory(const engine::PacketMemory&) override { return {}; }
  engine::Expected<SocketIndex> open(const engine::PacketSocketSpec&) override { return {}; }
  engine::Expected<SocketIndex> open(const engine::SendSocketSpec&) override { return {}; }
  engine::Expected<SocketIndex> adopt(int) override { return {}; }
  void close(SocketIndex) override {}
  [[nodiscard]] engine::Limits limits() const override { return {}; }

 private:
  std::mutex mutex_;
  std::condition_variable condition_;
  bool woken_ = false;
};

engine::StageConfig with_ring() {
  engine::StageConfig config;
  config.pool = 8;
  config.blocks = 2;
  config.block_bytes = 4096;
  return config;
}

class ModeSwitchAlone : public testing::Test {
 protected:
  ModeSwitchAlone() : worker_(with_ring(), std::make_unique<PlayedSockets>()) {
    engine::Stage& stage = worker_.stage();
    input_.frames_socket = kFramesSocket;
    input_.ring_socket = kRingSocket;
    input_.frames = stage.add_input({.socket = kFramesSocket}).value();
    input_.ring = stage
                      .add_input({.socket = kRingSocket,
                                  .has_ring = true,
                                  .is_paused = true,
                                  .routes_of = input_.frames})
                      .value();
    switch_ = std::make_unique<ModeSwitch>(worker_, std::vector{input_});
    hand_over();
  }

  PlayedSockets& sockets() { return static_cast<PlayedSockets&>(worker_.backend()); }

  /// The stage's submissions are the kernel's.
  void hand_over() {
    worker_.stage().prepare({});
    const engine::SubmissionView view = worker_.stage().outgoing();
    for (const engine::Submission& submission : view.submissions) {
      if (submission.operation == Operation::receive) receive_ = submission.token;
      if (submission.operation == Operation::provide)
        region_ = view.slices[submission.slice_first].region;
      if (submission.operation == Operation::packet_ring_receive) is_ring_armed_ = true;
    }
    worker_.stage().taken(static_cast<std::uint32_t>(view.submissions.size()));
  }
  /// The stage takes the frame that the old socket holds; none of its datagrams is wanted.
  void take_frame() {
    engine::CompletionBatch batch(1, 1);
    engine::Completion& completion = batch.push();
    completion.token = receive_;
    completion.more = true;
    completion.region = region_;
    batch.push_frame().type = engine::PacketType::outgoing;
    worker_.stage().complete(batch, {});
  }
  /// Drops at every look, until the switch has steered the traffic to the ring.
  [[nodiscard]] bool steer_to_ring() {
    for (std::uint32_t look = 0; look <= ModeChoice::kLooksUp; ++look) {
      ++sockets().frames.kernel_drops;
      attend();
    }
    return sockets().wait_for_wake();
  }
  void attend() {
    switch_->attend(now_);
    now_ = now_ + milliseconds(20);
    hand_over();
  }

  Worker worker_;
  SwitchedInput input_;
  std::unique_ptr<ModeSwitch> switch_;
  Instant now_{};
  engine::Token receive_{};
  engine::RegionIndex region_{};
  bool is_ring_armed_ = false;
};

TEST_F(ModeSwitchAlone, ReceivesFromTheRingOnlyWhenTheOldSocketIsEmpty) {
  sockets().frames.queued = 1;
  ASSERT_TRUE(steer_to_ring());
  for (int look = 0; look < 3; ++look) attend();
  EXPECT_EQ(switch_->mode(), IngressMode::latency);
  EXPECT_FALSE(is_ring_armed_) << "what came before is still in the old socket";
  take_frame();
  attend();
  EXPECT_EQ(switch_->mode(), IngressMode::throughput);
  EXPECT_TRUE(is_ring_armed_);
  EXPECT_EQ(switch_->switches(), 1U);
}

}  // namespace
}  // namespace reprise::daemon
