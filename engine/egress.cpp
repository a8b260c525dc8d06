#include "reprise/engine/egress.hpp"

#include <algorithm>

namespace reprise::engine {
namespace {

/// What a send that did not end `ok` means for its datagram.
enum class Verdict { sent, try_again_when_writable, try_again, drop };

struct Judgement {
  Verdict verdict;
  EgressDrop reason = EgressDrop::failed;
};

Judgement judge(Outcome outcome) {
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
  backlog_.place(layout, config.hazards, config.region_count() + config.outputs_max);
  layout.place(operations_, config.sends_max);
  layout.place(free_operations_, config.sends_max);
  layout.place(outputs_, config.outputs_max);
  layout.place(queues_, config.outputs_max * config.output_queue);
  layout.place(ready_, config.outputs_max);
  layout.place(touched_, config.outputs_max);
  layout.place(to_wait_, config.outputs_max);
  layout.place(to_cancel_, config.outputs_max);
  layout.place(closable_, config.outputs_max);
  layout.place(counters_, config.outputs_max);
}

void Egress::start(const StageConfig& config, std::uint32_t first_slot) {
  first_slot_ = first_slot;
  backlog_.start(config.hazards, config.region_count() + config.outputs_max);
  batch_ = config.batch;
  datagrams_max_ = config.region_count();
  linked_ = config.hazards.send_order == SendOrder::linked ? 1 : 0;
  queue_capacity_ = config.output_queue;
  queued_max_ = std::max(config.pool / 2, 1U);
  for (std::uint32_t operation = operations_.size(); operation-- > 0;)
    free_operations_.push(operation);
  for (std::uint32_t index = outputs_.size(); index-- > 0;) {
    outputs_[index].next = first_free_;
    first_free_ = OutputIndex{index};
  }
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
  if (output.state != OutputState::removed || output.in_flight > 0 || output.queue_size > 0) return;
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
    while (output.queue_size > 0) {
      count_drop(output_index, EgressDrop::stopped);
      ledger.release(pop_queued(output_index).region);
    }
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

void Egress::prepare(SubmissionList& list, Ledger& ledger) {
  std::uint32_t room = std::min(batch_, free_operations_.size());
  const std::uint32_t for_queued = backlog_.empty() ? room : (room + 1) / 2;  // E4
  room -= take_queued(for_queued);
  take_backlog(room, ledger);
  add_chains(list);
  add_waits(list);
}

std::uint32_t Egress::take_queued(std::uint32_t room) {
  std::uint32_t taken = 0;
  for (std::uint32_t turns = ready_.size(); turns > 0 && taken < room; --turns) {
    const OutputIndex index = ready_.pop();
    Output& output = at(index);
    output.ready = 0;
    if (output.is_blocked() || holds_back(output)) continue;  // comes back when it is not
    for (; output.queue_size > 0 && taken < room; ++taken) stage(index, pop_queued(index));
    retire_if_empty(index);
  }
  return taken;
}

void Egress::take_backlog(std::uint32_t room, Ledger& ledger) {
  while (room > 0 && !backlog_.empty()) {
    const WorkItem item = backlog_.front();
    if (cursor_ == kNoOutput) cursor_ = item.first_output;
    while (cursor_ != kNoOutput && room > 0) {
      if (holds_back(at(cursor_))) return;
      if (assign(cursor_, item.payload, ledger)) --room;
      cursor_ = at(cursor_).next;
    }
    if (cursor_ != kNoOutput) return;
    finish_front(ledger);
  }
}

void Egress::finish_front(Ledger& ledger) {
  const WorkItem item = backlog_.pop();
  ++expanded_;
  ledger.release(item.payload.region);
  settle_removals();
}

bool Egress::assign(OutputIndex index, Slice payload, Ledger& ledger) {
  Output& output = at(index);
  ++counters_of(index).assigned;
  if (!output.is_blocked() && output.queue_size == 0) {
    ledger.retain(payload.region);
    stage(index, payload);
    return true;
  }
  // E2; what is staged keeps its places, in case it comes back.
  if (output.queue_size + output.staged_count == queue_capacity_ || queued_total_ >= queued_max_) {
    count_drop(index, EgressDrop::queue_full);
    return false;
  }
  ledger.retain(payload.region);
  ++output.queue_size;
  ++queued_total_;
  queued(index, output.queue_size - 1) = payload;  // E3
  return false;
}

void Egress::stage(OutputIndex index, Slice payload) {
  Output& output = at(index);
  const std::uint32_t operation = free_operations_.pop();
  operations_[operation].payload = payload;
  operations_[operation].output = index;
  if (output.staged_count == 0) {
    touched_.push(index);
    output.staged_first = operation;
  } else {
    operations_[output.staged_last].next = operation;
  }
  output.staged_last = operation;
  ++output.staged_count;
  ++output.in_flight;
}

void Egress::add_chains(SubmissionList& list) {
  for (const OutputIndex index : touched_.all()) {
    Output& output = at(index);
    output.returned = 0;
    std::uint32_t slot = output.staged_first;
    for (; output.staged_count > 0; --output.staged_count) {
      SendOperation& operation = operations_[slot];
      Submission& submission =
          list.add(Operation::send, {send_slot(slot), operation.generation}, output.socket);
      submission.flags = SubmissionFlags::kDoNotWait;
      if (linked_ != 0 && output.staged_count > 1) {
        submission.flags |= SubmissionFlags::kLinked;  // E1
      }
      list.add_slice(operation.payload);
      slot = operation.next;
    }
  }
  touched_.clear();
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

void Egress::complete(const Completion& completion, Ledger& ledger) {
  REPRISE_ASSERT(!completion.more);  // sends, waits and cancels end at their first completion (I1)
  const std::uint32_t slot = completion.token.slot;
  if (slot >= send_slot(0)) {
    complete_send(slot - send_slot(0), completion, ledger);
  } else if (slot >= cancel_slot(OutputIndex{0})) {
    --cancels_open_;
  } else {
    complete_wait(OutputIndex{slot - first_slot_}, completion);
  }
}

void Egress::complete_send(std::uint32_t slot, const Completion& completion, Ledger& ledger) {
  SendOperation& operation = operations_[slot];
  const OutputIndex index = operation.output;
  REPRISE_ASSERT(index != kNoOutput && operation.generation == completion.token.generation);  // I2
  Output& output = at(index);
  OutputCounters& counters = counters_of(index);
  --output.in_flight;
  const Judgement judgement = judge(completion.outcome);
  switch (judgement.verdict) {
    case Verdict::sent:
      ++sent_;
      ++counters.sent;
      counters.sent_bytes += operation.payload.length_bytes;
      ledger.release(operation.payload.region);
      break;
    case Verdict::try_again_when_writable:
      ++counters.refused;
      if (output.wait == Wait::none && abandoned_ == 0) {
        output.wait = Wait::due;
        to_wait_.push(index);
      }
      put_back(index, operation.payload, ledger);
      break;
    case Verdict::try_again: put_back(index, operation.payload, ledger); break;
    case Verdict::drop:
      counters.count_error(completion.errno_value);
      count_drop(index, judgement.reason);
      ledger.release(operation.payload.region);
      break;
  }
  operation.output = kNoOutput;
  ++operation.generation;
  free_operations_.push(slot);
  mark_ready(index);
  retire_if_empty(index);
}

void Egress::put_back(OutputIndex index, Slice payload, Ledger& ledger) {
  if (abandoned_ != 0) {
    count_drop(index, EgressDrop::stopped);
    ledger.release(payload.region);
    return;
  }
  Output& output = at(index);
  if (linked_ == 0) return put_behind(index, payload, ledger);
  // There is room: a chain keeps its places in the queue until it has ended (E1).
  REPRISE_ASSERT(output.queue_size < queue_capacity_);
  // Behind those of its chain that were put back before it, ahead of everything newer (E3).
  output.queue_head = (output.queue_head + queue_capacity_ - 1) % queue_capacity_;
  ++output.queue_size;
  ++queued_total_;
  for (std::uint32_t place = 0; place < output.returned; ++place) {
    queued(index, place) = queued(index, place + 1);
  }
  queued(index, output.returned) = payload;
  ++output.returned;
}

/// Unlinked sends have no place in an order to come back to, and none is kept for them.
void Egress::put_behind(OutputIndex index, Slice payload, Ledger& ledger) {
  Output& output = at(index);
  if (output.queue_size == queue_capacity_) {
    count_drop(index, EgressDrop::queue_full);
    ledger.release(payload.region);
    return;
  }
  ++output.queue_size;
  ++queued_total_;
  queued(index, output.queue_size - 1) = payload;
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
  if (output.queue_size == 0 || output.ready != 0) return;
  if (output.is_blocked() || holds_back(output)) return;
  output.ready = 1;
  ready_.push(index);
}

Slice& Egress::queued(OutputIndex index, std::uint32_t from_front) {
  const std::uint32_t place = (at(index).queue_head + from_front) % queue_capacity_;
  return queues_[static_cast<std::uint32_t>(index) * queue_capacity_ + place];
}

Slice Egress::pop_queued(OutputIndex index) {
  Output& output = at(index);
  const Slice payload = queued(index, 0);
  output.queue_head = (output.queue_head + 1) % queue_capacity_;
  --output.queue_size;
  --queued_total_;
  return payload;
}

void Egress::count_drop(OutputIndex index, EgressDrop reason) {
  ++counters_of(index).dropped[static_cast<std::size_t>(reason)];
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
  return at(output).queue_size + at(output).in_flight;
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
