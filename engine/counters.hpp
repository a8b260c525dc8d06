// Counters and their laws. Telemetry: no decision reads them.
//
//   C1  At ingress:      received = accepted + dropped, by reason.
//   C2  Between:         accepted = expanded + waiting, in the backlog or on the way to it.
//   C3  At every output: assigned = sent + dropped, by reason + pending.
//
// *Received* starts where the kernel hands a frame over; the kernel socket's own drops come before
// it. *Sent* means accepted by the kernel.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "reprise/engine/io.hpp"

namespace reprise::engine {

enum class IngressDrop : std::uint8_t {
  no_buffer,     ///< exhaustion = drop and the pool was empty
  backlog_full,  ///< more datagrams waited to be sent than there are regions: merged frames
  no_rule,       ///< no rule wants this destination and port
  wrong_source,  ///< a rule wants it, from another source
  not_ip,
  not_udp,
  fragment,
  malformed,
  truncated,     ///< larger than a region
  bad_checksum,  ///< the UDP checksum is wrong: relaying it would hide the damage
  other_host,    ///< not addressed to this host or a group
  other_vlan,    ///< tagged for a VLAN: it belongs to that VLAN's own interface
  own,           ///< sent by this host
  stopping,      ///< arrived after the stop
};
inline constexpr std::size_t kIngressDropCount = 14;

enum class EgressDrop : std::uint8_t {
  queue_full,  ///< the output was blocked and its queue full, or half the pool waited for blocked
               ///< outputs
  stopped,     ///< still waiting when the relay gave up
  too_large,
  unreachable,
  connection_refused,
  not_permitted,
  no_buffer,  ///< dropped by a queueing discipline that said so
  invalid,
  failed,
};
inline constexpr std::size_t kEgressDropCount = 9;

const char* name(IngressDrop reason);
const char* name(EgressDrop reason);

struct IngressCounters {
  std::uint64_t received = 0;
  std::uint64_t received_bytes = 0;  ///< payload of accepted datagrams
  std::uint64_t accepted = 0;
  std::array<std::uint64_t, kIngressDropCount> dropped{};
  std::uint64_t receives_exhausted = 0;  ///< receives that ended because nothing was provided
  std::uint64_t receives_failed = 0;     ///< receives that ended with an error

  [[nodiscard]] std::uint64_t dropped_total() const;
  IngressCounters& operator+=(const IngressCounters& other);
};

struct ErrnoCount {
  std::uint64_t count = 0;
  std::int64_t errno_value = 0;
};

struct OutputCounters {
  std::uint64_t assigned = 0;
  std::uint64_t sent = 0;
  std::uint64_t sends = 0;  ///< that carried them: fewer, where segmented sends carried several
  std::uint64_t sent_bytes = 0;
  std::uint64_t refused =
      0;  ///< times a send found no room; such a datagram is tried again or dropped
  std::uint64_t unsegmented = 0;  ///< segmented sends that left again datagram by datagram
  std::array<std::uint64_t, kEgressDropCount> dropped{};
  std::array<ErrnoCount, 4> errors{};  ///< by errno; what does not fit any more counts in the last

  [[nodiscard]] std::uint64_t dropped_total() const;
  void count_error(std::int32_t errno_value, std::uint64_t count = 1);
  OutputCounters& operator+=(const OutputCounters& other);
};

}  // namespace reprise::engine
