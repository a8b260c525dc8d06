#include "reprise/sim/kernel.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "reprise/engine/packet.hpp"

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

/// What a datagram's payload starts with; the rest of the payload follows from it.
struct Tag {
  std::uint64_t sequence;
  std::uint32_t flow;
  std::uint32_t check;
};
static_assert(sizeof(Tag) == kTagBytes);

std::uint32_t check_of(std::uint64_t sequence, std::uint32_t flow, std::uint32_t payload_bytes) {
  return static_cast<std::uint32_t>(
      mix(sequence ^ (std::uint64_t{flow} << 40) ^ (std::uint64_t{payload_bytes} << 20)));
}

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

}  // namespace

engine::Address group_of(std::uint32_t node, std::uint32_t flow) {
  return engine::Address::ipv4(239, static_cast<std::uint8_t>(node + 1),
                               static_cast<std::uint8_t>(flow >> 8),
                               static_cast<std::uint8_t>(flow));
}

HeaderBytes make_header(std::uint32_t node, std::uint32_t flow, std::uint32_t payload_bytes) {
  engine::FrameHeader header;
  header.source = engine::Address::ipv4(10, static_cast<std::uint8_t>(node), 0, 1);
  header.destination = group_of(node, flow);
  header.source_port = 40'000;
  header.destination_port = kPort;
  HeaderBytes bytes{};
  REPRISE_ASSERT(engine::build_headers(header, payload_bytes, bytes) == kHeaderBytes);
  return bytes;
}

void Kernel::Link::place(engine::FlatLayout& layout, const LinkConfig& config) {
  const std::int64_t carried_max = std::clamp<std::int64_t>(config.delay_ns / 1000, 0, 1'000'000);
  layout.place(frames, config.queue + static_cast<std::uint32_t>(carried_max));
  layout.place(stalls, static_cast<std::uint32_t>(config.stalls.size() * 2));
}

void Kernel::Ring::place(engine::FlatLayout& layout, const KernelConfig& config) {
  const engine::StageConfig& stage = config.node.stage;
  layout.place(queue, stage.submissions_max);
  layout.place(paused, stage.sends_max);
  // At most: a completion for every region, send, receive, wait and cancel that can be open (K6).
  layout.place(completions, stage.region_count() + stage.sends_max + 2 * stage.outputs_max + 4);
  completions_max = config.node.completions_max;
}

void Kernel::place(engine::FlatLayout& layout, const KernelConfig& config) {
  const NodeConfig& node = config.node;
  const engine::StageConfig& stage = node.stage;
  const auto flows = static_cast<std::uint32_t>(config.payload_bytes.size());
  const std::vector<KernelConfig> rings(node.threads, config);
  layout.place(rings_, std::span<const KernelConfig>(rings));
  layout.place(provided_, stage.region_count());
  layout.place(regions_, stage.region_count());
  layout.place(headers_, flows);
  layout.place(socket_queue_, node.receive_buffer_bytes / buffer_bytes(kTagBytes) + 1);
  layout.place(send_sockets_, flows * node.fan_out);
  const std::vector<LinkConfig> links(node.fan_out, node.link);
  layout.place(links_, std::span<const LinkConfig>(links));
}

void Kernel::start(const KernelConfig& config) {
  const NodeConfig& node = config.node;
  region_bytes_ = node.stage.region_bytes;
  receive_buffer_bytes_ = node.receive_buffer_bytes;
  send_buffer_bytes_ = node.send_buffer_bytes;
  fan_out_ = node.fan_out;
  receives_at_enter_ = config.profile.receives_at_enter ? 1 : 0;
  send_errors_per_million_ = config.send_errors_per_million;
  chain_pauses_per_million_ = config.profile.chain_pauses_per_million;
  for (std::uint32_t flow = 0; flow < headers_.size(); ++flow) {
    headers_[flow] = make_header(config.index, flow, config.payload_bytes[flow]);
  }
  for (std::uint32_t link = 0; link < links_.size(); ++link) {
    links_[link].bits_per_second = node.link.bits_per_second;
    links_[link].delay_ns = node.link.delay_ns;
    links_[link].queue_max = node.link.queue;
    std::uint32_t place = 0;
    for (const Stall& stall : node.link.stalls) {
      links_[link].stalls[place++] = stall.start_ns;
      links_[link].stalls[place++] = stall.start_ns + stall.length_ns;
    }
  }
}

// The ring.

void Kernel::prepare(RingIndex ring, const Submission& submission, Slice slice) {
  at(ring).queue.push({submission, slice, 0});
}

Kernel::Executed Kernel::execute_next(RingIndex index, Instant at_instant, Choices& choices) {
  Ring& ring = at(index);
  Executed done = execute(index, ring.queue.pop(), at_instant, choices);
  const bool has_rest =
      (done.submission.flags & SubmissionFlags::kLinked) != 0 && !ring.queue.empty();
  done.pauses = has_rest && done.outcome == Outcome::ok && chain_pauses_per_million_ > 0 &&
                choices.pick(Site::chain_pause, 1'000'000) >= 1'000'000 - chain_pauses_per_million_;
  return done;
}

void Kernel::pause_chain(RingIndex index) {
  Ring& ring = at(index);
  for (bool linked = true; linked && !ring.queue.empty();) {
    const Prepared prepared = ring.queue.pop();
    linked = (prepared.submission.flags & SubmissionFlags::kLinked) != 0;
    ring.paused.push(prepared);
  }
}

Kernel::Executed Kernel::execute_paused(RingIndex ring, Instant at_instant, Choices& choices) {
  return execute(ring, at(ring).paused.pop(), at_instant, choices);
}

Kernel::Executed Kernel::execute(RingIndex index, const Prepared& prepared, Instant at_instant,
                                 Choices& choices) {
  Ring& ring = at(index);
  const Submission& submission = prepared.submission;
  const bool linked = (submission.flags & SubmissionFlags::kLinked) != 0;
  Outcome outcome = Outcome::ok;
  bool completes = true;
  if (ring.chain_broken != 0) {
    outcome = Outcome::cancelled;  // K2
  } else {
    switch (submission.operation) {
      case Operation::send: outcome = send(prepared, at_instant, choices); break;
      case Operation::receive:
        REPRISE_ASSERT(receive_armed_ == 0 &&
                       (submission.flags & SubmissionFlags::kMultishot) != 0);
        receive_armed_ = receive_was_armed_ = 1;
        receive_token_ = submission.token;
        receive_ring_ = index;
        completes = false;
        break;
      case Operation::wait_writable: {
        SendSocket& socket = send_sockets_[static_cast<std::uint32_t>(submission.socket) - 1];
        completes = socket.used_bytes < send_buffer_bytes_ / 2;  // K3
        if (!completes) {
          socket.wait = submission.token;
          socket.wait_armed = 1;
          socket.wait_ring = index;
        }
        break;
      }
      case Operation::cancel: outcome = cancel(index, submission.target); break;
      case Operation::packet_ring_receive:
      case Operation::segmented_send:
      case Operation::zero_copy_send:
      case Operation::wait_readable:
      case Operation::deadline: outcome = Outcome::invalid; break;  // not in limits().operations
      case Operation::provide: REPRISE_ASSERT(false); break;  // takes effect when it is prepared
    }
  }
  ring.chain_broken = linked && outcome != Outcome::ok ? 1 : 0;
  if (completes) {
    Posted& posted = post(index, submission.token, outcome);
    if (submission.operation == Operation::send && outcome == Outcome::ok) {
      posted.result_bytes = prepared.slice.length_bytes;
    }
  }
  return {submission, outcome, prepared.slice, false};
}

Outcome Kernel::send(const Prepared& prepared, Instant at, Choices& choices) {
  REPRISE_ASSERT((prepared.submission.flags & SubmissionFlags::kDoNotWait) != 0);
  if (send_errors_per_million_ > 0 &&
      choices.pick(Site::send_error, 1'000'000) >= 1'000'000 - send_errors_per_million_) {
    return Outcome::unreachable;
  }
  const std::uint32_t index = static_cast<std::uint32_t>(prepared.submission.socket) - 1;
  SendSocket& socket = send_sockets_[index];
  Link& link = links_[index % fan_out_];
  // What has left by now makes room in the middle of a submit.
  while ((socket.used_bytes >= send_buffer_bytes_ || link.is_full()) && link.departs_by(at)) {
    depart(link);
  }
  if (socket.used_bytes >= send_buffer_bytes_) return Outcome::refused;  // K1, K3
  ++sent_;
  Packet packet = read_tag(prepared.slice);
  packet.socket = index;
  if (link.is_full()) {
    ++queue_drops_;  // K4
    return Outcome::ok;
  }
  socket.used_bytes += buffer_bytes(packet.payload_bytes);
  transmit(link, packet, at);
  return Outcome::ok;
}

void Kernel::transmit(Link& link, const Packet& packet, Instant at) {
  Instant start = std::max(at, link.free_at);
  std::int64_t length_ns = 0;
  if (link.bits_per_second > 0) {
    const std::uint64_t bits =
        std::uint64_t{packet.payload_bytes + kHeaderBytes + 24} * 8;  // preamble, FCS, gap
    length_ns = static_cast<std::int64_t>(bits * 1'000'000'000 / link.bits_per_second);
  }
  for (std::uint32_t stall = 0; stall < link.stalls.size(); stall += 2) {
    if (start.ns >= link.stalls[stall] && start.ns < link.stalls[stall + 1])
      start.ns = link.stalls[stall + 1];
  }
  link.free_at = Instant{start.ns + length_ns};
  link.frames.push({packet, link.free_at, Instant{link.free_at.ns + link.delay_ns}});
}

Outcome Kernel::cancel(RingIndex ring, Token target) {
  if (receive_armed_ != 0 && receive_ring_ == ring && receive_token_ == target) {
    receive_armed_ = 0;
    post(ring, target, Outcome::cancelled);
    return Outcome::ok;
  }
  for (SendSocket& socket : send_sockets_.all()) {
    if (socket.wait_armed == 0 || socket.wait_ring != ring || socket.wait != target) continue;
    socket.wait_armed = 0;
    post(ring, target, Outcome::cancelled);
    return Outcome::ok;
  }
  return Outcome::invalid;
}

Kernel::Posted& Kernel::post(RingIndex index, Token token, Outcome outcome, bool more) {
  Ring& ring = at(index);
  if (ring.completions.size() >= ring.completions_max) ++ring.overflows;  // K6
  Posted posted;
  posted.token = token;
  posted.outcome = outcome;
  posted.errno_value = errno_of(outcome);
  posted.more = more ? 1 : 0;
  ring.completions.push(posted);
  return ring.completions[ring.completions.size() - 1];
}

// Receiving.

bool Kernel::arrive(const Packet& packet, bool waiting) {
  ++arrived_;
  if (socket_used_bytes_ + buffer_bytes(packet.payload_bytes) > receive_buffer_bytes_ ||
      socket_queue_.full()) {
    ++kernel_drops_;
    return false;
  }
  socket_used_bytes_ += buffer_bytes(packet.payload_bytes);
  socket_queue_.push(packet);
  if (receive_armed_ == 0) {
    if (receive_was_armed_ != 0) mark_missed();
  } else if (waiting || receives_at_enter_ == 0) {
    receive(receive_ring_);
  }
  return true;
}

void Kernel::mark_missed() {
  for (; missed_count_ < socket_queue_.size(); ++missed_count_) ++found_no_buffer_;
}

Kernel::Moved Kernel::receive(RingIndex ring) {
  Moved moved;
  if (receive_armed_ == 0 || receive_ring_ != ring || socket_queue_.empty()) return moved;
  for (; !socket_queue_.empty() && !provided_.empty(); ++moved.frames) {
    const Packet packet = socket_queue_.pop();
    if (missed_count_ > 0) --missed_count_;
    socket_used_bytes_ -= buffer_bytes(packet.payload_bytes);
    const RegionIndex region = provided_.pop();
    write_frame(region, packet);
    Posted& posted = post(ring, receive_token_, Outcome::ok, true);
    posted.region = region;
    posted.packet = packet;
    moved.payload_bytes += packet.payload_bytes;
  }
  if (provided_.empty()) {  // K5
    receive_armed_ = 0;
    mark_missed();
    post(ring, receive_token_, Outcome::no_buffer);
  }
  return moved;
}

void Kernel::write_frame(RegionIndex region, const Packet& packet) {
  std::byte* bytes = regions_[static_cast<std::uint32_t>(region)].bytes.data();
  const HeaderBytes& header = headers_[packet.flow];
  std::memcpy(bytes, header.data(), header.size());
  Tag tag{packet.sequence, packet.flow,
          check_of(packet.sequence, packet.flow, packet.payload_bytes)};
  if (packet.damaged != 0) tag.check = ~tag.check;
  std::memcpy(bytes + kHeaderBytes, &tag, sizeof tag);
}

Packet Kernel::read_tag(Slice slice) const {
  Packet packet;
  packet.payload_bytes = slice.length_bytes;
  const std::span<const std::byte> bytes = memory().bytes(slice);
  Tag tag{};
  if (bytes.size() < sizeof tag) {
    packet.damaged = 1;
    return packet;
  }
  std::memcpy(&tag, bytes.data(), sizeof tag);
  packet.sequence = tag.sequence;
  packet.flow = tag.flow;
  packet.damaged = tag.check == check_of(tag.sequence, tag.flow, slice.length_bytes) ? 0 : 1;
  if (packet.flow >= headers_.size()) packet.flow = 0;
  return packet;
}

engine::PacketMemory Kernel::memory() const {
  return {regions_.all().data()->bytes.data(), sizeof(RegionBytes), kVisibleBytes, region_bytes_,
          regions_.size()};
}

engine::SocketStatistics Kernel::statistics(SocketIndex socket) const {
  return {socket == SocketIndex{0} ? kernel_drops_ : 0};
}

engine::Limits Kernel::limits() const {
  engine::Limits limits;
  limits.submissions_max = rings_[0].queue.capacity();
  limits.completions_max = rings_[0].completions_max;
  for (const Operation operation : {Operation::receive, Operation::send, Operation::provide,
                                    Operation::wait_writable, Operation::cancel}) {
    limits.operations |= 1U << static_cast<unsigned>(operation);
  }
  return limits;
}

bool Kernel::agrees_with(const engine::Stage& stage) const {
  std::vector<bool> seen(regions_.size(), false);
  std::uint32_t regions = 0;
  std::uint64_t frames = 0;
  const auto belongs_to_kernel = [&](RegionIndex region) {
    const auto index = static_cast<std::uint32_t>(region);
    if (seen[index] || stage.ledger().owner(region) != engine::Owner::kernel) return false;
    seen[index] = true;
    ++regions;
    return true;
  };
  for (std::uint32_t i = 0; i < provided_.size(); ++i) {
    if (!belongs_to_kernel(provided_[i])) return false;
  }
  const engine::FlatQueue<Posted>& completions = at(receive_ring_).completions;
  for (std::uint32_t i = 0; i < completions.size(); ++i) {
    if (completions[i].region == engine::kNoRegion) continue;
    if (!belongs_to_kernel(completions[i].region)) return false;
    ++frames;
  }
  const engine::SubmissionView outgoing = stage.outgoing();
  for (const Submission& submission : outgoing.submissions) {
    if (submission.operation != Operation::provide) continue;
    for (const Slice& slice :
         outgoing.slices.subspan(submission.slice_first, submission.slice_count)) {
      if (!belongs_to_kernel(slice.region)) return false;
    }
  }
  if (regions != stage.ledger().kernel_count()) return false;
  return arrived_ ==
         kernel_drops_ + socket_queue_.size() + frames + stage.ingress_counters().received;
}

std::uint64_t Kernel::travelling() const {
  std::uint64_t frames = 0;
  for (std::uint32_t link = 0; link < links_.size(); ++link) frames += links_[link].frames.size();
  return frames;
}

// Links.

Instant Kernel::next_link_instant(std::uint32_t index) const {
  const Link& link = links_[index];
  Instant next = engine::kNever;
  if (link.departed < link.frames.size()) next = link.frames[link.departed].departs;
  if (link.departed > 0) next = std::min(next, link.frames[0].arrives);
  return next;
}

const Packet& Kernel::depart(Link& link) {
  const Packet& packet = link.frames[link.departed++].packet;
  SendSocket& socket = send_sockets_[packet.socket];
  socket.used_bytes -= buffer_bytes(packet.payload_bytes);
  if (socket.wait_armed != 0 && socket.used_bytes < send_buffer_bytes_ / 2) {  // K3
    socket.wait_armed = 0;
    post(socket.wait_ring, socket.wait, Outcome::ok);
  }
  return packet;
}

Kernel::LinkEvent Kernel::step_link(std::uint32_t index) {
  Link& link = links_[index];
  // A departure goes before an arrival at the same instant, so that a frame departs before it
  // arrives.
  if (link.departed == 0 || link.departs_by(link.frames[0].arrives)) return {false, depart(link)};
  --link.departed;
  return {true, link.frames.pop().packet};
}

}  // namespace reprise::sim
