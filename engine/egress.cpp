#include "reprise/engine/egress.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace reprise::engine {
namespace {

/// Each output has places for what its queue and its chain hold; unlinked sends come on top.
std::uint32_t node_count(const StageConfig& config) {
  const bool is_linked = config.hazards.send_order == SendOrder::linked;
  return config.outputs_max * config.output_queue + (is_linked ? 0 : config.sends_max);
}

/// What a send that did not end `ok` means for its datagram.
enum class Verdict {
  sent,
  try_again_when_writable,
  try_again,
  try_again_in_parts,
  drop,
  drop_first,  ///< and try the others again
};

struct Judgement {
  Verdict verdict;
  EgressDrop reason = EgressDrop::failed;
};

/// What the kernel has against a segmented send it may not have against its segments: one of them
/// is larger than the path takes, or the path cannot segment at all (EIO).
Judgement judge(Outcome outcome, bool is_segmented) {
  const bool may_be_segmentation =
      outcome == Outcome::too_large || outcome == Outcome::invalid || outcome == Outcome::failed;
  if (is_segmented && may_be_segmentation) return {Verdict::try_again_in_parts};
  // An ICMP error that an earlier datagram brought on fails one send (udp(7)). Segmented or not, it
  // costs one datagram.
  if (is_segmented && outcome == Outcome::connection_refused)
    return {Verdict::drop_first, EgressDrop::connection_refused};
  switch (outcome) {
    case Outcome::ok: return {Verdict::sent};
    case Outcome::refused: return {Verdict::try_again_when_writable};
    case Outcome::cancelled: return {Verdict::try_again};
    case Outcome::no_buffer: return {Verdict::drop, EgressDrop::no_buffer};
    case Outcome::too_large: return {Verdict::drop, EgressDrop::too_large};
    case Outcome::unreachable: return {Verdict::drop, EgressDrop::unreachable};
    case Outcome::connection_refused: return {Verdict::drop, EgressDrop::connection_refused};
    case Outcome::not_permitted: return {Verdict::drop, EgressDrop::not_permitted};
    case Outcome::invalid: return {Verdict::drop, EgressDrop::invalid};
    case Outcome::expired:
    case Outcome::failed: return {Verdict::drop, EgressDrop::failed};
  }
  return {Verdict::drop};
}

}  // namespace

std::uint32_t Egress::slot_count(const StageConfig& config) {
  return 2 * config.outputs_max + config.sends_max;
}

void Egress::place(FlatLayout& layout, const StageConfig& config) {
  backlog_.place(layout, config.hazards, config.backlog_max() + config.outputs_max);
  layout.place(operations_, config.sends_max);
  layout.place(free_operations_, config.sends_max);
  layout.place(outputs_, config.outputs_max);
  layout.place(nodes_, node_count(config));
  layout.place(ready_, config.outputs_max);
  layout.place(touched_, config.outputs_max);
  layout.place(to_wait_, config.outputs_max);
  layout.place(to_cancel_, config.outputs_max);
  layout.place(closable_, config.outputs_max);
  layout.place(counters_, config.outputs_max);
  if (config.segments_max > 1) layout.place(newest_sends_, std::bit_ceil(2 * config.sends_max));
}

void Egress::start(const StageConfig& config, std::uint32_t first_slot) {
  first_slot_ = first_slot;
  backlog_.start(config.hazards, config.backlog_max() + config.outputs_max);
  batch_ = config.batch;
  datagrams_max_ = config.backlog_max();
  segments_max_ = config.segments_max;
  segmented_bytes_max_ = config.segmented_bytes_max;
  linked_ = config.hazards.send_order == SendOrder::linked ? 1 : 0;
  queue_capacity_ = config.output_queue;
  queued_max_ = std::max(config.pool / 2, 1U);
  for (std::uint32_t operation = operations_.size(); operation-- > 0;)
    free_operations_.push(operation);
  for (std::uint32_t index = outputs_.size(); index-- > 0;) {
    outputs_[index].next = first_free_;
    first_free_ = OutputIndex{index};
  }
  for (std::uint32_t node = nodes_.size(); node-- > 0;) give_back_node(node);
  for (std::uint32_t& send : newest_sends_.all()) send = kNone;
}

// Commands.

OutputIndex Egress::add_outputs(std::span<const SocketIndex> sockets) {
  std::size_t available = 0;
  for (OutputIndex index = first_free_; index != kNoOutput && available < sockets.size();
       index = at(index).next) {
    ++available;
  }
  if (available < sockets.size() || sockets.empty()) return kNoOutput;
  const OutputIndex first = first_free_;
  OutputIndex last = first;
  for (const SocketIndex socket : sockets) {
    last = first_free_;
    Output& output = at(last);
    first_free_ = output.next;
    output.socket = socket;
    output.state = OutputState::active;
    output.segment_bytes_max = 0xffff;
    retired_ += counters_of(last);
    counters_of(last) = OutputCounters{};
  }
  at(last).next = kNoOutput;
  return first;
}

void Egress::push(const WorkItem& item) {
  backlog_.push(item);
  if (item.is_datagram()) {
    ++pushed_;
  } else {
    ++removals_;
    settle_removals();
  }
}

void Egress::push_datagrams(std::span<const WorkItem> items) {
  backlog_.push(items);
  pushed_ += items.size();
}

/// Removals at the front of the backlog have nothing before them.
void Egress::settle_removals() {
  while (removals_ > 0 && !backlog_.front().is_datagram()) {
    --removals_;
    remove_outputs(backlog_.pop().first_output);
  }
}

void Egress::remove_outputs(OutputIndex first) {
  for (OutputIndex index = first; index != kNoOutput;) {
    const OutputIndex next = at(index).next;
    at(index).state = OutputState::removed;
    retire_if_empty(index);
    index = next;
  }
}

void Egress::retire_if_empty(OutputIndex index) {
  Output& output = at(index);
  if (output.state != OutputState::removed || output.in_flight > 0 || output.queue.size > 0) return;
  if (output.is_blocked() || output.ready != 0) return;
  closable_.push(output.socket);
  output.state = OutputState::free;
  output.next = first_free_;
  first_free_ = index;
}

void Egress::abandon(Ledger& ledger) {
  abandoned_ = 1;
  while (!ready_.empty()) at(ready_.pop()).ready = 0;
  while (!backlog_.empty()) {
    if (cursor_ == kNoOutput) cursor_ = backlog_.front().first_output;
    for (; cursor_ != kNoOutput; cursor_ = at(cursor_).next) {
      ++counters_of(cursor_).assigned;
      count_drop(cursor_, EgressDrop::stopped);
    }
    finish_front(ledger);
  }
  for (std::uint32_t index = 0; index < outputs_.size(); ++index) {
    const OutputIndex output_index{index};
    Output& output = at(output_index);
    if (output.state == OutputState::free) continue;
    count_drop(output_index, EgressDrop::stopped, output.queue.size);
    queued_total_ -= output.queue.size;
    release(std::exchange(output.queue, NodeList{}), ledger);
    if (output.wait == Wait::armed) {
      output.wait = Wait::cancelling;
      to_cancel_.push(output_index);
    }
    if (output.wait == Wait::due) output.wait = Wait::none;
    retire_if_empty(output_index);
  }
  to_wait_.clear();
}

// Preparing.

void Egress::prepare(SubmissionList& list, Ledger& ledger, const PacketMemory& memory) {
  std::uint32_t room = std::min(batch_, free_operations_.size());
  const std::uint32_t for_queued = backlog_.empty() ? room : (room + 1) / 2;  // E4
  room -= take_queued(for_queued);
  take_backlog(room, ledger, memory);
  add_chains(list);
  add_waits(list);
}

/// `room`: for sends. Returns how many there are now.
std::uint32_t Egress::take_queued(std::uint32_t room) {
  std::uint32_t taken = 0;
  for (std::uint32_t turns = ready_.size(); turns > 0 && taken < room; --turns) {
    const OutputIndex index = ready_.pop();
    Output& output = at(index);
    output.ready = 0;
    if (output.is_blocked() || holds_back(output)) continue;  // comes back when it is not
    while (output.queue.size > 0) {
      const std::uint32_t send = find_send(index, nodes_[output.queue.first].payload);
      if (send == kNone && taken == room) break;
      const std::uint32_t node = pop_queued(index);
      if (send == kNone) {
        open_send(index, node);
        ++taken;
      } else {
        join_send(send, node);
      }
    }
    retire_if_empty(index);
  }
  return taken;
}

/// `room`: for sends. A batch ends in front of the first that finds none: what comes behind it
/// could overtake it.
void Egress::take_backlog(std::uint32_t room, Ledger& ledger, const PacketMemory& memory) {
  while (!backlog_.empty()) {
    const WorkItem item = backlog_.front();
    if (cursor_ == kNoOutput) cursor_ = item.first_output;
    for (; cursor_ != kNoOutput; cursor_ = at(cursor_).next) {
      const Output& output = at(cursor_);
      if (holds_back(output)) return;
      if (output.is_blocked() || output.queue.size > 0) {
        if (room == 0) return;
        enqueue(cursor_, item.payload, ledger, memory);
        continue;
      }
      const std::uint32_t send = find_send(cursor_, item.payload);
      if ((send == kNone && room == 0) || is_full(output)) return;
      ++counters_of(cursor_).assigned;
      ledger.retain(item.payload.region);
      const std::uint32_t node = take_node(item.payload);
      if (send == kNone) {
        open_send(cursor_, node);
        --room;
      } else {
        join_send(send, node);
      }
    }
    finish_front(ledger);
    const Output& only = at(item.first_output);
    const bool is_straight = only.next == kNoOutput && !only.is_blocked() && only.queue.size == 0;
    if (is_straight && only.staged_sends > 0) extend_send(only.staged_last);
  }
}

/// Takes what follows in the backlog for this output alone, as long as it joins the send: what
/// find_send() and join_send() would do, for a run of one flow at once. The backlog's reference
/// becomes the send's.
void Egress::extend_send(std::uint32_t send) {
  SendOperation& operation = operations_[send];
  Output& output = at(operation.output);
  std::uint32_t taken = 0;
  while (operation.takes_more != 0 && !backlog_.empty() && !is_full(output)) {
    const WorkItem item = backlog_.front();
    const std::uint32_t length_bytes = item.payload.length_bytes;
    if (!item.is_datagram() || item.first_output != operation.output ||
        item.payload.flow != operation.flow || length_bytes == 0 ||
        length_bytes > operation.segment_bytes ||
        operation.payload_bytes + length_bytes > segmented_bytes_max_) {
      break;
    }
    backlog_.pop();
    join_send(send, take_node(item.payload));
    ++taken;
  }
  counters_of(operation.output).assigned += taken;
  expanded_ += taken;
  settle_removals();
}

void Egress::finish_front(Ledger& ledger) {
  const WorkItem item = backlog_.pop();
  ++expanded_;
  ledger.release(item.payload.region);
  settle_removals();
}

void Egress::enqueue(OutputIndex index, const Payload& payload, Ledger& ledger,
                     const PacketMemory& memory) {
  ++counters_of(index).assigned;
  Output& output = at(index);
  ledger.retain(payload.region);
  Payload kept = payload;
  if (is_full(output) || queued_total_ >= queued_max_ ||  // E2
      !bring_into_buffer(kept, ledger, memory)) {
    count_drop(index, EgressDrop::queue_full);
    ledger.release(payload.region);
    return;
  }
  append(output.queue, take_node(kept));  // E3
  ++queued_total_;
}

/// E6. A reference on a block becomes one on a buffer; false where there is none for it.
bool Egress::bring_into_buffer(Payload& payload, Ledger& ledger, const PacketMemory& memory) const {
  if (!ledger.is_block(payload.region)) return true;
  if (ledger.free_count() == 0 || payload.length_bytes > memory.buffers.region_bytes) return false;
  const Slice copy{ledger.allocate(), 0, payload.length_bytes};
  const std::span<const std::byte> bytes = memory.bytes(payload.slice());
  const std::span<std::byte> room = memory.writable(copy);
  if (!bytes.empty()) std::memcpy(room.data(), bytes.data(), std::min(bytes.size(), room.size()));
  ledger.release(payload.region);
  payload.region = copy.region;
  payload.offset_bytes = 0;
  return true;
}

namespace {

std::uint32_t place_of(OutputIndex output, FlowTag flow, std::uint32_t places) {
  const std::uint32_t key = static_cast<std::uint32_t>(output) << 16U ^ flow;
  return (key * 0x9e37'79b9U >> 8U) & (places - 1);  // multiplicative hashing; any spread will do
}

}  // namespace

/// A staged send that the datagram may join: the newest of its flow on this output, if it takes
/// more.
std::uint32_t Egress::find_send(OutputIndex index, const Payload& payload) const {
  const Output& output = at(index);
  if (segments_max_ == 1 || output.staged_sends == 0) return kNone;
  const auto is_of_flow = [&](std::uint32_t send) {
    return operations_[send].output == index && operations_[send].flow == payload.flow;
  };
  std::uint32_t send = output.staged_last;
  if (!is_of_flow(send)) {
    std::uint32_t place = place_of(index, payload.flow, newest_sends_.size());
    while ((send = newest_sends_[place]) != kNone && !is_of_flow(send))
      place = (place + 1) & (newest_sends_.size() - 1);
    if (send == kNone) return kNone;
  }
  const SendOperation& operation = operations_[send];
  const bool fits = operation.takes_more != 0 && payload.length_bytes > 0 &&
                    payload.length_bytes <= operation.segment_bytes &&
                    operation.payload_bytes + payload.length_bytes <= segmented_bytes_max_ &&
                    !is_full(output);
  return fits ? send : kNone;
}

void Egress::open_send(OutputIndex index, std::uint32_t node) {
  Output& output = at(index);
  const Payload& payload = nodes_[node].payload;
  const std::uint32_t send = free_operations_.pop();
  SendOperation& operation = operations_[send];
  operation.output = index;
  operation.datagrams = NodeList{};
  append(operation.datagrams, node);
  operation.payload_bytes = payload.length_bytes;
  operation.segment_bytes = payload.length_bytes;
  operation.flow = payload.flow;
  operation.takes_more = segments_max_ > 1 && payload.length_bytes > 0 &&
                                 payload.length_bytes <= output.segment_bytes_max
                             ? 1
                             : 0;
  if (output.staged_sends == 0) {
    touched_.push(index);
    output.staged_first = send;
  } else {
    operations_[output.staged_last].next = send;
  }
  output.staged_last = send;
  ++output.staged_sends;
  ++output.staged_datagrams;
  ++output.sends;
  ++output.in_flight;
  if (segments_max_ == 1) return;
  std::uint32_t place = place_of(index, payload.flow, newest_sends_.size());
  for (;; place = (place + 1) & (newest_sends_.size() - 1)) {
    const std::uint32_t other = newest_sends_[place];
    if (other == kNone) break;
    if (operations_[other].output == index && operations_[other].flow == payload.flow) {
      if (operations_[other].datagrams.size > 1) output.needs_links = 1;
      break;
    }
  }
  newest_sends_[place] = send;
}

/// A shorter one ends the send: only the last segment may be shorter (udp(7)).
void Egress::join_send(std::uint32_t send, std::uint32_t node) {
  SendOperation& operation = operations_[send];
  const std::uint32_t length_bytes = nodes_[node].payload.length_bytes;
  append(operation.datagrams, node);
  operation.payload_bytes += length_bytes;
  if (length_bytes < operation.segment_bytes || operation.datagrams.size == segments_max_)
    operation.takes_more = 0;
  Output& output = at(operation.output);
  ++output.staged_datagrams;
  ++output.in_flight;
}

void Egress::add_chains(SubmissionList& list) {
  for (const OutputIndex index : touched_.all()) {
    Output& output = at(index);
    output.returned_last = kNone;
    std::uint32_t slot = output.staged_first;
    for (; output.staged_sends > 0; --output.staged_sends) {
      add_send(list, slot, output, output.staged_sends == 1);
      slot = operations_[slot].next;
    }
    output.staged_datagrams = output.needs_links = 0;
  }
  touched_.clear();
}

void Egress::add_send(SubmissionList& list, std::uint32_t slot, const Output& output,
                      bool is_last) {
  const SendOperation& operation = operations_[slot];
  const bool is_segmented = operation.datagrams.size > 1;
  Submission& submission = list.add(is_segmented ? Operation::segmented_send : Operation::send,
                                    {send_slot(slot), operation.generation}, output.socket);
  submission.flags = SubmissionFlags::kDoNotWait;
  if (linked_ != 0 && !is_last) {  // E1
    submission.flags |= SubmissionFlags::kLinked;
    if (output.needs_links == 0) submission.flags |= SubmissionFlags::kOrderOnly;
  }
  if (is_segmented) submission.segment_bytes = operation.segment_bytes;
  list.add_slices(operation.datagrams.size, [this, node = operation.datagrams.first]() mutable {
    const Node& datagram = nodes_[node];
    node = datagram.next;
    return datagram.payload.slice();
  });
  if (segments_max_ == 1) return;
  std::uint32_t place = place_of(operation.output, operation.flow, newest_sends_.size());
  for (; newest_sends_[place] != kNone; place = (place + 1) & (newest_sends_.size() - 1))
    newest_sends_[place] = kNone;
}

void Egress::add_waits(SubmissionList& list) {
  for (const OutputIndex index : to_wait_.all()) {
    Output& output = at(index);
    output.wait = Wait::armed;
    ++waits_armed_;
    list.add(Operation::wait_writable, {wait_slot(index), ++output.wait_generation}, output.socket);
  }
  to_wait_.clear();
  for (const OutputIndex index : to_cancel_.all()) {
    ++cancels_open_;
    list.add(Operation::cancel, {cancel_slot(index), 0}).target = {wait_slot(index),
                                                                   at(index).wait_generation};
  }
  to_cancel_.clear();
}

// Completing.

void Egress::complete(const Completion& completion, Ledger& ledger, const PacketMemory& memory) {
  REPRISE_ASSERT(!completion.more);  // sends, waits and cancels end at their first completion (I1)
  const std::uint32_t slot = completion.token.slot;
  if (slot >= send_slot(0)) {
    complete_send(slot - send_slot(0), completion, ledger, memory);
  } else if (slot >= cancel_slot(OutputIndex{0})) {
    --cancels_open_;
  } else {
    complete_wait(OutputIndex{slot - first_slot_}, completion);
  }
}

void Egress::complete_send(std::uint32_t slot, const Completion& completion, Ledger& ledger,
                           const PacketMemory& memory) {
  SendOperation& operation = operations_[slot];
  const OutputIndex index = operation.output;
  REPRISE_ASSERT(index != kNoOutput && operation.generation == completion.token.generation);  // I2
  Output& output = at(index);
  OutputCounters& counters = counters_of(index);
  const NodeList datagrams = operation.datagrams;
  output.in_flight -= datagrams.size;
  --output.sends;
  const Judgement judgement = judge(completion.outcome, datagrams.size > 1);
  switch (judgement.verdict) {
    case Verdict::sent:
      sent_ += datagrams.size;
      counters.sent += datagrams.size;
      ++counters.sends;
      counters.sent_bytes += operation.payload_bytes;
      release(datagrams, ledger);
      break;
    case Verdict::try_again_when_writable:
      ++counters.refused;
      if (output.wait == Wait::none && abandoned_ == 0) {
        output.wait = Wait::due;
        to_wait_.push(index);
      }
      put_back(index, datagrams, ledger, memory);
      break;
    case Verdict::try_again_in_parts:  // E7
      ++counters.unsegmented;
      output.segment_bytes_max =
          std::min<std::uint32_t>(output.segment_bytes_max, operation.segment_bytes - 1U);
      put_back(index, datagrams, ledger, memory);
      break;
    case Verdict::try_again: put_back(index, datagrams, ledger, memory); break;
    case Verdict::drop:
      counters.count_error(completion.errno_value, datagrams.size);
      count_drop(index, judgement.reason, datagrams.size);
      release(datagrams, ledger);
      break;
    case Verdict::drop_first: {
      const std::uint32_t first = datagrams.first;
      const std::uint32_t second = std::exchange(nodes_[first].next, kNone);
      counters.count_error(completion.errno_value);
      count_drop(index, judgement.reason);
      release({first, first, 1}, ledger);
      put_back(index, {second, datagrams.last, datagrams.size - 1}, ledger, memory);
      break;
    }
  }
  operation.output = kNoOutput;
  ++operation.generation;
  free_operations_.push(slot);
  mark_ready(index);
  retire_if_empty(index);
}

/// Gives the nodes back, and a reference for each.
void Egress::release(const NodeList& datagrams, Ledger& ledger) {
  if (datagrams.size == 0) return;
  for (std::uint32_t node = datagrams.first; node != kNone;) {
    const RegionIndex region = nodes_[node].payload.region;
    std::uint32_t references = 0;
    for (; node != kNone && nodes_[node].payload.region == region; node = nodes_[node].next)
      ++references;
    ledger.release(region, references);
  }
  nodes_[datagrams.last].next = first_free_node_;
  first_free_node_ = datagrams.first;
}

void Egress::put_back(OutputIndex index, NodeList datagrams, Ledger& ledger,
                      const PacketMemory& memory) {
  if (abandoned_ != 0) {
    count_drop(index, EgressDrop::stopped, datagrams.size);
    release(datagrams, ledger);
    return;
  }
  for (std::uint32_t node = datagrams.first; node != kNone;) {
    const std::uint32_t next = nodes_[node].next;
    // Unlinked sends have no place in an order to come back to, and none is kept for them.
    const bool has_place = linked_ != 0 || at(index).queue.size < queue_capacity_;
    if (has_place && bring_into_buffer(nodes_[node].payload, ledger, memory)) {
      put_back(index, node);
    } else {
      count_drop(index, EgressDrop::queue_full);
      ledger.release(nodes_[node].payload.region);
      give_back_node(node);
    }
    node = next;
  }
}

/// Behind those of its chain that were put back before it, ahead of everything newer (E3); unlinked
/// ones behind everything.
void Egress::put_back(OutputIndex index, std::uint32_t node) {
  Output& output = at(index);
  ++queued_total_;
  if (linked_ == 0) return append(output.queue, node);
  const bool is_first = output.returned_last == kNone;
  std::uint32_t& place = is_first ? output.queue.first : nodes_[output.returned_last].next;
  nodes_[node].next = place;
  place = node;
  if (nodes_[node].next == kNone) output.queue.last = node;
  ++output.queue.size;
  output.returned_last = node;
}

void Egress::complete_wait(OutputIndex index, const Completion& completion) {
  Output& output = at(index);
  REPRISE_ASSERT((output.wait == Wait::armed || output.wait == Wait::cancelling) &&
                 output.wait_generation == completion.token.generation);
  // Whatever it says, the next send finds out what the socket is able to do.
  output.wait = Wait::none;
  --waits_armed_;
  mark_ready(index);
  retire_if_empty(index);
}

// State.

void Egress::mark_ready(OutputIndex index) {
  Output& output = at(index);
  if (output.queue.size == 0 || output.ready != 0) return;
  if (output.is_blocked() || holds_back(output)) return;
  output.ready = 1;
  ready_.push(index);
}

void Egress::count_drop(OutputIndex index, EgressDrop reason, std::uint32_t datagrams) {
  counters_of(index).dropped[static_cast<std::size_t>(reason)] += datagrams;
}

std::uint32_t Egress::take_node(const Payload& payload) {
  const std::uint32_t node = first_free_node_;
  REPRISE_ASSERT(node != kNone);
  first_free_node_ = nodes_[node].next;
  nodes_[node] = {payload, kNone};
  return node;
}

void Egress::give_back_node(std::uint32_t node) {
  nodes_[node] = {Payload{}, first_free_node_};
  first_free_node_ = node;
}

void Egress::append(NodeList& list, std::uint32_t node) {
  nodes_[node].next = kNone;
  (list.size == 0 ? list.first : nodes_[list.last].next) = node;
  list.last = node;
  ++list.size;
}

std::uint32_t Egress::pop_queued(OutputIndex index) {
  NodeList& queue = at(index).queue;
  const std::uint32_t node = queue.first;
  queue.first = nodes_[node].next;
  if (--queue.size == 0) queue = NodeList{};
  --queued_total_;
  return node;
}

bool Egress::has_work() const {
  if (!to_wait_.empty() || !to_cancel_.empty()) return true;
  if (free_operations_.empty()) return false;
  if (!ready_.empty()) return true;
  if (backlog_.empty()) return false;
  return !holds_back(at(cursor_ == kNoOutput ? backlog_.front().first_output : cursor_));
}

bool Egress::is_idle() const {
  return backlog_.empty() && sends_open() == 0 && queued_total_ == 0 && waits_armed_ == 0 &&
         cancels_open_ == 0 && to_wait_.empty() && to_cancel_.empty();
}

const OutputCounters& Egress::counters(OutputIndex output) const {
  return counters_[static_cast<std::uint32_t>(output)];
}

OutputCounters Egress::total() const {
  OutputCounters sum = retired_;
  for (const OutputCounters& counters : counters_.all()) sum += counters;
  return sum;
}

std::uint32_t Egress::pending(OutputIndex output) const {
  return at(output).queue.size + at(output).in_flight;
}

bool Egress::laws_hold() const {
  if (pushed_ != expanded_ + backlog_size()) return false;  // C2
  for (std::uint32_t index = 0; index < outputs_.size(); ++index) {
    const OutputCounters& counters = counters_[index];
    if (counters.assigned != counters.sent + counters.dropped_total() + pending(OutputIndex{index}))
      return false;  // C3
  }
  return true;
}

}  // namespace reprise::engine
