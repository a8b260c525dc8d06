// A simulated kernel with the test as the only thread on it, and as its network.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <ostream>
#include <utility>
#include <vector>

#include "reprise/sim/kernel.hpp"

namespace reprise::engine {

inline void PrintTo(Outcome outcome, std::ostream* out) { *out << name(outcome); }

}  // namespace reprise::engine

namespace reprise::sim {

inline constexpr RingIndex kRing{0};
inline constexpr std::uint32_t kPayload = 400;
inline constexpr std::uint8_t kDoNotWait = engine::SubmissionFlags::kDoNotWait;
inline constexpr std::uint8_t kLinked = engine::SubmissionFlags::kLinked;
inline constexpr std::uint8_t kMultishot = engine::SubmissionFlags::kMultishot;
/// The packet socket, and the first two of the UDP sockets: they send into links 0 and 1.
inline constexpr engine::SocketIndex kInput{0};
inline constexpr engine::SocketIndex kOutput{1};
inline constexpr engine::SocketIndex kOtherOutput{2};
/// Sends read regions below this one; receives get this one and those behind it.
inline constexpr std::uint32_t kFirstProvided = 80;

/// A send buffer that refuses with so many datagrams of that payload in it.
inline std::uint32_t buffer_for(std::uint32_t datagrams, std::uint32_t payload_bytes = kPayload) {
  return datagrams * buffer_bytes(payload_bytes);
}

/// Two outputs of five datagrams each into links of 1 Gbit/s, room for 16 submissions, 8
/// completions and 8 frames.
inline KernelConfig small_kernel() {
  KernelConfig config;
  config.rings.front() = {.submissions_max = 64, .completions_max = 8, .operations_max = 128};
  config.packet_sockets.front().buffer_bytes = buffer_for(8);
  config.send_sockets.resize(2);
  config.send_sockets[1].link = 1;
  for (SendSocketConfig& socket : config.send_sockets) socket.buffer_bytes = buffer_for(5);
  LinkConfig link;
  link.bits_per_second = 1'000'000'000;
  config.links.assign(2, link);
  config.headers.push_back(make_header(0, 0, kPayload));
  config.regions = 96;
  config.region_bytes = 80'000;
  config.notices = 16;
  return config;
}

struct KernelValue {
  Kernel kernel;
  void place(engine::FlatLayout& layout, const KernelConfig& config) {
    kernel.place(layout, config);
  }
  void start(const KernelConfig& config) { kernel.start(config); }
};

using Slots = std::vector<std::uint32_t>;
/// Token slots and outcomes, in the order of their completions.
using Reaped = std::vector<std::pair<std::uint32_t, engine::Outcome>>;

struct SendOptions {
  engine::SocketIndex socket = kOutput;
  std::uint8_t flags = kDoNotWait;
  std::uint32_t payload_bytes = kPayload;
  engine::Operation operation = engine::Operation::send;
  std::uint16_t segment_bytes = 0;
  Malformation malformation = Malformation::none;
  bool is_async = false;
};

class OneKernel {
 public:
  explicit OneKernel(const KernelConfig& config = small_kernel()) : value_(config) {}
  Kernel& kernel() { return value_->kernel; }

  // What a thread does.

  void prepare(engine::Operation operation, std::uint32_t slot, engine::SocketIndex socket,
               std::uint8_t flags = 0) {
    engine::Submission submission;
    submission.operation = operation;
    submission.token = {slot, 1};
    submission.socket = socket;
    submission.flags = flags;
    kernel().prepare(kRing, submission, {});
  }
  /// Of a datagram whose sequence number is the slot, from the region of that number.
  void prepare_send(std::uint32_t slot, const SendOptions& options = {}) {
    engine::Submission submission;
    submission.operation = options.operation;
    submission.token = {slot, 1};
    submission.socket = options.socket;
    submission.flags = options.flags;
    submission.segment_bytes = options.segment_bytes;
    submission.slice_count = 1;
    const engine::Slice slice{engine::RegionIndex{slot % kFirstProvided}, kHeaderBytes,
                              options.payload_bytes};
    const bool is_merged = options.operation == engine::Operation::segmented_send &&
                           options.segment_bytes < options.payload_bytes;
    const Tag tag = make_tag(slot, 0, is_merged ? options.segment_bytes : options.payload_bytes);
    std::memcpy(kernel().region_bytes(slice.region).data() + kHeaderBytes, &tag, sizeof tag);
    kernel().prepare(kRing, submission, {&slice, 1}, options.malformation, options.is_async);
  }
  void prepare_sends(std::uint32_t first, std::uint32_t end, const SendOptions& options = {}) {
    for (std::uint32_t slot = first; slot < end; ++slot) prepare_send(slot, options);
  }
  void prepare_deadline(std::uint32_t slot, std::int64_t at_ns, std::int64_t value = 0) {
    engine::Submission submission;
    submission.operation = engine::Operation::deadline;
    submission.token = {slot, 1};
    submission.deadline = engine::Instant{at_ns};
    submission.value = value;
    kernel().prepare(kRing, submission, {});
  }
  void prepare_cancel(std::uint32_t slot, std::uint32_t target) {
    engine::Submission submission;
    submission.operation = engine::Operation::cancel;
    submission.token = {slot, 1};
    submission.target = {target, 1};
    kernel().prepare(kRing, submission, {});
  }

  struct Submitted {
    std::uint32_t count = 0;
    bool is_malformed = false;  ///< io_uring_submit() ended with EINVAL for the last of them
  };
  /// Hands over what is prepared, and does the work where a call that collects nothing does it.
  Submitted submit() {
    const Submitted submitted = hand_over();
    if (kernel().runs_work(false)) run_work();
    return submitted;
  }
  Submitted hand_over() {
    Submitted submitted;
    while (kernel().prepared_count(kRing) > 0 && !submitted.is_malformed) {
      const Kernel::Executed executed = kernel().execute_next(kRing, now, choices);
      ++submitted.count;
      submitted.is_malformed = executed.ends_submit;
      if (executed.ended && executed.outcome == engine::Outcome::ok) {
        now = now + engine::Duration{send_ns};
      }
    }
    kernel().end_submit(kRing);
    return submitted;
  }
  /// All work that is due.
  void run_work() {
    while (kernel().work_count(kRing) > 0) kernel().execute_work(kRing, now, choices);
  }
  std::vector<Posted> collect() {
    std::vector<Posted> all;
    while (kernel().completion_count(kRing) > 0) all.push_back(kernel().reap(kRing));
    return all;
  }
  Reaped reap() {
    Reaped reaped;
    for (const Posted& posted : collect()) reaped.emplace_back(posted.token.slot, posted.outcome);
    return reaped;
  }
  /// Prepares, hands over, does the work and reaps one send.
  engine::Outcome send(const SendOptions& options = {}, std::uint32_t slot = 0) {
    prepare_send(slot, options);
    submit();
    const Reaped reaped = reap();
    EXPECT_FALSE(reaped.empty());
    return reaped.empty() ? engine::Outcome::failed : reaped.front().second;
  }
  /// Sends until the socket refuses; how many datagrams it took.
  std::uint32_t fill(engine::SocketIndex socket = kOutput, std::uint32_t payload_bytes = kPayload) {
    for (std::uint32_t taken = 0;; ++taken) {
      if (send({.socket = socket, .payload_bytes = payload_bytes}) == engine::Outcome::refused) {
        return taken;
      }
    }
  }
  void provide(std::uint32_t count) {
    for (; count > 0; --count) kernel().provide(engine::RegionIndex{next_provided_++});
  }
  void arm_receive(std::uint32_t slot, std::uint8_t flags = kMultishot) {
    prepare(engine::Operation::receive, slot, kInput, flags);
    submit();
  }

  // What the network does.

  bool arrive(std::uint64_t sequence, std::uint32_t payload_bytes = kPayload) {
    Packet packet;
    packet.sequence = sequence;
    packet.payload_bytes = payload_bytes;
    return kernel().arrive(kInput, packet, now);
  }
  /// Datagrams of `segment_bytes` that an offload merged.
  bool arrive_merged(std::uint64_t sequence, std::uint32_t payload_bytes,
                     std::uint16_t segment_bytes) {
    Packet packet;
    packet.sequence = sequence;
    packet.payload_bytes = payload_bytes;
    packet.segment_bytes = segment_bytes;
    return kernel().arrive(kInput, packet, now);
  }
  /// One frame departs or arrives, at its instant.
  Kernel::LinkEvent step(std::uint32_t link = 0) {
    now = std::max(now, kernel().next_link_instant(link));
    return kernel().step_link(link);
  }
  /// One frame departs. Needs one that waits.
  void depart(std::uint32_t link = 0, std::uint32_t frames = 1) {
    for (; frames > 0; --frames) {
      while (kernel().link(link).arrives_next()) note(step(link));
      note(step(link));
    }
  }
  /// Everything on the link arrives, woken sends included; the sequence numbers in that order.
  Slots drain(std::uint32_t link = 0) {
    while (kernel().next_link_instant(link) != engine::kNever) {
      note(step(link));
      run_work();
    }
    Slots order;
    for (const Packet& packet : std::exchange(delivered_, {})) {
      order.push_back(static_cast<std::uint32_t>(packet.sequence));
    }
    return order;
  }
  /// Everything on the link arrives.
  std::vector<Packet> drain_packets(std::uint32_t link = 0) {
    while (kernel().next_link_instant(link) != engine::kNever) {
      note(step(link));
      run_work();
    }
    return std::exchange(delivered_, {});
  }

  engine::Instant now;
  std::int64_t send_ns = 0;  ///< how long a send takes inside a submit
  Listed choices{{}};

 private:
  void note(const Kernel::LinkEvent& event) {
    if (event.delivered) delivered_.push_back(event.packet);
  }
  engine::Flat<KernelValue> value_;
  std::vector<Packet> delivered_;
  std::uint32_t next_provided_ = kFirstProvided;
};

/// Slots from `first` to `last`, upwards or downwards.
inline Slots run_of(std::uint32_t first, std::uint32_t last) {
  Slots slots{first};
  while (slots.back() != last) slots.push_back(first < last ? slots.back() + 1 : slots.back() - 1);
  return slots;
}
inline Slots joined(const std::vector<Slots>& parts) {
  Slots all;
  for (const Slots& part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}
/// Slots from `first` to `last`, all ended like this.
inline Reaped all_ended(std::uint32_t first, std::uint32_t last, engine::Outcome outcome) {
  Reaped reaped;
  for (std::uint32_t slot = first; slot <= last; ++slot) reaped.emplace_back(slot, outcome);
  return reaped;
}

}  // namespace reprise::sim
