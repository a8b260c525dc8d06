// A packet ring with a blocked output: what waits for that output is copied out of its blocks, so
// that the ring does not stall and another output gets everything (E6, R2).
#include <fmt/format.h>
#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "property_check.hpp"
#include "reprise/engine/runner.hpp"
#include "reprise/sim/simulated_host.hpp"

namespace reprise::proptests {
namespace {

constexpr std::uint32_t kBlockedLink = 1;
constexpr std::uint32_t kFreeLink = 2;

struct RingCase {
  engine::StageConfig stage;
  std::uint32_t payload_bytes = 0;
  std::uint32_t rounds = 0;
};

void showValue(const RingCase& tried, std::ostream& stream) {
  stream << fmt::format(
      "policy {} pool {} blocks {} of {} intake {} segments {} batch {} queue {}, {} rounds of {} "
      "bytes",
      name(tried.stage.policy), tried.stage.pool, tried.stage.blocks, tried.stage.block_bytes,
      tried.stage.intake, tried.stage.segments_max, tried.stage.batch, tried.stage.output_queue,
      tried.rounds, tried.payload_bytes);
}

sim::SimulatedHost::Options host_options(const RingCase& tried) {
  sim::SimulatedHost::Options options;
  options.interfaces = 3;
  options.link.bits_per_second = 1'000'000'000;
  options.regions = tried.stage.region_count();
  options.region_bytes = tried.stage.region_bytes;
  options.blocks = tried.stage.blocks;
  options.block_bytes = tried.stage.block_bytes;
  options.ring.submissions_max = tried.stage.submissions_max;
  return options;
}

engine::SendSocketSpec sender(std::uint32_t link) {
  engine::SendSocketSpec spec;
  spec.interface = "sim" + std::to_string(link);
  spec.destination = engine::Address::ipv4(239, 1, 1, 1);
  spec.send_buffer_bytes = 8192;
  return spec;
}

/// A relay on a host: one ring, whose datagrams all go to a blocked output and to a free one.
class RingRelay {
 public:
  explicit RingRelay(const RingCase& tried)
      : host_(host_options(tried)), stage_(tried.stage), runner_(tried.stage), batch_(64, 64) {
    memory_ = *host_.register_memory(tried.stage.memory());
    add_route(tried.stage.blocks);
    host_.kernel().link(kBlockedLink).set_blocked(true, host_.now());
    run();
  }
  void offer(std::uint64_t number, std::uint32_t payload_bytes) {
    sim::Packet packet;
    packet.sequence = number;
    packet.payload_bytes = payload_bytes;
    host_.offer(0, packet);
  }
  /// Until it waits and nothing more comes, a timer's tick included.
  void run() {
    for (int idle = 0; idle < 3;) {
      const engine::Next next = runner_.step(*stage_, {host_, batch_, memory_, nullptr});
      if (next.kind != engine::Next::Kind::wait) continue;
      const engine::Instant before = host_.now();
      host_.submit_and_wait(next.completions, before + engine::milliseconds(2));
      idle = host_.now() - before >= engine::milliseconds(2) ? idle + 1 : 0;
    }
  }
  sim::SimulatedHost& host() { return host_; }
  [[nodiscard]] const engine::Stage& stage() const { return *stage_; }
  [[nodiscard]] std::uint64_t ring_drops() { return host_.statistics(socket_).kernel_drops; }
  /// Blocks that datagrams keep from the kernel.
  [[nodiscard]] std::uint32_t blocks_held() const {
    const engine::Ledger& ledger = stage_->ledger();
    return ledger.held_count() - ledger.held_buffer_count();
  }

 private:
  void add_route(std::uint32_t blocks) {
    engine::PacketSocketSpec spec;
    spec.interface = "sim0";
    spec.wanted = {{.source = {}, .destination = sim::group_of(0, 0), .port = sim::kPort}};
    spec.ring_blocks = blocks;
    socket_ = *host_.open(spec);
    const auto input = stage_->add_input({.socket = socket_, .has_ring = true});
    const std::array outputs{*host_.open(sender(kBlockedLink)), *host_.open(sender(kFreeLink))};
    const auto added = stage_->add_route({{}, sim::group_of(0, 0), *input, sim::kPort}, outputs);
    REPRISE_ASSERT(added.has_value());
  }

  sim::SimulatedHost host_;
  engine::Flat<engine::Stage> stage_;
  engine::Runner runner_;
  engine::CompletionBatch batch_;
  engine::PacketMemory memory_;
  engine::SocketIndex socket_{};
};

/// What went wrong, if anything.
std::optional<std::string> stalls(const RingCase& tried) {
  RingRelay relay(tried);
  // A few frames at a time, so that the ring is never full of what was not read.
  for (std::uint64_t number = 0; number < tried.rounds; ++number) {
    relay.offer(number, tried.payload_bytes);
    if (number % 4 != 3) continue;
    relay.run();
    if (relay.blocks_held() > 0) return fmt::format("{} blocks are held", relay.blocks_held());
  }
  relay.run();
  if (!relay.stage().laws_hold()) return "a law of the stage is broken";
  if (relay.ring_drops() > 0) return fmt::format("the rings dropped {}", relay.ring_drops());
  const std::vector<sim::Packet> sent = relay.host().sent_to(kFreeLink);
  if (sent.size() != tried.rounds) return fmt::format("the free output sent {}", sent.size());
  for (std::uint64_t number = 0; number < sent.size(); ++number) {
    if (sent[number].sequence != number) return fmt::format("reordered at {}", number);
  }
  return std::nullopt;
}

rc::Gen<RingCase> ring_cases() {
  return rc::gen::exec([] {
    const auto draw = [](std::uint32_t least, std::uint32_t most) {
      return *rc::gen::resize(rc::kNominalSize, rc::gen::inRange<std::uint32_t>(least, most + 1));
    };
    RingCase tried;
    engine::StageConfig& stage = tried.stage;
    stage.policy = static_cast<engine::Policy>(draw(0, 3));
    stage.pool = draw(1, 40);
    stage.blocks = draw(4, 8);
    stage.block_bytes = 16'384;
    stage.intake = draw(1, 64);
    stage.segments_max = draw(0, 1) == 0 ? 1 : draw(2, 64);
    stage.batch = draw(1, 8);
    stage.sends_max = stage.batch + draw(0, 8);
    stage.output_queue = stage.batch + draw(0, 16);
    tried.payload_bytes = draw(16, 1400);
    tried.rounds = draw(0, 100);
    return tried;
  });
}

TEST(Ring, ABlockedOutputKeepsNoBlockAndTheOtherOutputGetsEverything) {
  use_default_parameters();
  const bool holds = rc::check("a blocked output stalls no ring", [] {
    const RingCase tried = *ring_cases();
    if (const auto wrong = stalls(tried)) RC_FAIL(*wrong);
  });
  EXPECT_TRUE(holds);
}

}  // namespace
}  // namespace reprise::proptests
