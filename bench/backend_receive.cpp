// What a received frame costs in a backend's reap() where it comes from a packet ring: finding it
// in its block, telling the engine about it, and giving the block back. The kernel's work is not in
// it: the ring is filled first.
//
// The frames are injected by this program on a cable in a namespace of its own. Read the ratios.
#include <benchmark/benchmark.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>

#include <chrono>
#include <memory>
#include <optional>

#include "reprise/asio/asio_backend.hpp"
#include "reprise/engine/packet.hpp"
#include "reprise/traffic/namespaces.hpp"
#include "reprise/traffic/veth.hpp"
#include "reprise/uring/uring_backend.hpp"

namespace reprise {
namespace {

constexpr std::uint32_t kFrames = 8192;
constexpr std::uint32_t kBatch = 512;
constexpr std::uint32_t kBlocks = 64;
constexpr std::uint32_t kBlockBytes = 256 << 10;
const engine::Address kGroup = engine::Address::ipv4(239, 1, 1, 1);

engine::Expected<void> enter_cable() {
  if (auto allowed = traffic::allow_namespaces(); !allowed) return allowed;
  const auto made = traffic::Namespace::create();
  if (!made) return std::unexpected(made.error());
  const traffic::VethEnd right{.where = &*made, .name = "right", .addresses = {}};
  const traffic::VethEnd left{.where = &*made, .name = "left", .addresses = {}};
  if (auto cable = traffic::create_veth_pair(left, right); !cable) return cable;
  return made->enter();
}

class Injector {
 public:
  explicit Injector(std::uint32_t payload_bytes)
      : socket_(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    engine::FrameHeader header;
    header.source = engine::Address::ipv4(10, 9, 0, 9);
    header.destination = kGroup;
    header.source_port = 4000;
    header.destination_port = 5000;
    frame_.resize(64 + payload_bytes);
    frame_.resize(engine::build_headers(header, payload_bytes, frame_) + payload_bytes);
    address_.sll_family = AF_PACKET;
    address_.sll_ifindex = static_cast<int>(::if_nametoindex("left"));
  }
  void inject(std::uint32_t count) {
    for (std::uint32_t sent = 0; sent < count; ++sent) {
      ::sendto(socket_.get(), frame_.data(), frame_.size(), 0,
               reinterpret_cast<const sockaddr*>(&address_), sizeof(address_));
    }
  }

 private:
  posix::Descriptor socket_;
  std::vector<std::byte> frame_;
  sockaddr_ll address_{};
};

class Ring {
 public:
  Ring(engine::Backend& backend, bool reads_headers)
      : backend_(&backend), batch_(64, kBatch + 1), reads_headers_(reads_headers) {
    const auto memory = backend.register_memory(
        {.buffers = 64, .buffer_bytes = 2048, .blocks = kBlocks, .block_bytes = kBlockBytes});
    if (!memory) return;
    memory_ = *memory;
    engine::PacketSocketSpec spec;
    spec.interface = "right";
    spec.wanted = {{.source = {}, .destination = kGroup, .port = 5000}};
    spec.ring_blocks = kBlocks;
    const auto opened = backend.open(spec);
    if (!opened) return;
    socket_ = *opened;
    engine::Submission receive;
    receive.operation = engine::Operation::packet_ring_receive;
    receive.socket = socket_;
    receive.flags = engine::SubmissionFlags::kMultishot;
    backend.prepare({{&receive, 1}, {}});
    backend.submit();
  }
  [[nodiscard]] bool is_open() const { return socket_ != engine::kNoSocket; }

  /// Waits until all of them are in blocks that were handed over.
  void settle() {
    using namespace engine;
    const Instant until = backend_->now() + milliseconds(5);
    while (backend_->now() < until) backend_->submit_and_wait(64, until);
  }

  /// Returns how many frames there were.
  std::uint32_t take_all() {
    std::uint32_t frames = 0;
    do {
      batch_.accept_from_rings(kBatch);
      backend_->reap(batch_);
      for (const engine::Completion& completion : batch_.completions()) {
        frames += completion.frame_count;
        if (reads_headers_) read_headers(completion);
        if (completion.region_complete) give_back(completion.region);
      }
    } while (!batch_.completions().empty());
    benchmark::DoNotOptimize(sum_);
    return frames;
  }

 private:
  void read_headers(const engine::Completion& completion) {
    for (const engine::Frame& frame : batch_.frames(completion)) {
      const auto bytes = memory_.bytes({completion.region, frame.offset_bytes, 42});
      sum_ += std::to_integer<std::uint32_t>(bytes[12]) + std::to_integer<std::uint32_t>(bytes[37]);
    }
  }
  void give_back(engine::RegionIndex region) {
    engine::Submission provide;
    provide.operation = engine::Operation::provide;
    provide.slice_count = 1;
    const engine::Slice slice{region, 0, 0};
    backend_->prepare({{&provide, 1}, {&slice, 1}});
  }

  engine::Backend* backend_;
  engine::CompletionBatch batch_;
  engine::PacketMemory memory_;
  engine::SocketIndex socket_ = engine::kNoSocket;
  std::uint32_t sum_ = 0;
  bool reads_headers_;
};

template <class Backend>
void reap_ring(benchmark::State& state) {
  auto backend = Backend::create({});
  if (!backend) return state.SkipWithError(backend.error().message.c_str());
  Ring ring(**backend, state.range(1) != 0);
  if (!ring.is_open()) return state.SkipWithError("no packet ring");
  Injector injector(static_cast<std::uint32_t>(state.range(0)));
  std::uint64_t frames = 0;
  double seconds = 0;
  for (auto _ : state) {
    injector.inject(kFrames);
    ring.settle();
    const auto before = std::chrono::steady_clock::now();
    frames += ring.take_all();
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - before;
    state.SetIterationTime(taken.count());
    seconds += taken.count();
  }
  state.counters["ns_per_frame"] = seconds * 1e9 / static_cast<double>(frames);
  state.counters["frames"] = static_cast<double>(frames) / static_cast<double>(state.iterations());
}

BENCHMARK_TEMPLATE(reap_ring, uring::UringBackend)
    ->ArgNames({"payload_bytes", "reads_headers"})
    ->ArgsProduct({{64, 1400}, {0, 1}})
    ->UseManualTime()
    ->Iterations(20);
BENCHMARK_TEMPLATE(reap_ring, asio::AsioBackend)
    ->ArgNames({"payload_bytes", "reads_headers"})
    ->ArgsProduct({{64, 1400}, {0, 1}})
    ->UseManualTime()
    ->Iterations(20);

}  // namespace
}  // namespace reprise

int main(int argc, char** argv) {
  if (const auto entered = reprise::enter_cable(); !entered) {
    std::fprintf(stderr, "%s\n", entered.error().message.c_str());
    return 1;
  }
  benchmark::Initialize(&argc, argv);
  benchmark::RunSpecifiedBenchmarks();
  return 0;
}
