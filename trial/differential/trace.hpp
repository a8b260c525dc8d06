// What a differential test does to a kernel and what it saw there: acts at the ring itself, one
// level below the engine's I/O interface, with the completions in the order in which they came.
//
// A trace whose acts are not observed yet is a plan. Tokens are the number of the operation in the
// trace, from 1. Sockets are numbered as in the model: receivers first, then senders.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "reprise/engine/io.hpp"
#include "reprise/sim/kernel_profile.hpp"
#include "reprise/sim/ring.hpp"

namespace reprise::trial {

inline constexpr std::uint32_t kTraceVersion = 1;
inline constexpr std::uint32_t kNoReceiver = 0xffff'ffff;
inline constexpr std::uint32_t kGatheredMax = 4;

struct LinkSetup {
  /// A token bucket with a queue; else frames arrive inside the call that sends them.
  bool is_shaped = false;
  std::uint32_t queue = 1000;        ///< frames that wait in it
  std::uint32_t burst_bytes = 1514;  ///< what leaves at once when its rate is changed
};

struct ReceiverSetup {
  std::uint32_t link = 0;
  /// A packet socket: frames with their headers, and no fragments; else a UDP socket.
  bool is_packet_socket = false;
  std::uint32_t buffer_bytes = 212'992;  ///< as the kernel counts them
};

struct SenderSetup {
  std::uint32_t link = 0;
  std::uint32_t receiver = kNoReceiver;  ///< none: the port is closed, the sender is told
  std::uint32_t buffer_bytes = 212'992;  ///< as the kernel counts them
  bool tells_drops = false;              ///< IP_RECVERR
  bool forbids_fragments = false;        ///< IP_PMTUDISC_DO
};

struct TraceSetup {
  sim::TaskRun task_run = sim::TaskRun::cooperative;
  std::uint32_t submissions_max = 32;
  std::uint32_t completions_max = 32;
  std::uint32_t regions = 8;
  std::uint32_t region_bytes = 256;
  std::vector<LinkSetup> links;
  std::vector<ReceiverSetup> receivers;
  std::vector<SenderSetup> senders;

  /// The model's socket of a sender.
  [[nodiscard]] std::uint32_t sender_socket(std::uint32_t sender) const {
    return static_cast<std::uint32_t>(receivers.size()) + sender;
  }
  [[nodiscard]] bool is_receiver(std::uint32_t socket) const { return socket < receivers.size(); }
  [[nodiscard]] const SenderSetup& sender_of(std::uint32_t socket) const {
    return senders[socket - receivers.size()];
  }
};

/// One submission queue entry.
struct TraceEntry {
  engine::Operation operation = engine::Operation::send;
  std::uint32_t token = 0;
  std::uint32_t socket = 0;         ///< all but deadline and cancel
  std::uint32_t payload_bytes = 0;  ///< sends
  std::uint64_t sequence = 0;       ///< sends: of the first datagram
  std::uint32_t target = 0;         ///< cancel: a token
  std::uint16_t segment_bytes = 0;  ///< segmented sends
  /// Segmented sends: not 0: each datagram is a slice of its own, at most kGatheredMax, with
  /// a number so far behind that of the one before; 0: one slice has all, numbered in order.
  std::uint16_t sequence_step = 0;
  std::uint8_t flags = 0;  ///< engine::SubmissionFlags
  bool is_due = false;     ///< deadline: it is over when it is submitted; else it never is
  sim::Malformation malformation = sim::Malformation::none;
};

/// Datagrams of a send.
constexpr std::uint32_t datagram_count(const TraceEntry& entry) {
  if (entry.segment_bytes == 0) return 1;
  return (entry.payload_bytes + entry.segment_bytes - 1) / entry.segment_bytes;
}

struct TraceCompletion {
  std::uint32_t token = 0;
  std::int32_t errno_value = 0;
  std::uint32_t result_bytes = 0;  ///< sends, receives
  bool more = false;
  bool has_datagram = false;   ///< of the following
  std::uint32_t region = 0;    ///< where it was received
  std::uint32_t flow = 0;      ///< its sender
  std::uint64_t sequence = 0;  ///< as read from the payload
  friend bool operator==(const TraceCompletion&, const TraceCompletion&) = default;
};

enum class ActKind : std::uint8_t {
  provide,      ///< gives regions to the kernel
  submit,       ///< prepares entries and enters the kernel once
  wait,         ///< enters the kernel until completions can be reaped, for a bounded time
  reap,         ///< takes what the completion queue's memory shows
  quiesce,      ///< enters and reaps until every link is empty and nothing is due
  set_up,       ///< the sending interface goes up or down
  set_carrier,  ///< the other end of the cable goes up or down
  set_address,  ///< the sending interface's address comes or goes
  set_mtu,
  set_blocked,  ///< the token bucket's rate becomes nothing, or is restored
};
inline constexpr std::size_t kActKindCount = 10;
std::string_view name(ActKind kind);

struct Act {
  ActKind kind = ActKind::reap;
  std::vector<TraceEntry> entries{};     ///< submit
  std::vector<std::uint32_t> regions{};  ///< provide
  bool collects = false;                 ///< submit: IORING_ENTER_GETEVENTS
  std::uint32_t count = 0;               ///< wait: completions
  std::uint32_t link = 0;                ///< what an operator changes
  std::uint32_t value = 0;               ///< to: 0 or 1, or an MTU

  // Observed.
  std::uint32_t submitted = 0;                 ///< submit
  std::int32_t errno_value = 0;                ///< submit, wait
  std::vector<TraceCompletion> completions{};  ///< reap, quiesce
};

struct Trace {
  TraceSetup setup;
  std::vector<Act> acts;
};

/// Operations in it: submission queue entries, provided regions and what operators did.
std::uint64_t operation_count(const Trace& trace);

}  // namespace reprise::trial
