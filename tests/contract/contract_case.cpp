#include "contract_case.hpp"

#include <algorithm>
#include <utility>

namespace reprise::tests {

using engine::Operation;
using engine::Outcome;
using engine::SocketIndex;
using engine::SubmissionFlags;

namespace {

constexpr std::uint32_t kProvideSlot = 900;
constexpr std::uint32_t kLastSlot = 901;  ///< of the datagram behind all others
constexpr std::uint32_t kNowSlot = 902;
constexpr std::uint32_t kLastBytes = 77;

engine::Token token_of(std::uint32_t slot) { return {slot, slot + 1000}; }

SocketIndex index_of(const engine::Expected<SocketIndex>& opened) {
  EXPECT_TRUE(opened.has_value()) << opened.error().message;
  return opened.value_or(engine::kNoSocket);
}

}  // namespace

std::string why_without(Need need, Stand& stand) {
  const engine::Limits limits = stand.backend().limits();
  switch (need) {
    case Need::segmented_send:
      return limits.supports(Operation::segmented_send) ? "" : "segmented_send is not in limits()";
    case Need::zero_copy_send:
      return limits.supports(Operation::zero_copy_send) ? "" : "zero_copy_send is not in limits()";
    case Need::packet_rings: return stand.has_packet_rings() ? "" : "there are no packet rings";
    case Need::descriptors:
      return stand.has_descriptors() ? "" : "there are no descriptors to adopt";
    case Need::second_backend: return stand.has_second_backend() ? "" : "there is one backend only";
  }
  return "";
}

void ContractCase::TearDown() {
  if (stand_ == nullptr) return;
  EXPECT_THAT(unclaimed_, ::testing::IsEmpty()) << "completions that the case did not expect";
  stand_.reset();
}

void ContractCase::start(const StandOptions& options) {
  stand_.reset();
  auto created = GetParam().create(options);
  if (!created) GTEST_SKIP() << created.error().message;
  stand_ = *std::move(created);
  const auto memory = backend().register_memory({.buffers = options.regions,
                                                 .buffer_bytes = options.region_bytes,
                                                 .blocks = options.blocks,
                                                 .block_bytes = options.block_bytes});
  ASSERT_TRUE(memory.has_value()) << memory.error().message;
  memory_ = *memory;
}

SocketIndex ContractCase::open_sender() { return index_of(backend().open(stand_->sender())); }

SocketIndex ContractCase::open_receiver(std::uint16_t port) {
  return index_of(backend().open(stand_->receiver(port)));
}

SocketIndex ContractCase::start_receiving(std::uint32_t slot, std::uint32_t regions) {
  const SocketIndex receiver = open_receiver();
  add_provide(0, regions);
  add_receive(slot, receiver);
  hand_over();
  return receiver;
}

engine::Submission& ContractCase::add(Operation operation, std::uint32_t slot, SocketIndex socket,
                                      std::uint8_t flags) {
  engine::Submission submission;
  submission.operation = operation;
  submission.token = token_of(slot);
  submission.socket = socket;
  submission.flags = flags;
  submission.slice_first = static_cast<std::uint32_t>(slices_.size());
  submissions_.push_back(submission);
  return submissions_.back();
}

engine::Submission& ContractCase::add_send(std::uint32_t slot, SocketIndex socket,
                                           std::uint32_t length_bytes, std::uint8_t flags) {
  add(Operation::send, slot, socket, flags);
  add_payload(slot, length_bytes);
  return submissions_.back();
}

void ContractCase::add_payload(std::uint64_t number, std::uint32_t length_bytes) {
  const std::uint32_t send_regions = memory_.buffers.region_count - kSendRegions;
  const engine::RegionIndex region{kSendRegions + next_send_region_++ % send_regions};
  const engine::Slice slice{region, kPayloadOffset, length_bytes};
  const std::span<const std::byte> visible = memory_.bytes(slice);
  // The view is read-only for the engine; the tests fill payloads in place of a receive.
  stand_->write_payload({const_cast<std::byte*>(visible.data()), visible.size()},
                        {number, length_bytes});
  slices_.push_back(slice);
  ++submissions_.back().slice_count;
}

void ContractCase::add_chain(std::uint32_t first_slot, std::uint32_t count, SocketIndex socket,
                             std::uint32_t length_bytes, std::uint8_t flags) {
  for (std::uint32_t slot = first_slot; slot < first_slot + count; ++slot) {
    add_send(slot, socket, length_bytes, flags | kLinked);
  }
  submissions_.back().flags = flags;
}

void ContractCase::add_receive(std::uint32_t slot, SocketIndex socket, bool is_multishot) {
  add(Operation::receive, slot, socket, is_multishot ? SubmissionFlags::kMultishot : 0);
}

void ContractCase::add_provide(std::uint32_t first_region, std::uint32_t count) {
  add(Operation::provide, kProvideSlot);
  for (std::uint32_t index = first_region; index < first_region + count; ++index) {
    slices_.push_back({engine::RegionIndex{index}, 0, memory_.buffers.region_bytes});
  }
  submissions_.back().slice_count = count;
}

void ContractCase::add_cancel(std::uint32_t slot, std::uint32_t target_slot, std::uint8_t flags) {
  add(Operation::cancel, slot, engine::kNoSocket, flags).target = token_of(target_slot);
}

void ContractCase::add_deadline(std::uint32_t slot, engine::Instant deadline, std::int64_t value) {
  engine::Submission& submission = add(Operation::deadline, slot);
  submission.deadline = deadline;
  submission.value = value;
}

std::uint32_t ContractCase::prepare() {
  const std::uint32_t taken = backend().prepare({submissions_, slices_});
  submissions_.clear();
  slices_.clear();
  return taken;
}

void ContractCase::hand_over() {
  const auto count = static_cast<std::uint32_t>(submissions_.size());
  ASSERT_EQ(prepare(), count);
  const engine::SubmitResult result = backend().submit();
  EXPECT_EQ(result.errno_value, 0);
  EXPECT_EQ(result.submitted, count);
}

std::vector<Seen> ContractCase::reap_once(std::uint32_t completions_max) {
  if (!unclaimed_.empty()) return std::exchange(unclaimed_, {});
  engine::CompletionBatch batch(completions_max, completions_max);
  batch.accept_from_rings(ring_datagrams_max_);
  const std::uint32_t count = backend().reap(batch);
  EXPECT_EQ(count, batch.completions().size());
  std::vector<Seen> seen;
  for (const engine::Completion& completion : batch.completions()) {
    const auto frames = batch.frames(completion);
    Seen& one = seen.emplace_back();
    one.completion = completion;
    one.frames.assign(frames.begin(), frames.end());
    for (const engine::Frame& frame : frames) one.payloads.push_back(payload_of(completion, frame));
    if (!frames.empty()) one.payload = one.payloads.front();
  }
  return seen;
}

std::vector<Seen> ContractCase::wait_for(std::size_t count) {
  const engine::Instant end = backend().now() + kPatience;
  std::vector<Seen> seen = reap_once();
  while (seen.size() < count && backend().now() < end) {
    backend().submit_and_wait(1, end);
    const std::vector<Seen> more = reap_once();
    seen.insert(seen.end(), more.begin(), more.end());
  }
  EXPECT_GE(seen.size(), count) << "completions did not come";
  if (seen.size() > count) {
    unclaimed_.assign(seen.begin() + static_cast<std::ptrdiff_t>(count), seen.end());
  }
  seen.resize(count);
  return seen;
}

void ContractCase::expect_quiet() {
  EXPECT_THAT(unclaimed_, ::testing::IsEmpty());
  stand_->settle();
  backend().submit_and_wait(1, backend().now() + engine::milliseconds(2));
  EXPECT_THAT(reap_once(), ::testing::IsEmpty());
}

std::vector<Outcome> ContractCase::outcomes_of(const std::vector<Seen>& seen,
                                               std::uint32_t first_slot, std::uint32_t count) {
  std::vector<Outcome> outcomes(count);
  std::vector<std::uint32_t> ends(count);
  for (const Seen& one : seen) {
    if (one.slot() < first_slot || one.slot() >= first_slot + count) continue;
    EXPECT_EQ(one.completion.token, token_of(one.slot()));
    EXPECT_FALSE(one.completion.more);
    outcomes[one.slot() - first_slot] = one.completion.outcome;
    ++ends[one.slot() - first_slot];
  }
  EXPECT_THAT(ends, ::testing::Each(1U));
  return outcomes;
}

std::vector<Payload> ContractCase::all_that_left(SocketIndex sender) {
  const engine::Instant end = backend().now() + kPatience;
  Outcome outcome = Outcome::refused;
  while (outcome != Outcome::ok && backend().now() < end) {  // room may still have to return
    EXPECT_EQ(do_now(Operation::wait_writable, sender), Outcome::ok);
    add_send(kLastSlot, sender, kLastBytes, kDoNotWait);
    hand_over();
    outcome = wait_for(1)[0].completion.outcome;
  }
  EXPECT_EQ(outcome, Outcome::ok);
  std::vector<Payload> left;
  const Payload last{kLastSlot, kLastBytes};
  do {
    const std::vector<Payload> more = stand_->collect(1);
    if (more.empty()) break;
    left.insert(left.end(), more.begin(), more.end());
  } while (left.back() != last);
  EXPECT_THAT(left, ::testing::Contains(last).Times(1));
  if (!left.empty()) left.pop_back();
  return left;
}

Outcome ContractCase::do_now(Operation operation, SocketIndex socket) {
  add(operation, kNowSlot, socket);
  hand_over();
  const std::vector<Seen> seen = wait_for(1);
  EXPECT_EQ(seen[0].slot(), kNowSlot);
  return seen[0].completion.outcome;
}

std::vector<std::byte> ContractCase::region_of(const Seen& seen) const {
  const auto bytes = memory_.bytes({seen.completion.region, 0, memory_.buffers.region_bytes});
  return {bytes.begin(), bytes.end()};
}

Payload ContractCase::payload_of(const engine::Completion& completion,
                                 const engine::Frame& frame) const {
  std::uint32_t headers_bytes = 0;
  switch (frame.format) {
    case engine::FrameFormat::ethernet: headers_bytes = 14 + 20 + 8; break;
    case engine::FrameFormat::ip: headers_bytes = 20 + 8; break;
    case engine::FrameFormat::udp_payload: break;
  }
  if (frame.captured_bytes < headers_bytes) return {.is_damaged = true};
  return stand_->read_payload(memory_.bytes({completion.region, frame.offset_bytes + headers_bytes,
                                             frame.captured_bytes - headers_bytes}),
                              frame.original_bytes - headers_bytes);
}

std::vector<Payload> payloads(std::uint64_t first, std::size_t count, std::uint32_t length_bytes) {
  std::vector<Payload> all;
  for (std::uint64_t number = first; number < first + count; ++number) {
    all.push_back({number, length_bytes});
  }
  return all;
}

void PrintTo(const Payload& payload, std::ostream* out) {
  *out << "number " << payload.number << ", " << payload.length_bytes << " bytes"
       << (payload.is_damaged ? ", damaged" : "");
}

void PrintTo(const StandKind& kind, std::ostream* out) { *out << kind.name; }

void PrintTo(const Seen& seen, std::ostream* out) {
  *out << "slot " << seen.slot() << ": " << engine::name(seen.completion.outcome)
       << (seen.completion.more ? ", more" : "");
}

std::string stand_name(const ::testing::TestParamInfo<StandKind>& info) { return info.param.name; }

}  // namespace reprise::tests
