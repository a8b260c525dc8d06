// The numbered, checksummed test datagram: what `gen` sends and `recv` checks.
//
// Payload, all integers little-endian:
//
//   offset  bytes  field
//        0      8  magic "REPRISE1"
//        8      8  checksum of every byte after this field
//       16      4  stream: tells generators apart
//       20      4  length of the whole payload in bytes
//       24      8  sequence: counts the datagrams of a stream
//       32      8  send time: the sender's CLOCK_MONOTONIC in nanoseconds
//       40      …  filler: 64-bit words that follow from stream and sequence
//
// The checksum is a 64-bit multiply-and-rotate hash in four lanes. It finds every change that is
// confined to eight aligned bytes, and any other with a chance of 1 − 2⁻⁶⁴ or near it. It guards
// against accidents, not against forgery. It is not a CRC because it must cost little beside one
// send without special instructions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <expected>
#include <span>

#include "reprise/engine/time.hpp"

namespace reprise::traffic {

/// The shortest payload: the header alone.
inline constexpr std::uint32_t kPayloadBytesMin = 40;
/// The longest UDP payload over IPv4 (65,535 − 20 − 8), used for both families.
inline constexpr std::uint32_t kPayloadBytesMax = 65'507;

/// What a test datagram says about itself.
struct Numbered {
  std::uint32_t stream = 0;
  std::uint64_t sequence = 0;
  engine::Instant sent;  ///< when its burst was built, on the sender's CLOCK_MONOTONIC

  friend bool operator==(const Numbered&, const Numbered&) = default;
};

/// Why a payload is not an intact test datagram, in the order in which it is checked.
enum class Damage : std::uint8_t {
  too_short,       ///< below kPayloadBytesMin
  not_numbered,    ///< another magic: foreign, or hit in its first bytes
  wrong_length,    ///< cut or extended
  wrong_checksum,  ///< some byte changed
};

/// Fills the whole of `payload`, kPayloadBytesMin…kPayloadBytesMax bytes (asserted).
void build_numbered(const Numbered& numbered, std::span<std::byte> payload);

/// Checks every byte of a received payload and returns what it says.
std::expected<Numbered, Damage> verify_numbered(std::span<const std::byte> payload);

}  // namespace reprise::traffic
