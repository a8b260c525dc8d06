#include "reprise/engine/ingress.hpp"

#include <algorithm>
#include <expected>

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

/// Reads a frame's headers and judges what can be judged without the rules.
std::expected<Datagram, IngressDrop> examine(const Frame& frame, Slice bytes,
                                             const PacketMemory& memory) {
  switch (frame.type) {
    case PacketType::outgoing: return std::unexpected(IngressDrop::own);
    case PacketType::other_host: return std::unexpected(IngressDrop::other_host);
    case PacketType::host:
    case PacketType::broadcast:
    case PacketType::multicast: break;
  }
  const FrameBytes frame_bytes{memory.bytes(bytes), frame.captured_bytes, frame.original_bytes,
                               frame.format == FrameFormat::ip};
  const std::expected<Datagram, ParseError> datagram = parse(frame_bytes);
  if (!datagram) return std::unexpected(reason_of(datagram.error()));
  if (belongs_to_vlan(frame, *datagram)) return std::unexpected(IngressDrop::other_vlan);
  // Only what was verified is merged.
  const bool is_unverified =
      frame.checksum == ChecksumState::unverified && frame.segment_bytes == 0;
  if (is_unverified && !udp_checksum_is_valid(frame_bytes, *datagram)) {
    return std::unexpected(IngressDrop::bad_checksum);
  }
  return *datagram;
}

}  // namespace

void Ingress::place(FlatLayout& layout, const StageConfig& config) {
  layout.place(inputs_, config.inputs_max);
}

void Ingress::start(const StageConfig& config) {
  outstanding_max_ = config.pool;
  kernel_target_ = config.exhaustion == Exhaustion::drop ? config.landing : config.pool;
}

InputIndex Ingress::add_input(SocketIndex socket) {
  if (input_count_ == inputs_.size()) return kNoInput;
  Input& input = inputs_[input_count_];
  input.socket = socket;
  input.state = InputState::idle;
  if (stopping_ == 0) ++idle_count_;
  return InputIndex{input_count_++};
}

void Ingress::stop() {
  if (stopping_ != 0) return;
  stopping_ = 1;
  idle_count_ = 0;
  for (Input& input : inputs_.all()) {
    if (input.state != InputState::armed) continue;
    input.cancel = 1;
    ++to_cancel_;
  }
}

std::uint32_t Ingress::providable(const Ledger& ledger) const {
  if (stopping_ != 0 || ledger.kernel_count() >= kernel_target_) return 0;
  return std::min(ledger.free_count(), kernel_target_ - ledger.kernel_count());
}

bool Ingress::has_work(const Ledger& ledger) const {
  return providable(ledger) > 0 || to_cancel_ > 0 || (idle_count_ > 0 && ledger.kernel_count() > 0);
}

void Ingress::prepare(SubmissionList& list, Ledger& ledger) {
  const std::uint32_t provided = std::min(providable(ledger), list.slices_left());
  if (provided > 0) {
    list.add(Operation::provide, Token{});
    for (std::uint32_t i = 0; i < provided; ++i) list.add_slice({ledger.provide(), 0, 0});
  }
  if (to_cancel_ == 0 && (idle_count_ == 0 || ledger.kernel_count() == 0)) return;  // N3
  for (std::uint32_t index = 0; index < input_count_; ++index) {
    Input& input = inputs_[index];
    if (input.cancel != 0) {
      input.cancel = 0;
      --to_cancel_;
      ++cancels_open_;
      list.add(Operation::cancel, {inputs_.size() + index, 0}).target = {index, input.generation};
    } else if (input.state == InputState::idle && stopping_ == 0) {
      input.state = InputState::armed;
      --idle_count_;
      ++armed_count_;
      list.add(Operation::receive, {index, ++input.generation}, input.socket).flags =
          SubmissionFlags::kMultishot;
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
    // own.
    ledger.receive(completion.region);
    for (const Frame& frame : frames) {
      take_in(InputIndex{completion.token.slot}, frame, completion.region, memory, ledger, routes,
              accepted);
    }
    ledger.release(completion.region);  // N2
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
  input.state = InputState::idle;
  if (stopping_ == 0) ++idle_count_;
}

void Ingress::take_in(InputIndex input, const Frame& frame, RegionIndex region,
                      const PacketMemory& memory, Ledger& ledger, const RouteTable& routes,
                      Accepted& accepted) {
  ++counters_.received;
  if (stopping_ != 0) return count_drop(IngressDrop::stopping);
  const std::expected<Datagram, IngressDrop> datagram =
      examine(frame, {region, frame.offset_bytes, frame.captured_bytes}, memory);
  if (!datagram) return count_drop(datagram.error());
  const RouteMatch match = routes.match(input, *datagram);
  if (match.route == kNoRoute) {
    return count_drop(match.wrong_source ? IngressDrop::wrong_source : IngressDrop::no_rule);
  }
  // Datagrams that offloads merged into one frame are parted again; the last may be shorter.
  const std::uint32_t whole_bytes = datagram->payload_length_bytes;
  const std::uint32_t part_bytes = frame.segment_bytes == 0 ? whole_bytes : frame.segment_bytes;
  std::uint32_t done_bytes = 0;
  do {
    const std::uint32_t length_bytes = std::min(part_bytes, whole_bytes - done_bytes);
    if (done_bytes > 0) ++counters_.received;
    const Slice payload{region, frame.offset_bytes + datagram->payload_offset_bytes + done_bytes,
                        length_bytes};
    accept({payload, routes.first_output(match.route)}, ledger, accepted);
    done_bytes += length_bytes;
  } while (done_bytes < whole_bytes);
}

void Ingress::accept(const WorkItem& item, Ledger& ledger, Accepted& accepted) {
  // While its frames are read the region counts as outstanding itself.
  if (ledger.held_count() > outstanding_max_) return count_drop(IngressDrop::no_buffer);  // N4
  if (accepted.room == 0) return count_drop(IngressDrop::backlog_full);
  --accepted.room;
  ledger.retain(item.payload.region);
  ++counters_.accepted;
  counters_.received_bytes += item.payload.length_bytes;
  accepted.items->push(item);
}

}  // namespace reprise::engine
