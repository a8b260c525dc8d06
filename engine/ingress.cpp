#include "reprise/engine/ingress.hpp"

#include <algorithm>
#include <cstring>
#include <expected>
#include <optional>

namespace reprise::engine {
namespace {

IngressDrop reason_of(ParseError error) {
  switch (error) {
    case ParseError::not_ip: return IngressDrop::not_ip;
    case ParseError::not_udp: return IngressDrop::not_udp;
    case ParseError::fragment: return IngressDrop::fragment;
    case ParseError::malformed: return IngressDrop::malformed;
    case ParseError::truncated: return IngressDrop::truncated;
  }
  return IngressDrop::malformed;
}

/// Whether a tag names a VLAN. VLAN 0 only gives a priority (IEEE 802.1Q, 9.6).
bool names_vlan(std::uint16_t tci) { return (tci & 0x0fff) != 0; }

bool belongs_to_vlan(const Frame& frame, const Datagram& datagram) {
  if (frame.has_vlan && names_vlan(frame.vlan_tci)) return true;
  for (std::size_t tag = 0; tag < datagram.vlan_count; ++tag) {
    if (names_vlan(datagram.vlan_tci[tag])) return true;
  }
  return false;
}

/// Whether somebody has to verify the UDP checksum yet. Only what was verified is merged.
bool is_unverified(const Frame& frame) {
  return frame.checksum == ChecksumState::unverified && frame.segment_bytes == 0;
}

/// Why a packet of this type is not for a relay.
std::optional<IngressDrop> refuse_type(PacketType type) {
  switch (type) {
    case PacketType::outgoing: return IngressDrop::own;
    case PacketType::other_host: return IngressDrop::other_host;
    case PacketType::host:
    case PacketType::broadcast:
    case PacketType::multicast: break;
  }
  return std::nullopt;
}

/// Reads the headers of a frame that came for us and judges what can be judged without the rules.
std::expected<Datagram, IngressDrop> examine(const Frame& frame, const FrameBytes& bytes) {
  const std::expected<Datagram, ParseError> datagram = parse(bytes);
  if (!datagram) return std::unexpected(reason_of(datagram.error()));
  if (belongs_to_vlan(frame, *datagram)) return std::unexpected(IngressDrop::other_vlan);
  if (is_unverified(frame) && !udp_checksum_is_valid(bytes, *datagram)) {
    return std::unexpected(IngressDrop::bad_checksum);
  }
  return *datagram;
}

FlowTag flow_tag(const Datagram& datagram) {
  std::uint64_t mixed = datagram.source_port;
  for (std::size_t at = 0; at < datagram.source.bytes.size(); at += sizeof(std::uint64_t)) {
    std::uint64_t part = 0;
    std::memcpy(&part, &datagram.source.bytes[at], sizeof(part));
    mixed = (mixed ^ part) * 0x9e37'79b9'7f4a'7c15U;
  }
  return static_cast<FlowTag>(mixed >> 48U);
}

}  // namespace

void Ingress::place(FlatLayout& layout, const StageConfig& config) {
  layout.place(inputs_, config.inputs_max);
}

void Ingress::start(const StageConfig& config) {
  outstanding_max_ = config.pool;
  kernel_target_ = config.exhaustion == Exhaustion::drop ? config.landing : config.pool;
}

InputIndex Ingress::add_input(const InputSpec& spec) {
  if (input_count_ == inputs_.size()) return kNoInput;
  const InputIndex index{input_count_++};
  Input& input = inputs_[static_cast<std::uint32_t>(index)];
  input.socket = spec.socket;
  input.routes_of = spec.routes_of == kNoInput ? index : spec.routes_of;
  input.has_ring = spec.has_ring ? 1 : 0;
  if (spec.has_ring) ++ring_count_;
  input.is_paused = 1;
  input.state = InputState::paused;
  if (!spec.is_paused) resume(index);
  return index;
}

void Ingress::pause(InputIndex index) {
  Input& input = inputs_[static_cast<std::uint32_t>(index)];
  if (input.is_paused != 0) return;
  input.is_paused = 1;
  if (input.state == InputState::armed) request_cancel(input);
  if (input.state != InputState::idle) return;
  input.state = InputState::paused;
  count_idle(input, -1);
}

void Ingress::resume(InputIndex index) {
  Input& input = inputs_[static_cast<std::uint32_t>(index)];
  input.is_paused = 0;
  if (input.state != InputState::paused) return;
  input.state = InputState::idle;
  count_idle(input, 1);
}

/// Inputs that wait to be armed.
void Ingress::count_idle(const Input& input, int change) {
  if (stopping_ != 0) return;
  (input.has_ring != 0 ? idle_ring_count_ : idle_count_) += static_cast<std::uint32_t>(change);
}

void Ingress::request_cancel(Input& input) {
  if (input.cancel != 0) return;
  input.cancel = 1;
  ++to_cancel_;
}

void Ingress::stop() {
  if (stopping_ != 0) return;
  stopping_ = 1;
  idle_count_ = idle_ring_count_ = 0;
  for (Input& input : inputs_.all()) {
    if (input.state == InputState::armed && input.is_paused == 0) request_cancel(input);
  }
}

std::uint32_t Ingress::providable(const Ledger& ledger) const {
  if (stopping_ != 0 || ledger.kernel_count() >= kernel_target()) return 0;
  return std::min(ledger.free_count(), kernel_target() - ledger.kernel_count());
}

bool Ingress::has_work(const Ledger& ledger) const {
  return providable(ledger) > 0 || to_cancel_ > 0 || idle_ring_count_ > 0 ||
         (idle_count_ > 0 && ledger.kernel_count() > 0) || ledger.free_block_count() > 0;
}

void Ingress::add_provides(SubmissionList& list, Ledger& ledger) {
  const std::uint32_t buffers = std::min(providable(ledger), list.slices_left());
  const std::uint32_t blocks =
      std::min(ledger.free_block_count(), list.slices_left() - buffers);  // N5
  if (buffers + blocks == 0) return;
  list.add(Operation::provide, Token{});
  for (std::uint32_t i = 0; i < buffers; ++i) list.add_slice({ledger.provide(), 0, 0});
  for (std::uint32_t i = 0; i < blocks; ++i) list.add_slice({ledger.provide_block(), 0, 0});
}

void Ingress::prepare(SubmissionList& list, Ledger& ledger) {
  add_provides(list, ledger);
  const bool arms_frames = idle_count_ > 0 && ledger.kernel_count() > 0;  // N3
  if (to_cancel_ == 0 && idle_ring_count_ == 0 && !arms_frames) return;
  for (std::uint32_t index = 0; index < input_count_; ++index) {
    Input& input = inputs_[index];
    if (input.cancel != 0) {
      input.cancel = 0;
      --to_cancel_;
      ++cancels_open_;
      list.add(Operation::cancel, {inputs_.size() + index, 0}).target = {index, input.generation};
    } else if (input.state == InputState::idle && stopping_ == 0 &&
               (input.has_ring != 0 || arms_frames)) {
      count_idle(input, -1);
      input.state = InputState::armed;
      ++armed_count_;
      list.add(input.has_ring != 0 ? Operation::packet_ring_receive : Operation::receive,
               {index, ++input.generation}, input.socket)
          .flags = SubmissionFlags::kMultishot;
    }
  }
}

void Ingress::complete(const Completion& completion, std::span<const Frame> frames,
                       const PacketMemory& memory, Ledger& ledger, const RouteTable& routes,
                       Accepted& accepted) {
  if (completion.token.slot >= inputs_.size()) {
    --cancels_open_;
    return;
  }
  Input& input = inputs_[completion.token.slot];
  REPRISE_ASSERT(input.state == InputState::armed &&
                 input.generation == completion.token.generation);  // I1, I2
  if (completion.region != kNoRegion) {
    // This reference covers the region while its frames are read; accepted datagrams hold their
    // own. A block may have it since an earlier completion.
    if (ledger.owner(completion.region) == Owner::kernel) ledger.receive(completion.region);
    input.frames += frames.size();
    for (const Frame& frame : frames) {
      take_in(input.routes_of, frame, completion.region, memory, ledger, routes, accepted);
    }
    if (completion.region_complete) ledger.release(completion.region);  // N2
  }
  if (!completion.more) receive_ended(input, completion);
}

void Ingress::receive_ended(Input& input, const Completion& completion) {
  --armed_count_;
  if (input.cancel != 0) {
    input.cancel = 0;
    --to_cancel_;
  }
  switch (completion.outcome) {
    case Outcome::ok:
    case Outcome::cancelled: break;
    case Outcome::no_buffer: ++counters_.receives_exhausted; break;
    case Outcome::unreachable:  // the interface went down: the socket receives again when it is up
    case Outcome::refused:
    case Outcome::too_large:
    case Outcome::connection_refused:
    case Outcome::expired: ++counters_.receives_failed; break;
    case Outcome::not_permitted:
    case Outcome::invalid:
    case Outcome::failed:
      ++counters_.receives_failed;
      input.state = InputState::failed;
      return;
  }
  input.state = InputState::paused;
  if (input.is_paused != 0) return;
  input.state = InputState::idle;
  count_idle(input, 1);
}

void Ingress::take_in(InputIndex input, const Frame& frame, RegionIndex region,
                      const PacketMemory& memory, Ledger& ledger, const RouteTable& routes,
                      Accepted& accepted) {
  if (stopping_ != 0) return drop(IngressDrop::stopping, frame.datagrams_max());
  if (const auto refused = refuse_type(frame.type)) return drop(*refused, frame.datagrams_max());
  const FrameBytes bytes{memory.bytes({region, frame.offset_bytes, frame.captured_bytes}),
                         frame.captured_bytes, frame.original_bytes,
                         frame.format == FrameFormat::ip};
  std::optional<Arrived> arrived = recognise(input, frame, bytes, routes);
  if (!arrived) arrived = judge(input, frame, bytes, routes);
  if (!arrived) return;
  ++counters_.received;
  // Datagrams that offloads merged into one frame are parted again; the last may be shorter.
  const std::uint32_t whole_bytes = arrived->payload_length_bytes;
  const std::uint32_t part_bytes = frame.segment_bytes == 0 ? whole_bytes : frame.segment_bytes;
  std::uint32_t done_bytes = 0;
  do {
    const std::uint32_t length_bytes = std::min(part_bytes, whole_bytes - done_bytes);
    if (done_bytes > 0) ++counters_.received;
    const Payload payload{region, arrived->payload_offset_bytes + done_bytes,
                          static_cast<std::uint16_t>(length_bytes), arrived->flow};
    accept({payload, arrived->first_output}, ledger, accepted);
    done_bytes += length_bytes;
  } while (done_bytes < whole_bytes);
}

std::optional<Ingress::Arrived> Ingress::recognise(InputIndex input, const Frame& frame,
                                                   const FrameBytes& bytes,
                                                   const RouteTable& routes) const {
  const bool needs_parsing = !PlainHeaders::may_be_plain(bytes) || is_unverified(frame) ||
                             refuse_type(frame.type) ||
                             (frame.has_vlan && names_vlan(frame.vlan_tci));
  if (needs_parsing) return std::nullopt;
  const RecentFlow& recent = recent_[PlainHeaders::place_of(bytes, kRecentFlows)];
  if (recent.input != input || recent.routes_version != routes.version()) return std::nullopt;
  const std::optional<std::uint32_t> length_bytes = recent.headers.recognise(bytes);
  if (!length_bytes) return std::nullopt;
  return Arrived{recent.flow, recent.first_output,
                 frame.offset_bytes + PlainHeaders::kPayloadOffsetBytes, *length_bytes};
}

std::optional<Ingress::Arrived> Ingress::judge(InputIndex input, const Frame& frame,
                                               const FrameBytes& bytes, const RouteTable& routes) {
  const std::expected<Datagram, IngressDrop> datagram = examine(frame, bytes);
  if (!datagram) {
    drop(datagram.error(), frame.datagrams_max());
    return std::nullopt;
  }
  const RecentFlow* const flow = flow_of(input, *datagram, bytes, routes);
  if (flow == nullptr) {
    drop(routes.match(input, *datagram).wrong_source ? IngressDrop::wrong_source
                                                     : IngressDrop::no_rule,
         frame.datagrams_max());
    return std::nullopt;
  }
  return Arrived{flow->flow, flow->first_output,
                 frame.offset_bytes + datagram->payload_offset_bytes,
                 datagram->payload_length_bytes};
}

const Ingress::RecentFlow* Ingress::flow_of(InputIndex input, const Datagram& datagram,
                                            const FrameBytes& bytes, const RouteTable& routes) {
  // For a plain frame, the place where recognise() looks.
  const std::size_t place = PlainHeaders::may_be_plain(bytes)
                                ? PlainHeaders::place_of(bytes, kRecentFlows)
                                : (datagram.destination_port ^ datagram.source_port) % kRecentFlows;
  RecentFlow& recent = recent_[place];
  if (datagram.source_port == recent.source_port &&
      datagram.destination_port == recent.destination_port && input == recent.input &&
      routes.version() == recent.routes_version && datagram.source == recent.source &&
      datagram.destination == recent.destination) {
    if (!recent.headers.is_set()) recent.headers = PlainHeaders::of(bytes);
    return &recent;
  }
  const RouteMatch match = routes.match(input, datagram);
  if (match.route == kNoRoute) return nullptr;
  recent = {.headers = PlainHeaders::of(bytes),
            .source = datagram.source,
            .destination = datagram.destination,
            .input = input,
            .routes_version = routes.version(),
            .source_port = datagram.source_port,
            .destination_port = datagram.destination_port,
            .flow = flow_tag(datagram),
            .first_output = routes.first_output(match.route)};
  return &recent;
}

void Ingress::accept(const WorkItem& item, Ledger& ledger, Accepted& accepted) {
  // While its frames are read the region counts as outstanding itself.
  if (ledger.held_buffer_count() > outstanding_max_) {
    return count_drop(IngressDrop::no_buffer);  // N4
  }
  if (accepted.room == 0) return count_drop(IngressDrop::backlog_full);
  --accepted.room;
  ledger.retain(item.payload.region);
  ++counters_.accepted;
  counters_.received_bytes += item.payload.length_bytes;
  accepted.items->push(item);
}

}  // namespace reprise::engine
