// The stand of a simulated kernel, once for each of its profiles.
#include <cstring>

#include "reprise/sim/simulated_host.hpp"
#include "stand.hpp"

namespace reprise::tests {
namespace {

constexpr std::uint32_t kInput = 0;
constexpr std::uint32_t kOutput = 1;
constexpr engine::Duration kStep = engine::milliseconds(1);
constexpr int kStepsMax = 10'000;

sim::SimulatedHost::Options host_options(const StandOptions& options,
                                         const sim::KernelProfile& profile) {
  sim::SimulatedHost::Options host;
  host.profile = profile;
  host.ring.submissions_max = options.submission_entries;
  host.ring.completions_max = options.completion_entries;
  host.link.bits_per_second = 1'000'000'000;
  host.link.delay_ns = 20'000;
  host.regions = options.regions;
  host.region_bytes = options.region_bytes;
  host.blocks = options.blocks;
  host.block_bytes = options.block_bytes;
  return host;
}

class SimStand final : public Stand {
 public:
  SimStand(const StandOptions& options, const sim::KernelProfile& profile)
      : host_(host_options(options, profile)) {}

  engine::Backend& backend() override { return host_; }

  [[nodiscard]] bool has_packet_rings() override { return true; }
  [[nodiscard]] engine::PacketSocketSpec receiver(std::uint16_t port) const override {
    engine::PacketSocketSpec spec = Stand::receiver(port);
    spec.interface = "sim0";
    return spec;
  }
  [[nodiscard]] engine::SendSocketSpec sender() const override {
    engine::SendSocketSpec spec = Stand::sender();
    spec.interface = "sim1";
    return spec;
  }
  engine::Expected<engine::SocketIndex> open_sender_to_closed_port() override {
    engine::SendSocketSpec spec = sender();
    spec.port = 9;
    const auto opened = host_.open(spec);
    if (opened) host_.close_port_outside(*opened, true);
    return opened;
  }

  void write_payload(std::span<std::byte> visible, const Payload& payload) override {
    const sim::Tag tag = sim::make_tag(payload.number, 0, payload.length_bytes);
    if (visible.size() >= sizeof tag) std::memcpy(visible.data(), &tag, sizeof tag);
  }
  [[nodiscard]] Payload read_payload(std::span<const std::byte> visible,
                                     std::uint32_t length_bytes) const override {
    Payload payload{.length_bytes = length_bytes};
    sim::Tag tag{};
    if (visible.size() < sizeof tag) return payload;
    std::memcpy(&tag, visible.data(), sizeof tag);
    payload.number = tag.sequence;
    payload.is_damaged = tag.check != sim::make_tag(tag.sequence, tag.flow, length_bytes).check;
    return payload;
  }

  void offer(const Payload& payload, std::uint16_t port) override {
    sim::Packet packet;
    packet.sequence = payload.number;
    packet.payload_bytes = payload.length_bytes;
    host_.offer(kInput, packet, port);
  }
  void offer_frame(const OfferedFrame& frame, std::uint16_t port) override {
    const std::uint32_t last_bytes =
        frame.last_bytes == 0 ? frame.first.length_bytes : frame.last_bytes;
    sim::Packet packet;
    packet.sequence = frame.first.number;
    packet.payload_bytes = (frame.datagrams - 1) * frame.first.length_bytes + last_bytes;
    if (frame.datagrams > 1) {
      packet.segment_bytes = static_cast<std::uint16_t>(frame.first.length_bytes);
    }
    packet.has_checksum = frame.has_partial_checksum || frame.datagrams > 1 ? 0 : 1;
    packet.vlan_tci = frame.vlan_tci;
    host_.offer(kInput, packet, port);
  }
  void set_input_up(bool is_up) override {
    for (std::uint32_t socket = 0;
         !is_up && socket < sim::SimulatedHost::Options{}.packet_sockets_max; ++socket) {
      host_.kernel().set_receiver_down(engine::SocketIndex{socket});
    }
  }
  void settle() override { host_.pass(kStep); }
  std::vector<Payload> collect(std::size_t count) override {
    std::vector<Payload> collected;
    for (int step = 0; step < kStepsMax; ++step) {
      for (const sim::Packet& packet : host_.sent_to(kOutput)) {
        const bool has_tag = packet.payload_bytes >= sim::kTagBytes;
        collected.push_back(
            {packet.sequence, packet.payload_bytes, has_tag && packet.damaged != 0});
      }
      if (collected.size() >= count) break;
      host_.pass(kStep);
    }
    return collected;
  }

  void block_output() override { host_.kernel().link(kOutput).set_blocked(true, host_.now()); }
  void unblock_output() override { host_.kernel().link(kOutput).set_blocked(false, host_.now()); }
  void set_output_up(bool is_up) override { host_.kernel().set_up(kOutput, is_up); }
  void wake_from_outside() override {
    host_.schedule(engine::Duration{1000}, [this] { host_.wake(); });
  }

 private:
  sim::SimulatedHost host_;
};

StandKind stand_of(std::string name, const sim::KernelProfile& profile) {
  const auto create =
      [profile](const StandOptions& options) -> engine::Expected<std::unique_ptr<Stand>> {
    return std::make_unique<SimStand>(options, profile);
  };
  return {"sim_" + std::move(name), create};
}

}  // namespace

std::vector<StandKind> sim_stands() {
  using enum sim::TaskRun;
  return {stand_of("cooperative", {.task_run = cooperative}),
          stand_of("plain", {.task_run = plain}), stand_of("deferred", {.task_run = deferred}),
          // A busy host, where the rest of a chain is often left to a later call.
          stand_of("pausing", {.task_run = cooperative, .chain_pauses_per_million = 300'000})};
}

}  // namespace reprise::tests
