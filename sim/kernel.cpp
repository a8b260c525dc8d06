// What runs and when: submits, chains, arming and waking, cancelling, completions.
#include "reprise/sim/kernel.hpp"

#include <algorithm>
#include <cerrno>

namespace reprise::sim {

using engine::Instant;
using engine::Operation;
using engine::Outcome;
using engine::RegionIndex;
using engine::Slice;
using engine::SocketIndex;
using engine::Submission;
using engine::SubmissionFlags;
using engine::Token;

namespace {

std::uint16_t errno_of(Outcome outcome) {
  switch (outcome) {
    case Outcome::ok: return 0;
    case Outcome::refused: return EAGAIN;
    case Outcome::cancelled: return ECANCELED;
    case Outcome::no_buffer: return ENOBUFS;
    case Outcome::too_large: return EMSGSIZE;
    case Outcome::unreachable: return ENETUNREACH;
    case Outcome::connection_refused: return ECONNREFUSED;
    case Outcome::not_permitted: return EPERM;
    case Outcome::invalid: return EINVAL;
    case Outcome::expired: return ETIME;
    case Outcome::failed: return EIO;
  }
  return 0;
}

bool has_flag(const Submission& submission, std::uint8_t flag) {
  return (submission.flags & flag) != 0;
}

/// Of a send.
std::uint32_t datagram_count(const Entry& entry) {
  const std::uint32_t segment_bytes = entry.submission.segment_bytes;
  if (entry.submission.operation != Operation::segmented_send || segment_bytes == 0) return 1;
  return (entry.payload_bytes + segment_bytes - 1) / segment_bytes;
}

bool waits_for_room(const Submission& submission) {
  switch (submission.operation) {
    case Operation::send:
    case Operation::segmented_send:
    case Operation::zero_copy_send:
    case Operation::wait_writable: return true;
    case Operation::receive:
    case Operation::packet_ring_receive:
    case Operation::provide:
    case Operation::wait_readable:
    case Operation::deadline:
    case Operation::cancel: return false;
  }
  return false;
}

}  // namespace

void Kernel::place(engine::FlatLayout& layout, const KernelConfig& config) {
  layout.place(rings_, std::span<const RingConfig>(config.rings));
  layout.place(provided_, config.regions);
  regions_.place(layout, config);
  layout.place(packet_sockets_, std::span<const PacketSocketConfig>(config.packet_sockets));
  layout.place(send_sockets_, static_cast<std::uint32_t>(config.send_sockets.size()));
  layout.place(links_, std::span<const LinkConfig>(config.links));
  layout.place(notices_, config.notices);
  faults_.place(layout, config.faults);
}

void Kernel::start(const KernelConfig& config) {
  profile_ = config.profile;
  regions_.start(config);
  faults_.start(config.faults);
  for (std::uint32_t ring = 0; ring < rings_.size(); ++ring) {
    rings_[ring].start(config.rings[ring]);
  }
  for (std::uint32_t socket = 0; socket < packet_sockets_.size(); ++socket) {
    const PacketSocketConfig& from = config.packet_sockets[socket];
    packet_sockets_[socket].limit_bytes = from.buffer_bytes;
    packet_sockets_[socket].header_bytes = static_cast<std::uint16_t>(from.header_bytes);
    packet_sockets_[socket].ring.start(from.ring, profile_);
    REPRISE_ASSERT(from.ring.blocks == 0 || from.ring.block_bytes == config.block_bytes);
    REPRISE_ASSERT(!packet_sockets_[socket].ring.is_used() ||
                   (from.ring.first_region >= config.regions &&
                    from.ring.first_region + from.ring.blocks <= config.regions + config.blocks));
  }
  for (std::uint32_t index = 0; index < send_sockets_.size(); ++index) {
    send_sockets_[index] = open_socket(config.send_sockets[index]);
  }
  for (std::uint32_t link = 0; link < links_.size(); ++link) links_[link].start(config.links[link]);
}

// Submitting.

void Kernel::prepare(RingIndex ring, const Submission& submission, std::span<const Slice> slices,
                     Malformation malformation, bool is_async) {
  Entry entry;
  entry.submission = submission;
  if (!slices.empty()) entry.slice = slices.front();
  for (const Slice& slice : slices) entry.payload_bytes += slice.length_bytes;
  if (slices.size() > 1) keep_slices(at(ring), entry, slices.subspan(1));
  entry.malformation = malformation;
  entry.is_async = is_async ? 1 : 0;
  at(ring).queue.push(entry);
}

Kernel::Executed Kernel::execute_next(RingIndex index, Instant at_instant, Choices& choices) {
  Ring& ring = at(index);
  Entry entry = ring.queue.pop();
  const bool is_linked = has_flag(entry.submission, SubmissionFlags::kLinked);
  if (is_linked && ring.open_chain == 0) ring.open_chain = ++ring.chains;
  entry.chain = ring.open_chain;
  Executed executed;
  executed.submission = entry.submission;
  const bool is_malformed = entry.malformation == Malformation::malformed;
  if (entry.chain == 0 && !is_malformed) {
    executed = begin(index, entry, at_instant, choices);
  } else {
    ring.held.push(entry);
    if (!is_linked || ring.queue.empty()) {  // the chain is whole: its first runs
      ring.open_chain = 0;
      executed = begin_chain(index, entry.chain, at_instant, choices);
      executed.ends_submit = is_malformed && !is_linked && profile_.malformed_ends_submit;
    }
  }
  executed.taken = entry.submission;
  if (!profile_.chain_goes_on_behind_submit) queue_successors(ring);
  return executed;
}

bool Kernel::next_would_wait(RingIndex index) const {
  const Ring& ring = at(index);
  if (ring.queue.empty() || ring.open_chain != 0) return false;
  const Entry& entry = ring.queue[0];
  if (entry.submission.operation != Operation::receive || entry.is_async != 0 ||
      has_flag(entry.submission, SubmissionFlags::kLinked) ||
      entry.malformation != Malformation::none || !has_socket(entry.submission) ||
      !is_packet_socket(entry.submission.socket)) {
    return false;
  }
  const PacketSocket& socket = packet_sockets_[static_cast<std::uint32_t>(entry.submission.socket)];
  return socket.frames.empty() && socket.is_down == 0 && !socket.ring.is_used() &&
         !provided_.empty();
}

void Kernel::arm_too_late(RingIndex index) {
  Ring& ring = at(index);
  ring.work.push({ring.queue.pop(), Work::Kind::run, 0});
}

/// A chain with a malformed entry fails as a whole; its first entry is told at once.
Kernel::Executed Kernel::begin_chain(RingIndex index, std::uint32_t chain, Instant at_instant,
                                     Choices& choices) {
  Ring& ring = at(index);
  bool fails = false;
  for (const Entry& entry : ring.held.all()) {
    if (entry.chain == chain && entry.malformation == Malformation::malformed) fails = true;
  }
  const Entry first = take_held(ring, chain);
  if (!fails) return begin(index, first, at_instant, choices);
  Executed executed;
  executed.submission = first.submission;
  executed.outcome = end_unrun(index, first);
  executed.ended = true;
  return executed;
}

/// An entry ends cancelled, or because it is malformed. A zero-copy send has its notice even then;
/// one that was cancelled behind a failed one does not announce it with `more`.
Outcome Kernel::end_unrun(RingIndex index, const Entry& entry) {
  const Outcome outcome =
      entry.malformation == Malformation::malformed ? Outcome::invalid : Outcome::cancelled;
  const bool has_notice = entry.submission.operation == Operation::zero_copy_send &&
                          outcome == Outcome::cancelled && profile_.failed_zero_copy_has_notice;
  const bool is_announced = has_notice && (entry.tried != 0 || entry.is_successor == 0);
  end(index, entry, {.outcome = outcome, .has_notice = is_announced, .notice_is_last = has_notice});
  return outcome;
}

/// The oldest held entry of a chain, which has one.
Entry Kernel::take_held(Ring& ring, std::uint32_t chain) {
  std::uint32_t place = 0;
  while (ring.held[place].chain != chain) ++place;
  return ring.held.take(place);
}

void Kernel::end_submit(RingIndex ring) { queue_successors(at(ring)); }

void Kernel::queue_successors(Ring& ring) {
  while (!ring.successors.empty()) ring.work.push(ring.successors.pop());
}

Kernel::Executed Kernel::execute_work(RingIndex index, Instant at_instant, Choices& choices) {
  Ring& ring = at(index);
  if (ring.batch_left == 0) limit_batch(index, work_count(index));
  const Work work = ring.work.pop();
  Executed executed;
  executed.submission = work.entry.submission;
  switch (work.kind) {
    case Work::Kind::run: executed = begin(index, work.entry, at_instant, choices); break;
    case Work::Kind::cancel:
      executed.ended = true;
      if (work.entry.tried != 0 && work.entry.submission.operation == Operation::receive) {
        --packet_sockets_[static_cast<std::uint32_t>(work.entry.submission.socket)].receives;
      }
      executed.outcome = end_unrun(index, work.entry);
      break;
    case Work::Kind::expire:
      executed.outcome = Outcome::expired;
      executed.ended = true;
      end(index, work.entry, {.outcome = Outcome::expired});
      break;
    case Work::Kind::notice: post(index, work.entry.submission.token, Outcome::ok); break;
  }
  --ring.batch_left;
  return executed;
}

bool Kernel::pauses(RingIndex ring, Instant at_instant, Choices& choices) {
  if (at(ring).batch_left == 0) queue_successors(at(ring));
  if (at(ring).work[0].entry.is_successor == 0) return false;
  if (faults_.happens(FaultKind::chain_pause, at_instant, choices)) return true;
  return profile_.chain_pauses_per_million > 0 && choices.pick(Site::chain_pause, 1'000'000) >=
                                                      1'000'000 - profile_.chain_pauses_per_million;
}

/// Runs an entry, or hands it to a worker thread.
Kernel::Executed Kernel::begin(RingIndex ring, const Entry& entry, Instant at_instant,
                               Choices& choices) {
  if (entry.is_async == 0 || entry.tried != 0) return run(ring, entry, at_instant, choices);
  at(ring).with_workers.push(entry);
  Executed executed;
  executed.submission = entry.submission;
  executed.slice = entry.slice;
  return executed;
}

Kernel::Executed Kernel::execute_worker(RingIndex index, Instant at_instant, Choices& choices) {
  Ring& ring = at(index);
  const Entry entry = ring.with_workers.take(choices.pick(Site::worker, ring.with_workers.size()));
  const Executed executed = run(index, entry, at_instant, choices);
  queue_successors(ring);
  return executed;
}

Kernel::Executed Kernel::run(RingIndex ring, const Entry& entry, Instant at_instant,
                             Choices& choices) {
  Executed executed;
  executed.submission = entry.submission;
  executed.slice = entry.slice;
  executed.behind_link = entry.is_successor != 0;
  executed.payload_bytes = entry.payload_bytes;
  executed.datagrams = datagram_count(entry);
  Ended ended;
  switch (has_socket(entry.submission) ? entry.malformation : Malformation::bad_descriptor) {
    case Malformation::bad_descriptor:
      ended = {.outcome = Outcome::invalid, .errno_value = EBADF};
      ended.has_notice = entry.submission.operation == Operation::zero_copy_send &&
                         profile_.failed_zero_copy_has_notice;
      ended.notice_is_last = ended.has_notice;
      break;
    case Malformation::bad_pointer:  // seen where the payload is copied
    case Malformation::none:
    case Malformation::malformed:
      ended = run_operation(ring, entry, at_instant, choices, executed);
      break;
  }
  executed.outcome = ended.outcome;
  executed.ended = !ended.armed && !ended.is_woken && !ended.is_kept;
  if (ended.is_kept) return executed;
  if (ended.is_woken) {
    Work again;
    again.entry = entry;
    again.entry.tried = kWokenWhileArming;
    at(ring).work.push(again);
    return executed;
  }
  if (!ended.armed && entry.tried != 0 && stays_armed(entry)) {
    const auto place = &armed_entry(ring, entry) - at(ring).armed.all().data();
    disarm(ring, static_cast<std::uint32_t>(place));
  }
  if (ended.armed) {
    arm(ring, entry);
  } else if (ended.is_posted) {
    go_on(ring, entry, ended.outcome);
  } else {
    end(ring, entry, ended);
  }
  return executed;
}

bool Kernel::has_socket(const Submission& submission) const {
  switch (submission.operation) {
    case Operation::provide:
    case Operation::deadline:
    case Operation::cancel: return true;  // they need none
    case Operation::receive:
    case Operation::packet_ring_receive:
    case Operation::send:
    case Operation::segmented_send:
    case Operation::zero_copy_send:
    case Operation::wait_readable:
    case Operation::wait_writable: break;
  }
  return static_cast<std::uint32_t>(submission.socket) <
         packet_sockets_.size() + send_sockets_.size();
}

Kernel::Ended Kernel::run_operation(RingIndex ring, const Entry& entry, Instant at_instant,
                                    Choices& choices, Executed& executed) {
  const Submission& submission = entry.submission;
  switch (submission.operation) {
    case Operation::send:
    case Operation::segmented_send:
    case Operation::zero_copy_send: return send(ring, entry, at_instant, choices);
    case Operation::receive: return receive(ring, entry, at_instant, choices, executed);
    case Operation::wait_readable:
    case Operation::wait_writable: return wait(submission, entry.tried, choices);
    case Operation::deadline: return {.armed = true};
    case Operation::cancel: return cancel(ring, submission.target, choices);
    case Operation::packet_ring_receive: return receive_blocks(ring, submission);
    case Operation::provide: break;  // takes effect when it is prepared
  }
  REPRISE_ASSERT(false);
  return {};
}

/// What woke a wait counts, even if it is gone again. But where that happened while the kernel
/// armed it (a pick, untimed), it looks once more when its work is done.
Kernel::Ended Kernel::wait(const Submission& submission, std::uint32_t tried, Choices& choices) {
  if (tried == 1) return {};
  bool is_ready = false;
  if (submission.operation == Operation::wait_readable) {
    const PacketSocket& socket = packet_sockets_[static_cast<std::uint32_t>(submission.socket)];
    is_ready = !socket.frames.empty() || socket.ring.has_filled() || socket.is_down != 0;
  } else {
    is_ready = send_sockets_[send_index(submission.socket)].is_writable(profile_.writable_percent);
  }
  if (!is_ready) return {.armed = true};
  const bool is_untimed = links_.size() > 0 && links_[0].is_untimed();
  return {.is_woken = tried == 0 && is_untimed && choices.pick(Site::woken_while_arming, 2) == 1};
}

/// A multishot receive keeps its place among those that wait on its socket when it is woken.
bool Kernel::stays_armed(const Entry& entry) {
  return entry.submission.operation == Operation::receive &&
         has_flag(entry.submission, SubmissionFlags::kMultishot);
}

Entry& Kernel::armed_entry(RingIndex ring, const Entry& entry) {
  engine::FlatList<Entry>& armed = at(ring).armed;
  std::uint32_t place = 0;
  while (armed[place].submission.token != entry.submission.token) ++place;
  return armed[place];
}

void Kernel::count_waiting(const Entry& entry, std::uint32_t change) {
  const SocketIndex socket = entry.submission.socket;
  if (entry.submission.operation == Operation::deadline) return;
  if (is_packet_socket(socket)) {
    packet_sockets_[static_cast<std::uint32_t>(socket)].waiting += change;
  } else {
    send_sockets_[send_index(socket)].waiting += change;
  }
}

void Kernel::disarm(RingIndex ring, std::uint32_t place) {
  count_waiting(at(ring).armed.take(place), ~std::uint32_t{0});
}

void Kernel::arm(RingIndex ring, const Entry& entry) {
  if (entry.tried != 0 && stays_armed(entry)) {
    armed_entry(ring, entry).tried = 1;
    return;
  }
  Entry armed = entry;
  armed.tried = 1;
  at(ring).armed.push(armed);
  count_waiting(entry, 1);
}

void Kernel::end(RingIndex ring, const Entry& entry, const Ended& ended) {
  Posted& posted = post(ring, entry.submission.token, ended.outcome, ended.has_notice);
  posted.result_bytes = ended.result_bytes;
  if (ended.errno_value != 0) posted.errno_value = static_cast<std::uint16_t>(ended.errno_value);
  posted.value = entry.submission.value;
  give_back_slices(at(ring), entry);
  go_on(ring, entry, ended.outcome);
  if (!ended.notice_is_last) return;
  Work notice;
  notice.entry.submission.token = entry.submission.token;
  notice.kind = Work::Kind::notice;
  at(ring).successors.push(notice);
}

/// The next of an ended entry's chain, or the end of the chain.
void Kernel::go_on(RingIndex index, const Entry& entry, Outcome outcome) {
  if (entry.chain == 0) return;
  Ring& ring = at(index);
  for (std::uint32_t place = 0; place < ring.held.size();) {
    if (ring.held[place].chain != entry.chain) {
      ++place;
      continue;
    }
    Entry next = ring.held.take(place);
    next.is_successor = 1;
    if (outcome == Outcome::ok || !profile_.chain_stops_at_failure) {
      ring.successors.push({next, Work::Kind::run, 0});
      return;
    }
    ring.successors.push({next, Work::Kind::cancel, 0});
  }
}

void Kernel::wake(SocketIndex socket, bool for_sending, bool newest_first) {
  for (std::uint32_t index = 0; index < rings_.size(); ++index) {
    Ring& ring = rings_[index];
    for (std::uint32_t seen = 0, count = ring.armed.size(); seen < count; ++seen) {
      // Newest first they are looked at from the end; those taken out shift only what was seen.
      const std::uint32_t place =
          newest_first ? count - 1 - seen : seen - (count - ring.armed.size());
      const Submission& submission = ring.armed[place].submission;
      if (submission.socket != socket || submission.operation == Operation::deadline ||
          waits_for_room(submission) != for_sending) {
        continue;
      }
      Entry& entry = ring.armed[place];
      if (!stays_armed(entry)) {
        ring.work.push({entry, Work::Kind::run, 0});
        disarm(RingIndex{index}, place);
      } else if (entry.tried < kWoken) {
        entry.tried = kWoken;
        ring.work.push({entry, Work::Kind::run, 0});
      } else {
        entry.tried = kWokenAgain;
      }
    }
  }
}

Kernel::Ended Kernel::cancel(RingIndex index, Token target, Choices& choices) {
  if (cancel_ring_receive(index, target)) return {};
  Ring& ring = at(index);
  for (std::uint32_t place = 0; place < ring.armed.size(); ++place) {
    if (ring.armed[place].submission.token != target) continue;
    const bool is_woken = ring.armed[place].tried >= kWoken;
    if (!is_woken) ring.work.push({ring.armed[place], Work::Kind::cancel, 0});
    disarm(index, place);
    if (!is_woken) return {};
    break;  // it is among the work
  }
  for (std::uint32_t place = 0; place < ring.with_workers.size(); ++place) {
    if (ring.with_workers[place].submission.token != target) continue;
    // Too late: a worker has begun with it, and it goes on.
    if (choices.pick(Site::cancel, 2) == 1) return {Outcome::failed, 0, EALREADY};
    ring.work.push({ring.with_workers.take(place), Work::Kind::cancel, 0});
    return {};
  }
  for (std::uint32_t place = 0; place < ring.work.size(); ++place) {
    Work& work = ring.work[place];
    // Woken, and not tried again yet: it ends cancelled all the same. Cancelled already, and not
    // ended yet: it is found again.
    const bool is_found =
        work.kind == Work::Kind::run ||
        (work.kind == Work::Kind::cancel && work.entry.submission.operation != Operation::deadline);
    if (work.entry.submission.token != target || !is_found || work.entry.tried == 0) continue;
    work.kind = Work::Kind::cancel;
    return {};
  }
  return {Outcome::invalid, 0, ENOENT};
}

Posted& Kernel::post(RingIndex index, Token token, Outcome outcome, bool more) {
  Ring& ring = at(index);
  Posted posted;
  posted.token = token;
  posted.outcome = outcome;
  posted.errno_value = errno_of(outcome);
  posted.more = more ? 1 : 0;
  if (overflows_next(ring)) {
    ++ring.overflows;  // K6
    if (profile_.keeps_overflow) {
      ++ring.overflowed;
    } else {
      ring.completions.pop_back();
    }
  }
  ring.completions.push(posted);
  return ring.completions[ring.completions.size() - 1];
}

// Deadlines.

Instant Kernel::next_deadline(RingIndex ring) const {
  Instant next = engine::kNever;
  for (const Entry& entry : at(ring).armed.all()) {
    if (entry.submission.operation != Operation::deadline) continue;
    next = std::min(next, entry.submission.deadline);
  }
  return next;
}

void Kernel::expire(RingIndex index, Instant now) {
  Ring& ring = at(index);
  while (true) {
    std::uint32_t first = ring.armed.size();
    for (std::uint32_t place = 0; place < ring.armed.size(); ++place) {
      const Submission& submission = ring.armed[place].submission;
      if (submission.operation != Operation::deadline || now < submission.deadline) continue;
      if (first == ring.armed.size() || submission.deadline < ring.armed[first].submission.deadline)
        first = place;
    }
    if (first == ring.armed.size()) return;
    ring.work.push({ring.armed.take(first), Work::Kind::expire, 0});
  }
}

// Links.

Kernel::LinkEvent Kernel::step_link(std::uint32_t index) {
  Link& link = links_[index];
  if (link.arrives_next()) {
    const Packet packet = link.arrive();
    return {packet.is_last(), packet};
  }
  const Packet packet = link.depart();
  leave(packet);
  return {false, packet};
}

void Kernel::set_up(std::uint32_t link, bool up) {
  links_[link].set_up(up);
  if (!up) lose_waiting(link);
}

void Kernel::set_carrier(std::uint32_t link, bool carrier) {
  links_[link].set_carrier(carrier);
  if (!carrier) lose_waiting(link);
}

}  // namespace reprise::sim
