// Frames for the packet tests, put together layer by layer, and the ways to parse them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <initializer_list>
#include <optional>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "packet_reference.hpp"
#include "reprise/engine/packet.hpp"

namespace reprise::engine::frames {

using Octets = std::vector<std::byte>;
using Result = std::expected<Datagram, ParseError>;

inline constexpr std::uint8_t kTcp = 6;
inline constexpr std::uint8_t kUdp = 17;
inline constexpr std::uint8_t kNoNextHeader = 59;

inline Octets octets(std::initializer_list<int> values) {
  Octets result;
  for (const int value : values) result.push_back(static_cast<std::byte>(value));
  return result;
}

inline void append(Octets& to, const Octets& more) {
  to.insert(to.end(), more.begin(), more.end());
}

inline void append16(Octets& to, std::size_t value) {
  to.push_back(static_cast<std::byte>(value >> 8U));
  to.push_back(static_cast<std::byte>(value));
}

inline void set16(Octets& in, std::size_t at, std::size_t value) {
  in[at] = static_cast<std::byte>(value >> 8U);
  in[at + 1] = static_cast<std::byte>(value);
}

inline Octets joined(std::initializer_list<Octets> parts) {
  Octets result;
  for (const Octets& part : parts) append(result, part);
  return result;
}

inline Octets ethernet(std::uint16_t ether_type,
                       const std::vector<std::pair<std::uint16_t, std::uint16_t>>& tags = {}) {
  Octets result = octets({1, 0, 0x5e, 1, 1, 1, 2, 0, 0, 0, 0, 7});
  for (const auto& [tag_type, tci] : tags) {
    append16(result, tag_type);
    append16(result, tci);
  }
  append16(result, ether_type);
  return result;
}

inline Octets udp(std::size_t payload_bytes, std::optional<std::size_t> length = {}) {
  Octets result;
  append16(result, 40000);
  append16(result, 5000);
  append16(result, length.value_or(payload_bytes + 8));
  append16(result, 0x1234);
  result.resize(8 + payload_bytes, std::byte{0xa5});
  return result;
}

/// Makes the checksum of the IPv4 header at `at` right, as far as the header is there.
inline void repair_ipv4_checksum(Octets& frame, std::size_t at) {
  if (frame.size() < at + 20) return;
  const std::size_t header_bytes = std::to_integer<std::size_t>(frame[at] & std::byte{15}) * 4;
  if (header_bytes < 20 || frame.size() < at + header_bytes) return;
  set16(frame, at + 10, 0);
  set16(frame, at + 10,
        0xffff - reference::internet_sum(std::span(frame).subspan(at, header_bytes)));
}

struct Ipv4Fields {
  std::uint8_t protocol = kUdp;
  std::size_t option_words = 0;
  std::uint16_t flags_and_offset = 0x4000;
  std::optional<std::size_t> total_length{};
};

inline Octets ipv4(const Octets& payload, const Ipv4Fields& fields = {}) {
  const std::size_t header_bytes = 20 + 4 * fields.option_words;
  Octets result = octets({static_cast<int>(0x40 + header_bytes / 4), 0});
  append16(result, fields.total_length.value_or(header_bytes + payload.size()));
  append16(result, 0x77);
  append16(result, fields.flags_and_offset);
  append(result, octets({16, fields.protocol, 0, 0, 10, 0, 0, 7, 239, 1, 1, 1}));
  result.resize(header_bytes, std::byte{1});
  repair_ipv4_checksum(result, 0);
  append(result, payload);
  return result;
}

inline Octets ipv6(std::uint8_t next_header, const Octets& payload,
                   std::optional<std::size_t> payload_length = {}) {
  Octets result = octets({0x60, 0, 0, 0});
  append16(result, payload_length.value_or(payload.size()));
  append(result, octets({next_header, 16}));
  append(result, octets({0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}));
  append(result, octets({0xff, 0x3e, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}));
  append(result, payload);
  return result;
}

/// Hop-by-hop options, destination options or a routing header without segments left.
inline Octets extension(std::uint8_t next_header, std::size_t length_units = 0) {
  Octets result = octets({next_header, static_cast<int>(length_units), 1, 0});
  result.resize(8 + 8 * length_units);
  return result;
}

inline Octets fragment_header(std::uint8_t next_header, std::uint16_t offset_and_more) {
  Octets result = octets({next_header, 0});
  append16(result, offset_and_more);
  append(result, octets({0, 0, 0, 9}));
  return result;
}

inline Octets ipv4_frame(const Octets& payload, const Ipv4Fields& fields = {}) {
  return joined({ethernet(0x0800), ipv4(payload, fields)});
}

inline Octets ipv6_frame(std::uint8_t next_header, const Octets& payload) {
  return joined({ethernet(0x86dd), ipv6(next_header, payload)});
}

inline Result parse_captured(const Octets& frame, std::size_t captured_bytes) {
  // A copy of just what was captured, so that the address sanitizer sees a read behind it.
  const Octets captured(frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(captured_bytes));
  return parse({.visible = captured,
                .captured_bytes = static_cast<std::uint32_t>(captured_bytes),
                .original_bytes = static_cast<std::uint32_t>(frame.size())});
}

inline Result parse_whole(const Octets& frame) { return parse_captured(frame, frame.size()); }

inline std::string describe(const Result& result) {
  if (result) return "datagram";
  switch (result.error()) {
    case ParseError::not_ip: return "not_ip";
    case ParseError::not_udp: return "not_udp";
    case ParseError::fragment: return "fragment";
    case ParseError::malformed: return "malformed";
    case ParseError::truncated: return "truncated";
  }
  return "?";
}

inline std::string verdict(const Octets& frame) { return describe(parse_whole(frame)); }

inline FrameBytes whole_frame(const Octets& frame) {
  const auto length_bytes = static_cast<std::uint32_t>(frame.size());
  return {.visible = frame, .captured_bytes = length_bytes, .original_bytes = length_bytes};
}

class FrameGenerator {
 public:
  explicit FrameGenerator(std::uint32_t seed) : random_(seed) {}

  std::size_t below(std::size_t limit) { return random_() % limit; }

  Octets bytes(std::size_t count) {
    Octets result(count);
    for (std::byte& byte : result) byte = static_cast<std::byte>(below(256));
    return result;
  }

  /// A frame that is right but for what its generator found to be fun, with some bytes changed in
  /// every second one.
  Octets frame() {
    std::vector<std::pair<std::uint16_t, std::uint16_t>> tags(below(8) == 0 ? 3 : below(3));
    for (auto& [tag_type, tci] : tags) {
      tag_type = pick<std::uint16_t>({0x8100, 0x88a8, 0x9100});
      tci = static_cast<std::uint16_t>(below(0x10000));
    }
    const std::size_t ip_begin = 14 + 4 * tags.size();
    const bool is_ipv4 = below(2) == 0;
    Octets result = joined({ethernet(is_ipv4 ? 0x0800 : 0x86dd, tags),
                            is_ipv4 ? random_ipv4() : random_ipv6(), bytes(below(20))});
    if (below(2) == 0) {
      for (std::size_t changes = 1 + below(3); changes > 0; --changes) {
        result[12 + below(std::min<std::size_t>(result.size() - 12, 80))] = bytes(1)[0];
      }
      if (is_ipv4 && below(4) != 0) repair_ipv4_checksum(result, ip_begin);
    }
    return result;
  }

 private:
  template <class Value>
  Value pick(std::initializer_list<Value> values) {
    return *(values.begin() + static_cast<std::ptrdiff_t>(below(values.size())));
  }

  Octets random_udp() { return joined({udp(below(48)), bytes(below(4) == 0 ? below(4) : 0)}); }

  Octets random_ipv4() {
    return ipv4(random_udp(),
                {.protocol = pick<std::uint8_t>({kUdp, kUdp, kUdp, kUdp, kTcp}),
                 .option_words = below(3) == 0 ? below(11) : 0,
                 .flags_and_offset = pick<std::uint16_t>({0x4000, 0x4000, 0, 0x2000, 0x1fff})});
  }

  Octets random_ipv6() {
    Octets payload = random_udp();
    auto next_header = pick<std::uint8_t>({kUdp, kUdp, kUdp, kUdp, kUdp, kTcp, kNoNextHeader});
    for (std::size_t count = below(5); count > 0; --count) {
      const auto type = pick<std::uint8_t>({0, 43, 44, 60, 60});
      payload = joined({type == 44 ? fragment_header(next_header, below(3) == 0 ? 1 : 0)
                                   : extension(next_header, below(3)),
                        payload});
      next_header = type;
    }
    return ipv6(next_header, payload);
  }

  std::mt19937 random_;
};

}  // namespace reprise::engine::frames
