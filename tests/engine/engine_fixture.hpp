// A kernel that the test plays, and a stage on it.
//
// PlayedKernel takes what a stage hands over and lists it; the test says how each operation ends,
// and in which order. StageOnPlayedKernel adds frames with numbered payloads and one turn's parts.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <deque>
#include <span>
#include <vector>

#include "reprise/engine/io.hpp"
#include "reprise/engine/packet.hpp"
#include "reprise/engine/stage.hpp"

namespace reprise::engine::played {

inline constexpr std::uint16_t kPort = 5000;
inline constexpr std::uint32_t kPayloadBytes = 32;

/// An operation that the kernel has, with the slices of a send.
struct InFlight {
  Submission submission;
  std::vector<Slice> slices;
};

struct BlockFrame {
  std::vector<std::byte> bytes;
  Frame frame;
};

class PlayedKernel final : public Backend {
 public:
  explicit PlayedKernel(const StageConfig& config)
      : submissions_max_(config.submissions_max),
        region_bytes_(config.region_bytes),
        region_count_(config.region_count()),
        block_bytes_(config.block_bytes),
        block_count_(config.blocks),
        bytes_(std::size_t{config.region_bytes} * config.region_count()),
        blocks_(std::size_t{config.block_bytes} * config.blocks) {}

  // What the stage has handed over.
  std::deque<InFlight> sends;
  std::deque<InFlight> receives;
  std::deque<InFlight> waits;
  std::deque<InFlight> cancels;
  std::deque<RegionIndex> provided;
  std::deque<RegionIndex> provided_blocks;
  // What the stage, or its runner, called.
  std::uint32_t submit_calls = 0;
  std::vector<std::uint32_t> waited_for;

  // How operations end.

  void end(const InFlight& operation, Outcome outcome, std::int32_t errno_value = 0) {
    Pending pending;
    pending.completion.token = operation.submission.token;
    pending.completion.outcome = outcome;
    pending.completion.errno_value = errno_value;
    completions_.push_back(pending);
  }
  /// Ends the oldest of a list and returns it.
  InFlight end_oldest(std::deque<InFlight>& operations, Outcome outcome,
                      std::int32_t errno_value = 0) {
    REPRISE_ASSERT(!operations.empty());
    const InFlight operation = operations.front();
    operations.pop_front();
    end(operation, outcome, errno_value);
    return operation;
  }
  /// Ends the oldest send; when it does not end ok, the rest of its chain is cancelled (I3).
  void end_send(Outcome outcome, std::int32_t errno_value = 0) {
    bool linked = is_linked(end_oldest(sends, outcome, errno_value));
    while (outcome != Outcome::ok && linked) {
      linked = is_linked(end_oldest(sends, Outcome::cancelled, 125));
    }
  }
  void end_all_sends(Outcome outcome = Outcome::ok) {
    while (!sends.empty()) end_send(outcome);
  }
  /// Carries out the cancels that came, each on the list that holds its target.
  void carry_out_cancels() {
    while (!cancels.empty()) {
      const InFlight cancel = cancels.front();
      cancels.pop_front();
      const bool found = cancel_in(receives, cancel.submission.target) ||
                         cancel_in(waits, cancel.submission.target);
      end(cancel, found ? Outcome::ok : Outcome::invalid);
    }
  }
  /// A frame reaches a receive. False where there is no region or no receive for it.
  bool deliver(std::span<const std::byte> frame_bytes, Frame frame, std::size_t receive = 0) {
    if (provided.empty() || receive >= receives.size()) return false;
    Pending pending;
    pending.completion.token = receives[receive].submission.token;
    pending.completion.more = true;
    pending.completion.region = provided.front();
    pending.frames.push_back(frame);
    provided.pop_front();
    std::memcpy(bytes_.data() + std::size_t{static_cast<std::uint32_t>(pending.completion.region)} *
                                    region_bytes_,
                frame_bytes.data(), frame_bytes.size());
    completions_.push_back(pending);
    return true;
  }

  /// The ring's oldest block, with these frames in it, one after the other. False where there is no
  /// block or no receive for it. The last frame completes the block, unless it `goes_on`.
  bool deliver_block(std::span<const BlockFrame> frames, bool goes_on = false,
                     std::size_t receive = 0) {
    if (receive >= receives.size()) return false;
    const bool is_new = !is_block_open_;
    if (is_new && provided_blocks.empty()) return false;
    if (is_new) {
      open_block_ = provided_blocks.front();
      provided_blocks.pop_front();
      filled_bytes_ = 0;
    }
    is_block_open_ = goes_on;
    Pending pending;
    pending.completion.token = receives[receive].submission.token;
    pending.completion.more = true;
    pending.completion.region = open_block_;
    pending.completion.region_complete = !goes_on;
    for (const BlockFrame& each : frames) {
      const std::uint32_t length_bytes = static_cast<std::uint32_t>(each.bytes.size());
      std::ranges::copy(each.bytes,
                        memory().writable({open_block_, filled_bytes_, length_bytes}).begin());
      pending.frames.push_back(each.frame);
      pending.frames.back().offset_bytes = filled_bytes_;
      filled_bytes_ += length_bytes;
    }
    completions_.push_back(pending);
    return true;
  }

  [[nodiscard]] PacketMemory memory() const {
    auto* bytes = const_cast<std::byte*>(bytes_.data());
    auto* blocks = const_cast<std::byte*>(blocks_.data());
    return {{bytes, region_bytes_, region_bytes_, region_bytes_, region_count_},
            {blocks, block_bytes_, block_bytes_, block_bytes_, block_count_}};
  }
  /// The number in the payload of a send, or in its first one.
  [[nodiscard]] std::uint32_t number(const InFlight& send) const {
    return number(send.slices.front());
  }
  [[nodiscard]] std::uint32_t number(Slice slice) const {
    std::uint32_t value = 0;
    std::memcpy(&value, memory().bytes(slice).data(), sizeof value);
    return value;
  }
  static bool is_linked(const InFlight& operation) {
    return (operation.submission.flags & SubmissionFlags::kLinked) != 0;
  }
  [[nodiscard]] bool has_completions() const { return !completions_.empty(); }

  // Backend.

  std::uint32_t prepare(SubmissionView view) override {
    std::uint32_t taken = 0;
    while (taken < view.submissions.size()) {
      std::uint32_t length = 1;
      while ((view.submissions[taken + length - 1].flags & SubmissionFlags::kLinked) != 0) ++length;
      if (view.submissions[taken].operation == Operation::provide) {
        provide(view, view.submissions[taken++]);
        continue;
      }
      if (prepared_.size() + length > submissions_max_) break;
      for (const std::uint32_t end = taken + length; taken < end; ++taken) {
        const Submission& submission = view.submissions[taken];
        const auto slices = view.slices.subspan(submission.slice_first, submission.slice_count);
        prepared_.push_back({submission, {slices.begin(), slices.end()}});
      }
    }
    return taken;
  }
  SubmitResult submit() override {
    ++submit_calls;
    SubmitResult result;
    result.submitted = static_cast<std::uint32_t>(prepared_.size());
    for (const InFlight& operation : prepared_) list_of(operation).push_back(operation);
    prepared_.clear();
    return result;
  }
  SubmitResult submit_and_wait(std::uint32_t count, Instant) override {
    waited_for.push_back(count);
    return submit();
  }
  std::uint32_t reap(CompletionBatch& batch) override {
    batch.clear();
    std::uint32_t count = 0;
    for (; !completions_.empty(); ++count) {
      const Pending& pending = completions_.front();
      if (!batch.has_room(static_cast<std::uint32_t>(pending.frames.size()))) break;
      Completion& completion = batch.push();
      const std::uint32_t frame_first = completion.frame_first;
      completion = pending.completion;
      completion.frame_first = frame_first;
      completion.frame_count = 0;
      for (const Frame& frame : pending.frames) batch.push_frame() = frame;
      completions_.pop_front();
    }
    return count;
  }
  [[nodiscard]] Instant now() const override { return {}; }
  void wake() override {}
  Expected<PacketMemory> register_memory(const engine::MemorySpec&) override { return memory(); }
  Expected<void> use_memory(const PacketMemory&) override { return {}; }
  Expected<SocketIndex> open(const PacketSocketSpec&) override { return SocketIndex{0}; }
  Expected<SocketIndex> open(const SendSocketSpec&) override { return SocketIndex{1}; }
  Expected<SocketIndex> adopt(int) override { return SocketIndex{0}; }
  void close(SocketIndex) override {}
  [[nodiscard]] SocketStatistics statistics(SocketIndex) override { return {}; }
  [[nodiscard]] Limits limits() const override { return {}; }

 private:
  struct Pending {
    Completion completion;
    std::vector<Frame> frames;
  };
  void provide(SubmissionView view, const Submission& submission) {
    for (const Slice& slice : view.slices.subspan(submission.slice_first, submission.slice_count)) {
      (memory().is_block(slice.region) ? provided_blocks : provided).push_back(slice.region);
    }
  }
  std::deque<InFlight>& list_of(const InFlight& operation) {
    if (operation.submission.operation == Operation::send ||
        operation.submission.operation == Operation::segmented_send)
      return sends;
    if (operation.submission.operation == Operation::receive ||
        operation.submission.operation == Operation::packet_ring_receive)
      return receives;
    if (operation.submission.operation == Operation::wait_writable) return waits;
    REPRISE_ASSERT(operation.submission.operation == Operation::cancel);
    return cancels;
  }
  bool cancel_in(std::deque<InFlight>& operations, Token target) {
    const auto found = std::ranges::find(
        operations, target, [](const InFlight& operation) { return operation.submission.token; });
    if (found == operations.end()) return false;
    end(*found, Outcome::cancelled, 125);
    operations.erase(found);
    return true;
  }

  std::uint32_t submissions_max_;
  std::uint32_t region_bytes_;
  std::uint32_t region_count_;
  std::uint32_t block_bytes_;
  std::uint32_t block_count_;
  std::vector<std::byte> bytes_;
  std::vector<std::byte> blocks_;
  RegionIndex open_block_ = kNoRegion;
  std::uint32_t filled_bytes_ = 0;
  bool is_block_open_ = false;
  std::deque<InFlight> prepared_;
  std::deque<Pending> completions_;
};

inline Address group(std::uint32_t number) {
  return Address::ipv4(239, 1, static_cast<std::uint8_t>(number >> 8),
                       static_cast<std::uint8_t>(number));
}
inline const Address kSender = Address::ipv4(10, 0, 0, 1);

/// A whole frame for a group, its payload starting with `number`.
inline std::vector<std::byte> numbered_frame(std::uint32_t group_number, std::uint32_t number,
                                             std::uint32_t payload_bytes = kPayloadBytes,
                                             std::uint16_t source_port = 40'000) {
  FrameHeader header;
  header.source = kSender;
  header.destination = group(group_number);
  header.source_port = source_port;
  header.destination_port = kPort;
  std::vector<std::byte> payload(payload_bytes);
  std::memcpy(payload.data(), &number, sizeof number);
  std::vector<std::byte> bytes(headers_length_bytes(header) + payload.size());
  build_frame(header, payload, bytes);
  return bytes;
}

inline Frame whole_frame(std::span<const std::byte> bytes) {
  Frame frame;
  frame.captured_bytes = frame.original_bytes = static_cast<std::uint32_t>(bytes.size());
  frame.type = PacketType::multicast;
  return frame;
}

/// A small stage: few of everything, so that a test meets the limits.
inline StageConfig small_config() {
  StageConfig config;
  config.pool = 32;
  config.landing = 4;
  config.region_bytes = 256;
  config.batch = 4;
  config.submissions_max = 16;
  config.sends_max = 16;
  config.output_queue = 4;
  config.inputs_max = 2;
  config.rules_max = 8;
  config.outputs_max = 8;
  return config;
}

struct StageOnPlayedKernel {
  /// With blocks its input has a packet ring.
  explicit StageOnPlayedKernel(const StageConfig& config = small_config())
      : kernel(config), stage(config), batch(256, 256) {
    input = stage->add_input({.socket = SocketIndex{0}, .has_ring = config.blocks > 0}).value();
  }

  /// Routes a group to sockets; the route.
  RouteIndex route(std::uint32_t group_number, const std::vector<std::uint32_t>& socket_numbers) {
    std::vector<SocketIndex> sockets;
    sockets.reserve(socket_numbers.size());
    for (const std::uint32_t number : socket_numbers) sockets.push_back(SocketIndex{number});
    return stage->add_route({{}, group(group_number), input, kPort}, sockets).value();
  }
  /// The `place`-th output of a route.
  [[nodiscard]] OutputIndex output(RouteIndex of, std::uint32_t place = 0) const {
    OutputIndex index = stage->routes().first_output(of);
    for (; place > 0; --place) index = stage->egress().next(index);
    return index;
  }
  [[nodiscard]] const OutputCounters& counters(RouteIndex of, std::uint32_t place = 0) const {
    return stage->egress().counters(output(of, place));
  }
  [[nodiscard]] std::uint64_t dropped(RouteIndex of, EgressDrop reason,
                                      std::uint32_t place = 0) const {
    return counters(of, place).dropped[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] std::uint64_t dropped(IngressDrop reason) const {
    return stage->ingress_counters().dropped[static_cast<std::size_t>(reason)];
  }

  /// Prepares, and hands everything over.
  void hand_over() {
    do {
      stage->prepare(kernel.memory());
      stage->taken(kernel.prepare(stage->outgoing()));
      kernel.submit();
    } while (!stage->outgoing().submissions.empty());
  }
  /// Prepares once, and hands over what fits.
  void hand_over_once() {
    ++turns;
    REPRISE_ASSERT(turns < 100'000);  // else a test waits for a stage that never comes to rest
    stage->prepare(kernel.memory());
    stage->taken(kernel.prepare(stage->outgoing()));
    kernel.submit();
  }
  /// Hands over, batch by batch, until there is nothing to prepare.
  void hand_over_all() {
    while (stage->has_work()) hand_over_once();
  }
  void reap() {
    while (kernel.has_completions()) {
      kernel.reap(batch);
      stage->complete(batch, kernel.memory());
    }
  }
  /// Takes in the datagrams first … first + count - 1 of a group.
  void offer(std::uint32_t group_number, std::uint32_t first, std::uint32_t count = 1) {
    for (std::uint32_t number = first; number < first + count; ++number) {
      const std::vector<std::byte> bytes = numbered_frame(group_number, number);
      REPRISE_ASSERT(kernel.deliver(bytes, whole_frame(bytes)));
    }
    reap();
  }
  /// The numbers of the sends in flight on one socket, in order.
  [[nodiscard]] std::vector<std::uint32_t> numbers_on(std::uint32_t socket) const {
    std::vector<std::uint32_t> numbers;
    for (const InFlight& send : kernel.sends) {
      if (send.submission.socket != SocketIndex{socket}) continue;
      for (const Slice& slice : send.slices) numbers.push_back(kernel.number(slice));
    }
    return numbers;
  }
  /// Turns, with every send, wait and cancel ending well, until nothing is left to do.
  void drain() {
    do {
      hand_over_once();
      kernel.end_all_sends();
      while (!kernel.waits.empty()) kernel.end_oldest(kernel.waits, Outcome::ok);
      kernel.carry_out_cancels();
      reap();
    } while (stage->has_work() || stage->sends_open() > 0);
  }

  PlayedKernel kernel;
  Flat<Stage> stage;
  CompletionBatch batch;
  InputIndex input{};
  std::uint32_t turns = 0;
};

}  // namespace reprise::engine::played
