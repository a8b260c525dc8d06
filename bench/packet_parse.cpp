// What reading one datagram costs: the headers of a frame, and its UDP checksum.
#include <benchmark/benchmark.h>

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "reprise/engine/packet.hpp"

namespace reprise::engine {
namespace {

Address ipv6_group() {
  Address address;
  address.family = Family::ipv6;
  address.bytes = {0xff, 0x3e};
  address.bytes[15] = 1;
  return address;
}

/// A frame with `payload_bytes` of payload, with two VLAN tags where `tagged`.
std::vector<std::byte> make_frame(Family family, std::size_t payload_bytes, bool tagged) {
  const bool is_ipv4 = family == Family::ipv4;
  FrameHeader header;
  header.vlan_count = tagged ? 2 : 0;
  header.source = is_ipv4 ? Address::ipv4(10, 0, 0, 7) : ipv6_group();
  header.source.bytes[0] = is_ipv4 ? 10 : 0xfd;
  header.destination = is_ipv4 ? Address::ipv4(239, 1, 1, 1) : ipv6_group();
  header.source_port = 40000;
  header.destination_port = 5000;
  const std::vector<std::byte> payload(payload_bytes, std::byte{0xa5});
  std::vector<std::byte> frame(headers_length_bytes(header) + payload_bytes);
  build_frame(header, payload, frame);
  return frame;
}

FrameBytes whole(const std::vector<std::byte>& frame) {
  const auto length_bytes = static_cast<std::uint32_t>(frame.size());
  return {.visible = frame, .captured_bytes = length_bytes, .original_bytes = length_bytes};
}

void parse_one(benchmark::State& state, Family family, bool tagged) {
  const auto frame = make_frame(family, 1400, tagged);
  for (auto _ : state) {
    FrameBytes bytes = whole(frame);
    benchmark::DoNotOptimize(bytes);
    auto datagram = parse(bytes);
    benchmark::DoNotOptimize(datagram);
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(parse_one, ipv4, Family::ipv4, false);
BENCHMARK_CAPTURE(parse_one, ipv4_two_tags, Family::ipv4, true);
BENCHMARK_CAPTURE(parse_one, ipv6, Family::ipv6, false);

void verify_checksum(benchmark::State& state, Family family) {
  const auto frame = make_frame(family, static_cast<std::size_t>(state.range(0)), false);
  const FrameBytes bytes = whole(frame);
  const auto datagram = parse(bytes);
  for (auto _ : state) {
    benchmark::ClobberMemory();
    bool valid = udp_checksum_is_valid(bytes, *datagram);
    benchmark::DoNotOptimize(valid);
  }
  state.SetBytesProcessed(state.iterations() * state.range(0));
}
BENCHMARK_CAPTURE(verify_checksum, ipv4, Family::ipv4)->Arg(64)->Arg(1400)->Arg(8972);
BENCHMARK_CAPTURE(verify_checksum, ipv6, Family::ipv6)->Arg(1400);

}  // namespace
}  // namespace reprise::engine

BENCHMARK_MAIN();
