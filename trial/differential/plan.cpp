#include "reprise/trial/differential/plan.hpp"

#include <algorithm>
#include <array>
#include <span>

#include "reprise/sim/packet.hpp"
#include "reprise/trial/differential/real_network.hpp"

namespace reprise::trial {
namespace {

using engine::Operation;
using engine::SubmissionFlags;
using sim::Malformation;

template <class T>
T choose(std::uint8_t draw, std::span<const T> values) {
  return values[draw % values.size()];
}

constexpr std::array<std::uint32_t, 16> kPayloads{
    1400, 16, 100, 197, 198, 400, 645, 646, 1000, 1400, 9000, 1472, 1473, 3000, 65'507, 65'508};
constexpr std::array<std::uint16_t, 6> kSegments{1400, 64, 500, 1472, 1473, 16};
constexpr std::array<std::uint32_t, 5> kSendBuffers{212'992, 4608, 9216, 18'432, 32'768};
constexpr std::array<std::uint32_t, 3> kReceiveBuffers{212'992, 2304, 4608};
constexpr std::array<std::uint32_t, 4> kQueues{1000, 2, 3, 6};
constexpr std::array<std::uint32_t, 3> kRegionBytes{256, 64, 2048};
constexpr std::array<std::uint32_t, 3> kMtus{1500, 576, 1000};
constexpr std::uint32_t kLargePayload = 10'000;
constexpr std::uint32_t kWholePayload = 1472;  ///< in one frame of the usual MTU
constexpr std::uint32_t kLargeSendsMax = 2;
constexpr std::uint32_t kEntriesMax = 8;
constexpr std::uint32_t kLongQueue = 100;
constexpr std::uint32_t kSilentSendsMax = 5;
constexpr std::uint32_t kToldSender = 4;  ///< with IP_RECVERR, over the queued link
constexpr std::uint32_t kFragmentedPayload = 3000;

/// Which acts and which operations, one name for each share of a hundred.
template <class Kind>
struct Share {
  Kind kind;
  std::uint8_t percent;
};
template <class Kind, std::size_t count>
Kind pick(const std::array<Share<Kind>, count>& shares, std::uint8_t draw) {
  unsigned rest = draw % 100;
  for (const Share<Kind>& share : shares) {
    if (rest < share.percent) return share.kind;
    rest -= share.percent;
  }
  return shares.front().kind;
}

constexpr std::array<Share<ActKind>, 10> kActs{{{ActKind::submit, 50},
                                                {ActKind::reap, 12},
                                                {ActKind::wait, 9},
                                                {ActKind::provide, 8},
                                                {ActKind::set_blocked, 8},
                                                {ActKind::quiesce, 4},
                                                {ActKind::set_mtu, 3},
                                                {ActKind::set_up, 2},
                                                {ActKind::set_carrier, 2},
                                                {ActKind::set_address, 2}}};

enum class EntryKind : std::uint8_t {
  send,
  receive_all,
  receive_one,
  segmented_send,
  zero_copy_send,
  wait_writable,
  wait_readable,
  cancel,
  deadline,
};
constexpr std::array<Share<EntryKind>, 9> kEntries{{{EntryKind::send, 58},
                                                    {EntryKind::receive_all, 12},
                                                    {EntryKind::receive_one, 6},
                                                    {EntryKind::segmented_send, 4},
                                                    {EntryKind::zero_copy_send, 4},
                                                    {EntryKind::wait_writable, 4},
                                                    {EntryKind::wait_readable, 3},
                                                    {EntryKind::cancel, 6},
                                                    {EntryKind::deadline, 3}}};

class Planner {
 public:
  explicit Planner(const Draft& draft) {
    TraceSetup& setup = trace_.setup;
    setup = network_setup();
    setup.task_run = static_cast<sim::TaskRun>(draft.task_run % 3);
    setup.submissions_max = 16;
    setup.completions_max = draft.completions % 4 == 3 ? 16 : 128;
    setup.regions = 48;
    setup.region_bytes = choose<std::uint32_t>(draft.regions, kRegionBytes);
    setup.links[kShapedLink].queue = choose<std::uint32_t>(draft.queue, kQueues);
    for (std::size_t index = 0; index < setup.senders.size() && index < draft.send_buffers.size();
         ++index) {
      setup.senders[index].buffer_bytes =
          choose<std::uint32_t>(draft.send_buffers[index], kSendBuffers);
    }
    for (std::size_t index = 0;
         index < setup.receivers.size() && index < draft.receive_buffers.size(); ++index) {
      if (!setup.receivers[index].is_packet_socket) continue;
      setup.receivers[index].buffer_bytes =
          choose<std::uint32_t>(draft.receive_buffers[index], kReceiveBuffers);
    }
    if (draft.regions / kRegionBytes.size() % 2 == 1) arm_receives();
    for (const StepDraft& step : draft.steps) {
      if (operations_ >= kOperationsMax) break;
      add(step);
    }
    rest();
  }
  Trace take() { return std::move(trace_); }

 private:
  void arm_receives();
  void add(const StepDraft& step);
  void add_entries(Act& act, const StepDraft& step);
  TraceEntry entry_of(const EntryDraft& draft);
  void fill_send(TraceEntry& entry, const EntryDraft& draft);
  static void gather(TraceEntry& entry, const EntryDraft& draft);
  /// Not often, not as dozens of frames into a queue, and not where the kernel puts the error that
  /// it returns into the socket's error queue as well (IP_RECVERR): nobody takes it out there.
  bool may_be_large(std::uint32_t socket) {
    const SenderSetup& sender = trace_.setup.sender_of(socket);
    const bool enters_queue =
        trace_.setup.links[sender.link].is_shaped && !sender.forbids_fragments;
    return !enters_queue && !sender.tells_drops && large_sends_++ < kLargeSendsMax;
  }
  void operate(ActKind kind, std::uint8_t value);
  void rest();
  void make_room(std::uint32_t operations) {
    if (since_rest_ + operations > kOperationsBetweenRests) rest();
    since_rest_ += operations;
    operations_ += operations;
  }
  Act& push(ActKind kind) {
    Act& act = trace_.acts.emplace_back();
    act.kind = kind;
    return act;
  }

  /// What a short queue drops of a sender that is not told can seldom be seen: every datagram
  /// doubles what the model may be in. So only a few.
  void limit_silent_drops(TraceEntry& entry) {
    const SenderSetup& sender = trace_.setup.sender_of(entry.socket);
    if (!trace_.setup.links[sender.link].is_shaped || sender.tells_drops) return;
    if (++silent_sends_ <= kSilentSendsMax && entry.payload_bytes <= kWholePayload) return;
    entry.socket = trace_.setup.sender_socket(kToldSender);
    entry.payload_bytes = std::min(entry.payload_bytes, kFragmentedPayload);
  }

  Trace trace_;
  std::uint32_t operations_ = 0;
  std::uint32_t since_rest_ = 0;
  std::uint32_t token_ = 0;
  std::uint64_t sequence_ = 1;
  std::uint32_t provided_ = 0;
  std::uint32_t large_sends_ = 0;
  std::uint32_t silent_sends_ = 0;
  bool blocked_ = false;
  std::array<std::array<bool, 3>, kNetworkLinks> off_{};  ///< up, carrier, address
};

/// What the queued link carries is seen from the beginning, so that its departures are.
void Planner::arm_receives() {
  constexpr std::uint32_t kRegions = 6;
  make_room(kRegions + 2);
  Act& provide = push(ActKind::provide);
  while (provided_ < kRegions) provide.regions.push_back(provided_++);
  Act& submit = push(ActKind::submit);
  for (std::uint32_t socket = 0; socket < trace_.setup.receivers.size(); ++socket) {
    if (trace_.setup.receivers[socket].link != kShapedLink) continue;
    TraceEntry entry;
    entry.operation = Operation::receive;
    entry.token = ++token_;
    entry.socket = socket;
    entry.flags = SubmissionFlags::kMultishot;
    submit.entries.push_back(entry);
  }
}

void Planner::add(const StepDraft& step) {
  const ActKind kind = pick(kActs, step.kind);
  switch (kind) {
    case ActKind::submit: {
      const auto count =
          static_cast<std::uint32_t>(std::min<std::size_t>(step.entries.size(), kEntriesMax));
      make_room(count);
      Act act{.kind = ActKind::submit, .collects = step.value % 2 == 0};
      add_entries(act, step);
      trace_.acts.push_back(std::move(act));
      return;
    }
    case ActKind::provide: {
      const std::uint32_t count =
          std::min<std::uint32_t>(1 + step.value % 6, trace_.setup.regions - provided_);
      if (count == 0) return;
      make_room(count);
      Act& act = push(kind);
      for (std::uint32_t index = 0; index < count; ++index) act.regions.push_back(provided_++);
      return;
    }
    case ActKind::wait: push(kind).count = 1 + step.value % 2; return;
    case ActKind::reap: push(kind); return;
    case ActKind::quiesce: rest(); return;
    case ActKind::set_up:
    case ActKind::set_carrier:
    case ActKind::set_address:
    case ActKind::set_mtu:
    case ActKind::set_blocked: operate(kind, step.value); return;
  }
}

void Planner::operate(ActKind kind, std::uint8_t value) {
  std::uint32_t link = value % kNetworkLinks;
  std::uint32_t to = 0;
  make_room(1);
  if (kind == ActKind::set_blocked) {
    link = kShapedLink;
    blocked_ = !blocked_;
    to = blocked_ ? 1 : 0;
  } else if (kind == ActKind::set_mtu) {
    link = kPlainLink;
    to = choose<std::uint32_t>(value, kMtus);
  } else {
    // A queue that loses its carrier is emptied some time later: only where nothing waits in it.
    if (kind == ActKind::set_carrier && link == kShapedLink) rest();
    bool& off = off_[link][kind == ActKind::set_up ? 0 : kind == ActKind::set_carrier ? 1 : 2];
    off = !off;
    to = off ? 0 : 1;
  }
  Act& act = push(kind);
  act.link = link;
  act.value = to;
}

void Planner::rest() {
  if (blocked_) {
    blocked_ = false;
    push(ActKind::set_blocked).link = kShapedLink;
  }
  push(ActKind::quiesce);
  since_rest_ = 0;
}

void Planner::add_entries(Act& act, const StepDraft& step) {
  // Some calls are a batch of sends of one flow that may wait: they fill its send buffer.
  const bool is_batch = step.value % 6 == 5;
  bool has_malformed = false;
  for (const EntryDraft& original : step.entries) {
    if (act.entries.size() == kEntriesMax) break;
    EntryDraft draft = original;
    if (is_batch) draft = {.kind = 0, .socket = step.entries.front().socket, .size = 0, .flags = 0};
    TraceEntry entry = entry_of(draft);
    // One a call: what it leaves behind must fit into the submission queue with the next call's.
    if (entry.malformation == Malformation::malformed && std::exchange(has_malformed, true)) {
      entry.malformation = Malformation::none;
    }
    act.entries.push_back(entry);
  }
  if (!act.entries.empty()) {
    act.entries.back().flags &= static_cast<std::uint8_t>(~SubmissionFlags::kLinked);
  }
}

TraceEntry Planner::entry_of(const EntryDraft& draft) {
  const TraceSetup& setup = trace_.setup;
  const auto receivers = static_cast<std::uint32_t>(setup.receivers.size());
  const auto senders = static_cast<std::uint32_t>(setup.senders.size());
  TraceEntry entry;
  entry.token = ++token_;
  if (draft.flags % 4 == 3) entry.flags |= SubmissionFlags::kLinked;
  switch (pick(kEntries, draft.kind)) {
    case EntryKind::send: fill_send(entry, draft); break;
    case EntryKind::zero_copy_send:
      fill_send(entry, draft);
      entry.operation = Operation::zero_copy_send;
      entry.socket = setup.sender_socket(draft.socket % 2 == 0 ? 0 : 3);
      entry.payload_bytes = std::min(entry.payload_bytes, kWholePayload);
      break;
    case EntryKind::segmented_send:
      fill_send(entry, draft);
      entry.operation = Operation::segmented_send;
      entry.socket = setup.sender_socket(0);
      entry.segment_bytes = choose<std::uint16_t>(draft.target, kSegments);
      entry.payload_bytes = std::min<std::uint32_t>(
          (1 + draft.fault % 6U) * entry.segment_bytes + draft.size % 2U * sim::kTagBytes, 69'000);
      if (draft.fault % 16 == 7) entry.payload_bytes = 129U * entry.segment_bytes % 69'632U;
      if (draft.fault % 16 == 8) entry.payload_bytes = 47U * entry.segment_bytes;
      if (draft.target / kSegments.size() % 2 == 1) gather(entry, draft);
      entry.malformation = Malformation::none;
      sequence_ += 130;
      break;
    case EntryKind::receive_all: entry.flags |= SubmissionFlags::kMultishot; [[fallthrough]];
    case EntryKind::receive_one:
      entry.operation = Operation::receive;
      entry.socket = draft.socket % receivers;
      break;
    case EntryKind::wait_readable:
      entry.operation = Operation::wait_readable;
      entry.socket = draft.socket % receivers;
      break;
    case EntryKind::wait_writable:
      entry.operation = Operation::wait_writable;
      entry.socket = setup.sender_socket(draft.socket % senders);
      break;
    case EntryKind::cancel:
      entry.operation = Operation::cancel;
      entry.target = 1 + draft.target % token_;
      break;
    case EntryKind::deadline:
      entry.operation = Operation::deadline;
      entry.is_due = draft.size % 2 == 0;
      break;
  }
  if (draft.fault == 3) entry.malformation = Malformation::malformed;
  return entry;
}

/// Two to four datagrams that lie apart; the last one may be shorter.
void Planner::gather(TraceEntry& entry, const EntryDraft& draft) {
  const std::uint32_t short_by =
      draft.size % 2 == 0 ? 0 : std::uint32_t{entry.segment_bytes} - sim::kTagBytes;
  entry.payload_bytes = (2 + draft.fault % 3U) * entry.segment_bytes - short_by;
  entry.sequence_step = 3;
}

void Planner::fill_send(TraceEntry& entry, const EntryDraft& draft) {
  // Twice as often over the queued link, where more can happen.
  constexpr std::array<std::uint32_t, 9> kSenders{3, 0, 4, 1, 5, 2, 3, 5, 3};
  entry.operation = Operation::send;
  entry.socket = trace_.setup.sender_socket(choose<std::uint32_t>(draft.socket, kSenders));
  entry.payload_bytes = choose<std::uint32_t>(draft.size, kPayloads);
  if (entry.payload_bytes > kLargePayload && !may_be_large(entry.socket)) {
    entry.payload_bytes = kPayloads.front();
  }
  if (trace_.setup.links[kShapedLink].queue < kLongQueue) limit_silent_drops(entry);
  entry.sequence = sequence_++;
  if (draft.flags % 2 == 1) entry.flags |= SubmissionFlags::kDoNotWait;
  if (draft.fault == 1) entry.malformation = Malformation::bad_descriptor;
  if (draft.fault == 2) entry.malformation = Malformation::bad_pointer;
}

}  // namespace

Trace plan_of(const Draft& draft) { return Planner(draft).take(); }

}  // namespace reprise::trial
