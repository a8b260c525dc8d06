// A stage on a simulated host, with a flight recorder beside it: the whole relay in memory.
#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include "reprise/engine/runner.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/flight/player.hpp"
#include "reprise/flight/reader.hpp"
#include "reprise/flight/recording.hpp"
#include "reprise/sim/simulated_host.hpp"

namespace reprise::flight {

inline constexpr std::uint16_t kPort = 5000;

struct RelaySetup {
  engine::StageConfig stage;
  sim::KernelProfile kernel;
  std::uint64_t seed = 1;
  std::uint32_t outputs = 2;
  std::uint32_t send_buffer_bytes = 8192;  ///< small: sends are refused
  bool has_ring = false;
  std::uint64_t record_bytes = 1U << 18U;  ///< of each segment, about
};

inline engine::StageConfig small_stage() {
  engine::StageConfig stage;
  stage.pool = 32;
  stage.landing = 8;
  stage.batch = 8;
  stage.submissions_max = 32;
  stage.sends_max = 32;
  stage.output_queue = 8;
  stage.inputs_max = 2;
  stage.rules_max = 4;
  stage.outputs_max = 8;
  return stage;
}

class RecordedRelay {
 public:
  explicit RecordedRelay(const RelaySetup& setup)
      : setup_(setup),
        host_(host_options(setup)),
        memory_(*host_.register_memory(setup.stage.memory())),
        stage_(setup.stage),
        runner_(setup.stage),
        batch_(256, 1024),
        plan_{.stage = setup.stage, .memory = memory_, .stage_bytes = stage_.bytes().size()},
        file_(file_words(setup)),
        recorder_(format_file(bytes(), {&plan_, 1}).front(), memory_),
        backend_(host_, recorder_) {
    engine::PacketSocketSpec input;
    input.interface = "sim0";
    input.wanted = {{{}, engine::Address::ipv4(239, 1, 1, 1), kPort}};
    input.ring_blocks = setup.has_ring ? setup.stage.blocks : 0;
    const auto socket = host_.open(input);
    EXPECT_TRUE(socket) << socket.error().message;
    input_ = *stage_->add_input({.socket = *socket, .has_ring = setup.has_ring});
    std::vector<engine::SocketIndex> outputs;
    for (std::uint32_t output = 0; output < setup.outputs; ++output)
      outputs.push_back(open_output());
    route_ = *stage_->add_route({{}, engine::Address::ipv4(239, 1, 1, 1), input_, kPort}, outputs);
  }

  /// Offers so many datagrams at random times and relays until nothing more happens.
  void relay(std::uint64_t count) {
    std::mt19937_64 random(setup_.seed);
    engine::Duration at{};
    for (std::uint64_t number = 0; number < count; ++number) {
      at = at + engine::Duration{static_cast<std::int64_t>(random() % 20'000)};
      host_.schedule(at, [this, payload = static_cast<std::uint32_t>(16 + random() % 1400)] {
        sim::Packet packet;
        packet.sequence = ++offered_;
        packet.payload_bytes = payload;
        host_.offer(0, packet, kPort);
      });
    }
    while (offered_ < count && step()) {
    }
    for (int quiet = 0; quiet < 1000 && step(); ++quiet) {
    }
  }
  /// One step of the runner, and what its driver does then. False: it has stopped.
  bool step() {
    recorder_.begin_step(stage_.bytes(), runner_);
    const engine::Next next = runner_.step(*stage_, {backend_, batch_, memory_, nullptr});
    if (next.kind == engine::Next::Kind::stopped) return false;
    if (next.kind == engine::Next::Kind::wait) {
      host_.submit_and_wait(next.completions, host_.now() + engine::milliseconds(1));
      recorder_.saw_clock(host_.now());
    }
    return true;
  }
  void command(const StageCommand& command) {
    recorder_.commanded(command);
    carry_out(*stage_, command);
  }
  /// Stops the stage, relays until it has stopped, and ends the recording.
  void stop() {
    command({.kind = StageCommand::Kind::stop});
    for (int steps = 0; steps < 100'000 && step(); ++steps) {
    }
    recorder_.end(stage_.bytes(), runner_);
  }

  [[nodiscard]] engine::SocketIndex open_output() {
    engine::SendSocketSpec output;
    output.interface = "sim1";
    output.destination = engine::Address::ipv4(239, 2, 2, 2);
    output.port = kPort;
    output.send_buffer_bytes = setup_.send_buffer_bytes;
    return *host_.open(output);
  }
  [[nodiscard]] const engine::Stage& stage() const { return *stage_; }
  /// Of stage and runner.
  [[nodiscard]] std::uint64_t digest() const { return digest_of_state(stage_.bytes(), runner_); }
  [[nodiscard]] engine::RouteIndex route() const { return route_; }
  [[nodiscard]] engine::InputIndex input() const { return input_; }
  /// The recording, as it is now.
  [[nodiscard]] std::span<std::byte> bytes() { return std::as_writable_bytes(std::span(file_)); }

 private:
  static sim::SimulatedHost::Options host_options(const RelaySetup& setup) {
    sim::SimulatedHost::Options options;
    options.profile = setup.kernel;
    options.link.bits_per_second = 300'000'000;
    options.ring.submissions_max = setup.stage.submissions_max;
    options.ring.completions_max = 64;
    options.regions = setup.stage.region_count();
    options.region_bytes = setup.stage.region_bytes;
    options.blocks = setup.stage.blocks;
    options.block_bytes = setup.stage.block_bytes;
    options.seed = setup.seed;
    return options;
  }
  static std::size_t file_words(const RelaySetup& setup) {
    const TrackPlan plan{.stage = setup.stage,
                         .memory = {},
                         .stage_bytes = engine::Flat<engine::Stage>(setup.stage).bytes().size()};
    return (least_file_bytes({&plan, 1}) + kSegments * setup.record_bytes) / kWordBytes;
  }

  RelaySetup setup_;
  sim::SimulatedHost host_;
  engine::PacketMemory memory_;
  engine::Flat<engine::Stage> stage_;
  engine::Runner runner_;
  engine::CompletionBatch batch_;
  TrackPlan plan_;
  std::vector<std::uint64_t> file_;
  Recorder recorder_;
  RecordingBackend backend_;
  engine::InputIndex input_{};
  engine::RouteIndex route_{};
  std::uint64_t offered_ = 0;
};

/// What a replay of the recording's only stage tells.
struct Replayed {
  Playback playback;
  std::uint64_t digest = 0;  ///< of stage and runner at its end
  std::size_t damaged_segments = 0;
};

inline Replayed replay(std::span<const std::byte> file) {
  const auto recording = read_recording(file, "memory");
  EXPECT_TRUE(recording) << recording.error().message;
  if (!recording || recording->tracks.front().segments.empty()) return {};
  Player player(recording->tracks.front());
  EXPECT_TRUE(player.fits());
  player.play();
  return {player.playback(), player.digest(), recording->tracks.front().damage.size()};
}

inline std::string text_of(const Replayed& replayed) {
  const auto& divergence = replayed.playback.divergence;
  if (!divergence) return "";
  return "step " + std::to_string(divergence->step) + ": " + divergence->what;
}

}  // namespace reprise::flight
