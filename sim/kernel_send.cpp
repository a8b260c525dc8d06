// Sends: what refuses them, what room they take, and how they leave.
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "reprise/sim/exponential.hpp"
#include "reprise/sim/kernel.hpp"

namespace reprise::sim {

using engine::Instant;
using engine::Operation;
using engine::Outcome;
using engine::Slice;
using engine::SocketIndex;
using engine::Submission;
using engine::SubmissionFlags;

/// Behind its first fragment a datagram may use twice the send buffer (__ip_append_data).
bool Kernel::has_room_for_fragments(const SendSocket& socket, std::uint32_t payload_bytes) const {
  if (!profile_.too_many_fragments_fail) return true;
  const std::uint32_t mtu_bytes = links_[socket.link].mtu_bytes();
  const std::uint32_t fragments = fragments_of(payload_bytes, mtu_bytes);
  std::uint64_t used_bytes = socket.used_bytes + 1;  // its counter starts at one
  for (std::uint32_t fragment = 1; fragment < fragments; ++fragment) {
    used_bytes += buffer_bytes(fragment_bytes(payload_bytes, mtu_bytes, fragment - 1));
    if (used_bytes > 2 * std::uint64_t{socket.limit_bytes}) return false;
  }
  return true;
}

/// In the order in which the kernel looks (udp_sendmsg, ip_append_data, sock_alloc_send_skb).
Outcome Kernel::refusal(SendSocket& socket, const Entry& entry) {
  const Link& link = links_[socket.link];
  constexpr std::uint32_t kLengthMax = 0xffff;  // of the UDP header, before the route is looked up
  if (entry.payload_bytes > kLengthMax) return Outcome::too_large;
  if (!link.is_up() && profile_.down_is_told) return Outcome::unreachable;
  if (!link.has_address() && profile_.address_loss_is_told) return Outcome::unreachable;
  if (entry.payload_bytes > profile_.payload_max_bytes) return Outcome::too_large;
  const std::uint32_t payload_max = payload_of_mtu(link.mtu_bytes());
  const bool is_segmented = entry.submission.operation == Operation::segmented_send;
  if (!is_segmented && entry.payload_bytes > payload_max &&
      (socket.forbids_fragments != 0 || !profile_.fragments)) {
    return Outcome::too_large;
  }
  if (socket.is_refused != 0) {
    if (profile_.refusal_is_consumed) socket.is_refused = 0;
    return Outcome::connection_refused;
  }
  if (!socket.has_room()) return Outcome::refused;  // K1, K3
  if (!is_segmented) {
    return has_room_for_fragments(socket, entry.payload_bytes) ? Outcome::ok : Outcome::no_buffer;
  }
  const std::uint32_t segment_bytes = entry.submission.segment_bytes;
  if (segment_bytes == 0) return Outcome::ok;
  if (segment_bytes > payload_max) return Outcome::too_large;
  if ((entry.payload_bytes + segment_bytes - 1) / segment_bytes > profile_.segments_max) {
    return Outcome::invalid;
  }
  return Outcome::ok;
}

/// A fault that ends a send before anybody looks at it; ok: there is none.
Outcome Kernel::send_fault(const Entry& entry, Instant at, Choices& choices) {
  if (faults_.happens(FaultKind::send_unreachable, at, choices)) return Outcome::unreachable;
  if (faults_.happens(FaultKind::send_no_memory, at, choices)) return Outcome::no_buffer;
  // One that would wait for room would wait for ever: the socket is writable.
  const bool waits = (entry.submission.flags & SubmissionFlags::kDoNotWait) == 0;
  if (!waits && faults_.happens(FaultKind::send_refused, at, choices)) return Outcome::refused;
  return Outcome::ok;
}

Kernel::Ended Kernel::send(RingIndex ring, const Entry& entry, Instant at, Choices& choices) {
  const Submission& submission = entry.submission;
  SendSocket& socket = send_sockets_[send_index(submission.socket)];
  Ended ended;
  std::uint16_t notice = 0;
  ended.outcome = send_fault(entry, at, choices);
  if (ended.outcome == Outcome::ok) {
    make_room(socket, links_[socket.link], at);
    ended.outcome = refusal(socket, entry);
    // The copy of the first fragment fails; there are no others then.
    if ((ended.outcome == Outcome::ok || ended.outcome == Outcome::no_buffer) &&
        entry.malformation == Malformation::bad_pointer) {
      ended.outcome = Outcome::invalid;
      ended.errno_value = EFAULT;
    }
  }
  if (ended.outcome == Outcome::refused && (submission.flags & SubmissionFlags::kDoNotWait) == 0) {
    ended.armed = true;
    return ended;
  }
  if (submission.operation == Operation::zero_copy_send) {
    ended.has_notice = ended.outcome == Outcome::ok || profile_.failed_zero_copy_has_notice;
    // A refused one never came to the point where the kernel lets go of its notice.
    ended.notice_is_last = ended.has_notice && ended.outcome == Outcome::refused;
    if (ended.has_notice && !ended.notice_is_last) {
      notice = take_notice(ring, submission.token);
    }
  }
  if (ended.outcome == Outcome::ok) {
    Datagrams packets = datagrams_of(this->at(ring), entry);
    for (Packet& packet : packets) packet.socket = send_index(submission.socket);
    packets.front().notice = notice;  // of a zero-copy send, which is one datagram
    ended.outcome = hand_to_device(socket, {packets.data(), packets.size()}, at, choices);
  } else {
    give_notice(notice);
  }
  if (ended.outcome == Outcome::ok) ended.result_bytes = entry.payload_bytes;
  return ended;
}

/// What has no region is known by its length alone.
void Kernel::keep_slices(Ring& ring, Entry& entry, std::span<const Slice> slices) {
  std::uint32_t* link = &entry.more_slices;
  for (const Slice& slice : slices) {
    if (slice.region == engine::kNoRegion) return;
    REPRISE_ASSERT(ring.free_slice != kNoSlice);  // slices_max: as many as sends can gather
    GatheredSlice& kept = ring.slices[*link = ring.free_slice];
    ring.free_slice = kept.next;
    kept = {slice};
    link = &kept.next;
  }
}

void Kernel::give_back_slices(Ring& ring, const Entry& entry) {
  for (std::uint32_t place = entry.more_slices; place != kNoSlice;) {
    const std::uint32_t next = ring.slices[place].next;
    ring.slices[place] = {Slice{}, ring.free_slice};
    ring.free_slice = place;
    place = next;
  }
}

namespace {

/// Where a send's payload is looked at: in one of its slices, so far from that one's beginning.
struct Place {
  Slice slice;
  std::uint32_t next = kNoSlice;
  std::uint32_t done_bytes = 0;
};

}  // namespace

/// What a send's payload is, datagram by datagram. A slice that begins with a datagram tells its
/// tag, and the others in it follow from that one's; so does what has no region of its own.
Kernel::Datagrams Kernel::datagrams_of(const Ring& ring, const Entry& entry) {
  const bool is_segmented = entry.submission.operation == Operation::segmented_send;
  const std::uint32_t segment_bytes = is_segmented && entry.submission.segment_bytes > 0
                                          ? entry.submission.segment_bytes
                                          : entry.payload_bytes;
  Datagrams packets;
  Place place{entry.slice, entry.more_slices};
  std::uint32_t left_bytes = entry.payload_bytes;
  do {
    const std::uint32_t length_bytes = std::min(left_bytes, segment_bytes);
    if (place.done_bytes == 0) {
      // What goes on in slices without a region of their own is as long as the datagram.
      packets.push_back(regions_.read_tag(
          place.slice, place.next == kNoSlice ? std::min(length_bytes, place.slice.length_bytes)
                                              : length_bytes));
    } else {
      packets.push_back(packets.back());
      ++packets.back().sequence;
      packets.back().damaged = place.done_bytes % segment_bytes != 0 ? 1 : packets.back().damaged;
    }
    packets.back().payload_bytes = length_bytes;
    const bool is_of_two =
        place.next != kNoSlice && place.done_bytes + length_bytes > place.slice.length_bytes;
    if (is_of_two) packets.back().damaged = 1;  // nobody has sent such a payload
    left_bytes -= length_bytes;
    place.done_bytes += length_bytes;
    while (place.next != kNoSlice && place.done_bytes >= place.slice.length_bytes) {
      const GatheredSlice& behind = ring.slices[place.next];
      place = {behind.slice, behind.next, place.done_bytes - place.slice.length_bytes};
    }
  } while (left_bytes > 0);
  return packets;
}

/// One datagram, or those of a segmented send, one after the other or merged. Only what follows
/// each other is merged: a frame has the tag of its first datagram.
Outcome Kernel::hand_to_device(SendSocket& socket, std::span<const Packet> packets, Instant at,
                               Choices& choices) {
  const Link& link = links_[socket.link];
  if (!link.has_carrier() && profile_.carrier_loss_is_told) {
    give_notice(packets.front().notice);
    return Outcome::unreachable;
  }
  const std::uint32_t segment_bytes = packets.front().payload_bytes;
  bool dropped = false;
  while (!packets.empty()) {
    Packet frame = packets.front();
    std::size_t count = 1;
    for (; link.carries_merged() && count < packets.size(); ++count) {
      const Packet& last = packets[count - 1];
      const Packet& next = packets[count];
      if (next.sequence != last.sequence + 1 || next.flow != last.flow ||
          next.damaged != last.damaged)
        break;
      frame.payload_bytes += next.payload_bytes;
      frame.segment_bytes = static_cast<std::uint16_t>(segment_bytes);
    }
    if (!transmit(socket, frame, at, choices)) dropped = true;
    packets = packets.subspan(count);
  }
  return dropped && socket.tells_drops != 0 && profile_.queue_drop_is_told ? Outcome::no_buffer
                                                                           : Outcome::ok;
}

/// False: the queueing discipline dropped it (K4).
bool Kernel::transmit(SendSocket& socket, Packet packet, Instant at, Choices& choices) {
  Link& link = links_[socket.link];
  sent_ += packet.datagrams();
  if (!link.has_carrier() || !link.is_up()) {
    link_losses_ += packet.datagrams();  // K7
    give_notice(packet.notice);
    return true;
  }
  const bool is_whole = packet.segment_bytes != 0;
  const std::uint32_t fragments =
      is_whole ? 1 : fragments_of(packet.payload_bytes, link.mtu_bytes());
  const std::uint16_t notice = std::exchange(packet.notice, std::uint16_t{0});
  packet.fragments = static_cast<std::uint8_t>(fragments);
  packet.has_checksum = link.fills_checksums() ? 1 : 0;
  for (std::uint32_t fragment = 0; fragment < fragments; ++fragment) {
    while (fragment > 0 && link.is_untimed() && link.is_full() && link.waiting_count() > 0 &&
           choices.pick(Site::departure, 2) == 1) {
      leave(link.depart());
    }
    if (link.is_full() || faults_.happens(FaultKind::queue_drop, at, choices)) {
      queue_drops_ += packet.datagrams();
      // The queue is run before what it dropped is freed.
      if (notice != 0 && link.is_untimed() && link.waiting_count() > 0 &&
          choices.pick(Site::departure, 2) == 1) {
        leave(link.depart());
      }
      give_notice(notice);
      return false;  // what is left of it is not sent
    }
    packet.fragment = static_cast<std::uint8_t>(fragment);
    packet.frame_bytes = is_whole
                             ? packet.payload_bytes
                             : fragment_bytes(packet.payload_bytes, link.mtu_bytes(), fragment);
    if (packet.is_last()) packet.notice = notice;
    socket.used_bytes += occupied_bytes(packet);
    std::int64_t service_ns = link.service_ns(packet);
    if (link.service() == LinkService::exponential && service_ns > 0) {
      service_ns = exponential(Q16{service_ns} << kQ16Bits,
                               choices.pick(Site::service, kExponentialDraws)) >>
                   kQ16Bits;
    }
    link.transmit(packet, at, service_ns);
  }
  return true;
}

/// What has left by now makes room in the middle of a submit.
void Kernel::make_room(SendSocket& socket, Link& link, Instant at) {
  if (!profile_.room_returns_inside_submit) return;
  while ((!socket.has_room() || link.is_full()) && link.departs_by(at)) leave(link.depart());
}

/// A frame leaves its sender's buffer.
void Kernel::leave(const Packet& packet) {
  give_notice(packet.notice);
  release(packet);
}

void Kernel::release(const Packet& packet) {
  SendSocket& socket = send_sockets_[packet.socket];
  socket.used_bytes -= occupied_bytes(packet);
  if (socket.waiting > 0 && socket.is_writable(profile_.writable_percent)) {  // K3
    wake(SocketIndex{packet_sockets_.size() + packet.socket}, true, profile_.retries_newest_first);
  }
}

void Kernel::lose_waiting(std::uint32_t index) {
  Link& link = links_[index];
  while (link.waiting_count() > 0) {
    const Packet packet = link.drop();
    if (packet.is_last()) link_losses_ += packet.datagrams();
    leave(packet);
  }
}

void Kernel::set_port_closed(SocketIndex socket, bool closed) {
  send_sockets_[send_index(socket)].port_is_closed = closed ? 1 : 0;
}

void Kernel::reopen(SocketIndex index, const SendSocketConfig& config) {
  SendSocket& socket = send_sockets_[send_index(index)];
  REPRISE_ASSERT(socket.waiting == 0);
  const std::uint32_t used_bytes = socket.used_bytes;  // what the last one sent still leaves
  socket = open_socket(config);
  socket.used_bytes = used_bytes;
}

void Kernel::refuse(std::uint32_t send_socket) { send_sockets_[send_socket].is_refused = 1; }

// Zero-copy sends.

std::uint16_t Kernel::take_notice(RingIndex ring, engine::Token token) {
  for (std::uint32_t index = 0; index < notices_.size(); ++index) {
    if (notices_[index].is_used != 0) continue;
    notices_[index] = {token, static_cast<std::uint32_t>(ring), 1};
    return static_cast<std::uint16_t>(index + 1);
  }
  REPRISE_ASSERT(false);  // notices: as many as sends can be open
  return 0;
}

void Kernel::give_notice(std::uint16_t number) {
  if (number == 0) return;
  Notice& notice = notices_[number - 1U];
  Work work;
  work.entry.submission.token = notice.token;
  work.kind = Work::Kind::notice;
  rings_[notice.ring].work.push(work);
  notice.is_used = 0;
}

}  // namespace reprise::sim
