#include "stand.hpp"

#include <algorithm>

namespace reprise::tests {

std::uint8_t payload_byte(std::uint64_t number, std::uint32_t place) {
  if (place < 8) return static_cast<std::uint8_t>(number >> (8 * place));
  return static_cast<std::uint8_t>(number * 31 + place * 7);
}

void Stand::write_payload(std::span<std::byte> visible, const Payload& payload) {
  for (std::uint32_t place = 0; place < visible.size(); ++place) {
    visible[place] = std::byte{payload_byte(payload.number, place)};
  }
}

Payload Stand::read_payload(std::span<const std::byte> visible, std::uint32_t length_bytes) const {
  return tests::read_payload(visible, length_bytes);
}

Payload read_payload(std::span<const std::byte> visible, std::uint32_t length_bytes) {
  Payload payload{.length_bytes = length_bytes};
  for (std::uint32_t place = 0; place < std::min<std::size_t>(visible.size(), 8); ++place) {
    payload.number |= std::to_integer<std::uint64_t>(visible[place]) << (8 * place);
  }
  for (std::uint32_t place = 8; place < visible.size(); ++place) {
    if (std::to_integer<std::uint8_t>(visible[place]) != payload_byte(payload.number, place)) {
      payload.is_damaged = true;
    }
  }
  return payload;
}

engine::PacketSocketSpec Stand::receiver(std::uint16_t port) const {
  engine::PacketSocketSpec spec;
  spec.interface = "in";
  spec.wanted = {{.source = {}, .destination = engine::Address::ipv4(239, 1, 1, 1), .port = port}};
  return spec;
}

engine::SendSocketSpec Stand::sender() const {
  engine::SendSocketSpec spec;
  spec.destination = engine::Address::ipv4(239, 1, 1, 1);
  spec.port = kPort;
  spec.interface = "out";
  spec.send_buffer_bytes = 8192;
  return spec;
}

engine::Expected<engine::SocketIndex> Stand::open_sender_to_closed_port() {
  engine::SendSocketSpec spec;
  spec.destination = engine::Address::ipv4(127, 0, 0, 1);
  spec.port = 9;
  return backend().open(spec);
}

void Stand::offer_frame(const OfferedFrame&, std::uint16_t) { REPRISE_ASSERT(false); }

void Stand::set_input_up(bool) { REPRISE_ASSERT(false); }

const std::vector<StandKind>& stand_kinds() {
  static const std::vector<StandKind> kinds = [] {
    std::vector<StandKind> all;
    for (const auto& some : {uring_stands(), asio_stands(), sim_stands()})
      all.insert(all.end(), some.begin(), some.end());
    return all;
  }();
  return kinds;
}

}  // namespace reprise::tests
