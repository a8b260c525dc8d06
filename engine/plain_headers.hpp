// Recognising the next frame of a flow by what its headers have in common with the last one.
//
// Nearly all frames are plain: Ethernet without tags, IPv4 without options, UDP. For those a few
// masked words tell as much as parse() does. What is not recognised is parse()'s to judge.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "reprise/engine/internet_checksum.hpp"
#include "reprise/engine/packet.hpp"

namespace reprise::engine {

/// A flat value; as made by default it recognises nothing.
class PlainHeaders {
 public:
  static constexpr std::uint32_t kPayloadOffsetBytes = 42;

  /// Of the flow of a frame that parse() accepts; recognises nothing where it is not plain.
  static PlainHeaders of(const FrameBytes& frame) {
    PlainHeaders headers;
    if (!may_be_plain(frame)) return headers;
    const Words words = read(frame.visible.data());
    const Words plain{word({0x08, 0, 0x45}), word({0, 0, 0, 17}), 0};
    const Words mask{word({0xff, 0xff, 0xff}), word({0xbf, 0xff, 0, 0xff}), 0};
    for (std::size_t at = 0; at < words.size(); ++at) {
      if ((words[at] & mask[at]) != plain[at]) return headers;
    }
    headers.words_ = words;
    headers.destination_port_ = load<std::uint16_t>(frame.visible.data() + 36);
    headers.is_set_ = 1;
    return headers;
  }

  [[nodiscard]] bool is_set() const { return is_set_ != 0; }

  /// Where a frame that is plain would be kept among `places` of them. Any spread will do.
  static std::size_t place_of(const FrameBytes& frame, std::size_t places) {
    const std::byte* at = frame.visible.data();
    return (load<std::uint8_t>(at + 33) ^ load<std::uint8_t>(at + 35) ^
            load<std::uint8_t>(at + 37)) %
           places;
  }

  /// That place_of() can be asked and recognise() may say yes.
  static bool may_be_plain(const FrameBytes& frame) {
    return frame.visible.size() >= kPayloadOffsetBytes && !frame.starts_at_ip;
  }

  /// The payload's length where the frame is the flow's and parse() accepts it; none where only
  /// parse() can tell. `frame` may be plain.
  [[nodiscard]] std::optional<std::uint32_t> recognise(const FrameBytes& frame) const {
    const std::byte* const at = frame.visible.data();
    const Words words = read(at);
    const bool is_of_flow =
        ((words[0] ^ words_[0]) | (words[1] ^ words_[1]) | (words[2] ^ words_[2])) == 0 &&
        load<std::uint16_t>(at + 36) == destination_port_ && is_set_ != 0;
    const std::uint32_t total_bytes = read16(at + 16);
    const std::uint32_t udp_bytes = read16(at + 38);
    const std::uint32_t captured_bytes = std::min(frame.captured_bytes, frame.original_bytes);
    if (!is_of_flow || udp_bytes < 8 || udp_bytes + 20 > total_bytes ||
        total_bytes + 14 > frame.original_bytes || udp_bytes + 34 > captured_bytes ||
        !ipv4_header_checksum_is_valid(at + 14, 20)) {
      return std::nullopt;
    }
    return udp_bytes - 8;
  }

 private:
  using Words = std::array<std::uint64_t, 3>;

  static std::uint32_t read16(const std::byte* at) {
    return std::uint32_t{load<std::uint8_t>(at)} << 8U | load<std::uint8_t>(at + 1);
  }
  static constexpr std::uint64_t word(std::array<std::uint8_t, 8> bytes) {
    return std::bit_cast<std::uint64_t>(bytes);
  }

  /// EtherType, version and header length; fragment bits without "do not fragment", protocol and
  /// the first half of the source; the rest of the addresses and the source port.
  static Words read(const std::byte* at) {
    return {load<std::uint64_t>(at + 12) & word({0xff, 0xff, 0xff}),
            load<std::uint64_t>(at + 20) & word({0xbf, 0xff, 0, 0xff, 0, 0, 0xff, 0xff}),
            load<std::uint64_t>(at + 28)};
  }

  Words words_{};
  std::uint16_t destination_port_ = 0;
  std::uint16_t is_set_ = 0;
  std::uint32_t reserved_ = 0;
};

}  // namespace reprise::engine
