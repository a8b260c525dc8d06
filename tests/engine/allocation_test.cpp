// Nothing allocates after start: not a stage, not its runner, under traffic, commands and stop.
//
// The global operator new of this test program counts while a CountAllocations lives.
#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "engine_fixture.hpp"
#include "reprise/engine/runner.hpp"
#include "reprise/sim/kernel_backend.hpp"
#include "reprise/sim/node_kernel.hpp"
#include "reprise/sim/world.hpp"

namespace {

bool counting = false;
std::uint64_t allocations = 0;

void* allocate(std::size_t size_bytes, std::size_t alignment_bytes) {
  if (counting) ++allocations;
  const std::size_t rounded =
      (size_bytes + alignment_bytes - 1) / alignment_bytes * alignment_bytes;
  void* memory = std::aligned_alloc(alignment_bytes, rounded == 0 ? alignment_bytes : rounded);
  if (memory == nullptr) std::abort();
  return memory;
}

}  // namespace

void* operator new(std::size_t size_bytes) {
  return allocate(size_bytes, alignof(std::max_align_t));
}
void* operator new(std::size_t size_bytes, std::align_val_t alignment) {
  return allocate(size_bytes, static_cast<std::size_t>(alignment));
}
void* operator new[](std::size_t size_bytes) {
  return allocate(size_bytes, alignof(std::max_align_t));
}
void* operator new[](std::size_t size_bytes, std::align_val_t alignment) {
  return allocate(size_bytes, static_cast<std::size_t>(alignment));
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::align_val_t) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t, std::align_val_t) noexcept { std::free(memory); }

namespace reprise::sim {
namespace {

class CountAllocations {
 public:
  CountAllocations() {
    allocations = 0;
    counting = true;
  }
  ~CountAllocations() { counting = false; }
  CountAllocations(const CountAllocations&) = delete;
  CountAllocations& operator=(const CountAllocations&) = delete;
  [[nodiscard]] static std::uint64_t count() { return allocations; }
};

/// A node of a simulated world without its world: the test is its driver.
struct LoneNode {
  Kernel kernel;
  engine::Stage stage;
  void place(engine::FlatLayout& layout, const WorldConfig& config) {
    kernel.place(layout, node_kernel(config, 0));
    stage.place(layout, config.nodes.front().stage);
  }
  void start(const WorldConfig& config) {
    kernel.start(node_kernel(config, 0));
    stage.start(config.nodes.front().stage);
  }
};

WorldConfig config_with(engine::Policy policy) {
  WorldConfig config;
  NodeConfig& node = config.nodes.front();
  node.fan_out = 2;
  node.stage.policy = policy;
  node.stage.pool = 64;
  node.send_buffer_bytes = 8192;
  node.link.bits_per_second = 1'000'000'000;
  config.traffic.resize(2);
  config.traffic[0].payload_bytes = 1000;
  config.traffic[1].payload_bytes = 200;
  return config;
}

class Relay {
 public:
  explicit Relay(engine::Policy policy)
      : config_(config_with(policy)),
        node_(config_),
        runner_(config_.nodes.front().stage),
        batch_(1024, 1024) {
    detail_.provided.reserve(1024);
    detail_.received.reserve(1024);
    detail_.prepared.reserve(1024);
    detail_.submitted.reserve(1024);
    detail_.completed.reserve(1024);
    detail_.reaped.reserve(1024);
    input_ = node_->stage.add_input(engine::SocketIndex{0}).value();
  }

  engine::RouteIndex add_route(std::uint32_t flow) {
    const std::array sockets{engine::SocketIndex{1 + 2 * flow}, engine::SocketIndex{2 + 2 * flow}};
    const auto route = node_->stage.add_route({{}, group_of(0, flow), input_, kPort}, sockets);
    REPRISE_ASSERT(route.has_value());
    return *route;
  }
  bool step() {
    detail_.clear();
    now_ = now_ + engine::Duration{3000};
    KernelBackend backend(node_->kernel, RingIndex{0}, choices_, costs_, now_, detail_);
    const engine::PacketMemory memory = node_->kernel.memory();
    const engine::Next next = runner_.step(node_->stage, {backend, batch_, memory});
    if (next.kind == engine::Next::Kind::wait) {
      backend.submit_and_wait(next.completions, engine::kNever);
    }
    for (std::uint32_t link = 0; link < node_->kernel.link_count(); ++link) {
      if (node_->kernel.next_link_instant(link) <= now_) node_->kernel.step_link(link);
    }
    return next.kind != engine::Next::Kind::stopped;
  }
  void arrive(std::uint32_t flow) {
    Packet packet;
    packet.sequence = sequence_++;
    packet.flow = flow;
    packet.payload_bytes = config_.traffic[flow].payload_bytes;
    node_->kernel.arrive(kInputSocket, packet);
  }
  engine::Stage& stage() { return node_->stage; }

 private:
  WorldConfig config_;
  engine::Flat<LoneNode> node_;
  engine::Runner runner_;
  engine::CompletionBatch batch_;
  Hashed choices_{7};
  CostProfile costs_;
  PhaseDetail detail_;
  engine::Instant now_;
  engine::InputIndex input_{};
  std::uint64_t sequence_ = 0;
};

class Allocation : public testing::TestWithParam<engine::Policy> {};
INSTANTIATE_TEST_SUITE_P(Of, Allocation,
                         testing::Values(engine::Policy::synchronous, engine::Policy::deferred,
                                         engine::Policy::eager, engine::Policy::adaptive),
                         [](const auto& policy) { return std::string(name(policy.param)); });

TEST_P(Allocation, NothingAllocatesAfterStart) {
  Relay relay(GetParam());
  relay.add_route(0);
  const CountAllocations count;
  engine::RouteIndex second = relay.add_route(1);
  for (int step = 0; step < 20'000; ++step) {
    relay.arrive(static_cast<std::uint32_t>(step) % 2);
    relay.step();
    if (step % 100 != 99) continue;
    REPRISE_ASSERT(relay.stage().remove_route(second).has_value());
    for (int more = 0; relay.stage().closable().size() < 2; ++more) {
      REPRISE_ASSERT(more < 10'000);
      relay.step();
    }
    relay.stage().closable().clear();
    second = relay.add_route(1);
  }
  relay.stage().stop();
  relay.stage().abandon();
  int steps_to_stop = 0;
  for (; relay.step(); ++steps_to_stop) REPRISE_ASSERT(steps_to_stop < 10'000);
  EXPECT_EQ(CountAllocations::count(), 0U);
  EXPECT_GT(relay.stage().output_total().sent, 1000U);
  EXPECT_GT(relay.stage().output_total().refused, 0U) << "blocked outputs were part of it";
  EXPECT_TRUE(relay.stage().laws_hold());
}

TEST(AllocationCount, SeesAnAllocation) {
  const CountAllocations count;
  const auto allocated = std::make_unique<std::vector<int>>(100);
  EXPECT_EQ(CountAllocations::count(), 2U);
}

}  // namespace
}  // namespace reprise::sim
