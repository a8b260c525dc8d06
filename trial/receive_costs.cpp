// A thread on another core sends batches of 1, 8 and 32 frames to an ingress stage's packet socket
// while the measured thread stays out of the kernel: the frames wait in the socket. Then it enters
// once, reaps, takes them in, and gives the regions back; each part is timed. The slope over the
// sizes is what one more frame costs in that part.
//
// A timer tick may let the kernel move frames before it is entered: such batches do not count.
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <thread>
#include <utility>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/traffic/udp_socket.hpp"
#include "reprise/trial/bench_ring.hpp"
#include "reprise/trial/core.hpp"
#include "reprise/trial/instrument.hpp"

namespace reprise::trial {
namespace {

using engine::Expected;
using engine::Instant;
using engine::Stage;

constexpr std::array<std::uint32_t, 3> kReceiveBatches{1, 8, 32};
constexpr std::array<std::uint32_t, 2> kReceivePayloads{64, 1400};
constexpr std::uint32_t kReceiveTurns = 100;  ///< of each kind in one round

engine::StageConfig config_of_stage() {
  engine::StageConfig config;
  config.role = engine::Role::ingress;
  config.pool = 128;
  return config;
}

/// Sends what it is asked for.
class Generator {
 public:
  Generator(posix::Descriptor socket, unsigned core)
      : socket_(std::move(socket)),
        thread_(start_on(core, [this](const std::stop_token& stop) { run(stop); })) {}

  /// False where it was not done in time.
  bool send(std::uint32_t count, std::uint32_t payload_bytes) {
    payload_bytes_.store(payload_bytes, std::memory_order_relaxed);
    wanted_.store(wanted_.load(std::memory_order_relaxed) + count, std::memory_order_release);
    return spin_until([&] {
      return sent_.load(std::memory_order_acquire) == wanted_.load(std::memory_order_relaxed);
    });
  }

 private:
  void run(const std::stop_token& stop) {
    const std::array<std::byte, kReceivePayloads.back()> payload{};
    while (!stop.stop_requested()) {
      const std::uint64_t sent = sent_.load(std::memory_order_relaxed);
      if (sent == wanted_.load(std::memory_order_acquire)) {
        // While nobody asks for long, it leaves its core to others.
        if (++idle_looks_ > 100'000) std::this_thread::sleep_for(std::chrono::microseconds(200));
        continue;
      }
      idle_looks_ = 0;
      ::send(socket_.get(), payload.data(), payload_bytes_.load(std::memory_order_relaxed), 0);
      sent_.store(sent + 1, std::memory_order_release);
    }
  }

  posix::Descriptor socket_;
  std::atomic<std::uint64_t> wanted_ = 0;
  std::atomic<std::uint64_t> sent_ = 0;
  std::atomic<std::uint32_t> payload_bytes_ = 0;
  std::uint32_t idle_looks_ = 0;
  std::jthread thread_;  ///< last: ends first
};

class ReceiveCosts final : public Instrument {
 public:
  static MadeInstrument make(const Cable& cable, unsigned other_core);

  Expected<void> read(Readings& readings) override;

 private:
  struct Part {
    Sizes enter;
    Sizes take_in;
    Sizes provide;
  };
  ReceiveCosts(BenchRing ring, posix::Descriptor source, unsigned other_core)
      : ring_(std::move(ring)),
        stage_(config_of_stage()),
        batch_(256, 256),
        generator_(std::move(source), other_core) {}

  void receive_from(engine::SocketIndex socket, const engine::Endpoint& input);
  Expected<void> turn(Part& part, std::uint32_t size, std::uint32_t payload_bytes);
  std::int64_t give_regions_back();

  BenchRing ring_;
  engine::Flat<Stage> stage_;
  engine::CompletionBatch batch_;
  Generator generator_;
};

MadeInstrument ReceiveCosts::make(const Cable& cable, unsigned other_core) {
  auto ring = BenchRing::create(config_of_stage());
  if (!ring) return std::unexpected(ring.error());
  Expected<posix::Descriptor> source = engine::failure("");
  const auto opened_far = cable.far.visit([&]() -> Expected<void> {
    source = traffic::open_udp_sender({.destination = cable.to_near});
    if (!source) return std::unexpected(source.error());
    return {};
  });
  if (!opened_far) return std::unexpected(opened_far.error());
  Expected<engine::SocketIndex> socket = engine::failure("");
  const auto opened_near = cable.near.visit([&]() -> Expected<void> {
    engine::PacketSocketSpec spec;
    spec.interface = cable.at_near.interface;
    spec.wanted = {{.source = {}, .destination = cable.at_near.group, .port = cable.at_near.port}};
    socket = ring->backend->open(spec);
    if (!socket) return std::unexpected(socket.error());
    return {};
  });
  if (!opened_near) return std::unexpected(opened_near.error());
  std::unique_ptr<ReceiveCosts> costs(
      new ReceiveCosts(std::move(*ring), std::move(*source), other_core));
  costs->receive_from(*socket, cable.at_near);
  return costs;
}

void ReceiveCosts::receive_from(engine::SocketIndex socket, const engine::Endpoint& input) {
  const engine::InputIndex index = stage_->add_input(socket).value();
  stage_->add_route({{}, input.group, index, input.port}, engine::OutputIndex{0}).value();
  give_regions_back();
  ring_.backend->submit();
}

/// Everything that was accepted comes back, as if sent. Returns what preparing took.
std::int64_t ReceiveCosts::give_regions_back() {
  std::array<engine::ReturnItem, 256> returns;
  std::size_t count = 0;
  for (const engine::WorkItem& item : stage_->handing_over()) {
    returns[count++] = {item.payload.region, 1};
  }
  stage_->handed_over();
  stage_->take_back(std::span(returns).first(count));
  const Instant begin = traffic::monotonic_now();
  stage_->prepare(ring_.memory);
  stage_->taken(ring_.backend->prepare(stage_->outgoing()));
  return (traffic::monotonic_now() - begin).ns;
}

Expected<void> ReceiveCosts::turn(Part& part, std::uint32_t size, std::uint32_t payload_bytes) {
  if (!generator_.send(size, payload_bytes)) {
    return engine::failure("receives: the sending thread does not get its core; try again");
  }
  bool is_whole = ring_.backend->reap(batch_) == 0;
  stage_->complete(batch_, ring_.memory);
  const Instant begin = traffic::monotonic_now();
  ring_.backend->submit_and_wait(0, engine::kNever);
  const Instant entered = traffic::monotonic_now();
  is_whole = ring_.backend->reap(batch_) == size && is_whole;
  stage_->complete(batch_, ring_.memory);
  const Instant taken_in = traffic::monotonic_now();
  const Instant end = taken_in + kPatience;
  while (stage_->handing_over().size() < size) {
    if (traffic::monotonic_now() > end) {
      return engine::failure(
          "receives: frames were lost inside this machine; expected a cable without filters");
    }
    ring_.backend->submit_and_wait(1, end);
    ring_.backend->reap(batch_);
    stage_->complete(batch_, ring_.memory);
  }
  const std::int64_t provide_ns = give_regions_back();
  ring_.backend->submit();
  part.provide.add(size, provide_ns);
  if (!is_whole) return {};
  part.enter.add(size, (entered - begin).ns);
  part.take_in.add(size, (taken_in - entered).ns);
  return {};
}

Expected<void> ReceiveCosts::read(Readings& readings) {
  std::array<Part, kReceivePayloads.size()> parts;
  for (std::uint32_t turns = 0; turns < kReceiveTurns; ++turns) {
    for (const std::uint32_t size : kReceiveBatches) {
      for (std::size_t index = 0; index < kReceivePayloads.size(); ++index) {
        if (auto done = turn(parts[index], size, kReceivePayloads[index]); !done) return done;
      }
    }
  }
  for (const Part& part : parts) {
    if (part.enter.least_samples(kReceiveBatches.size()) == 0) {
      return engine::failure(
          "receives: the kernel never kept frames until it was entered; report "
          "this with the kernel's release");
    }
  }
  const double small_ns = parts[0].enter.line().slope;
  const Line large = parts[1].enter.line();
  const double byte_ns =
      std::max(0.0, (large.slope - small_ns) / (kReceivePayloads[1] - kReceivePayloads[0]));
  const double take_in_ns = parts[1].take_in.line().slope;
  readings["receive_byte_ps"] = byte_ns * 1000;
  readings["receive_ns"] = large.slope - byte_ns * kReceivePayloads[1];
  readings["provide_ns"] = parts[1].provide.line().slope;
  readings["datagram_ns"] = take_in_ns - readings["completion_ns"];
  readings["receive_of_64_bytes_ns"] = small_ns;
  readings["receive_of_1400_bytes_ns"] = large.slope;
  readings["gather_ns"] = std::max(0.0, large.intercept - readings["call_ns"]);
  return {};
}

}  // namespace

MadeInstrument make_receive_costs(const Cable& cable, unsigned other_core) {
  return ReceiveCosts::make(cable, other_core);
}

}  // namespace reprise::trial
