// Received frames as words: what the engine reads of them and no more. That is the headers up to
// the payload, and what the backend tells about the frame.
//
//   F1  Of a frame in which the engine finds a datagram no byte of the payload is recorded; of one
//       whose UDP checksum is wrong all is.
//   F2  Whether a checksum that nobody had verified is right is part of the input: such a frame is
//       recorded as verified.
//   F3  A frame like an earlier one of its flow (a template) takes two words: where it lies, its
//       lengths, identification and checksums.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "reprise/engine/io.hpp"
#include "reprise/flight/words.hpp"

namespace reprise::flight {

/// A header that others are compared to. What varies from one frame to the next is zero in it.
struct FrameTemplate {
  std::array<std::byte, 64> bytes{};
  std::uint64_t facts = 0;  ///< of its Frame: what is neither a length nor a place
  bool is_set = false;
};
inline constexpr std::size_t kTemplateCount = 32;

/// Turns frames into words.
class FrameEncoder {
 public:
  /// Forgets what it has seen: what follows is understood without what came before.
  void reset();
  /// Appends a frame whose bytes are `visible`; nothing, and out.is_full(), without room.
  void put(WordWriter& out, const engine::Frame& frame, std::span<const std::byte> visible);

 private:
  void put_unverified(WordWriter& out, engine::Frame frame, std::span<const std::byte> visible);
  bool put_like_template(WordWriter& out, const engine::Frame& frame,
                         std::span<const std::byte> visible) const;
  void put_whole(WordWriter& out, const engine::Frame& frame, std::span<const std::byte> visible);
  static void put_bytes(WordWriter& out, const engine::Frame& frame, std::uint64_t place,
                        std::span<const std::byte> bytes);

  std::array<FrameTemplate, kTemplateCount> templates_{};
};

/// A frame as it was recorded, with the bytes at its front.
struct DecodedFrame {
  engine::Frame frame;
  std::span<const std::byte> bytes;
};

/// Turns the words back, in the order in which they were written.
class FrameDecoder {
 public:
  void reset();
  /// False where the words hold no frame. The bytes are there until the next call.
  bool take(WordReader& in, DecodedFrame& out);

 private:
  bool take_like_template(std::uint64_t first, WordReader& in, DecodedFrame& out);

  std::array<FrameTemplate, kTemplateCount> templates_{};
  std::array<std::byte, 64> bytes_{};
};

}  // namespace reprise::flight
