#include "reprise/trial/differential/model_state.hpp"

#include <algorithm>
#include <cstring>

#include "reprise/sim/packet.hpp"

namespace reprise::trial {

using engine::Instant;
using engine::Operation;
using engine::SocketIndex;

namespace {

constexpr std::uint32_t kSmallestMtu = 576;
/// What a token bucket counts beside the payload: Ethernet, IPv4 and UDP header.
constexpr std::uint32_t kCountedHeaderBytes = sim::kHeaderBytes;
/// A bucket that fills with one byte a second may have got a few.
constexpr std::uint32_t kSlackBytes = 4;

struct Sizes {
  std::uint32_t tokens = 0;
  std::uint32_t datagrams = 0;
  std::uint32_t frames = 0;          ///< on all links, at any MTU
  std::uint32_t frames_at_once = 1;  ///< of one send
  std::uint32_t completions = 0;
  std::uint32_t gathered = 0;  ///< slices behind the first ones
};

Sizes sizes_of(const Trace& trace) {
  Sizes sizes;
  for (const Act& act : trace.acts) {
    sizes.completions += static_cast<std::uint32_t>(act.completions.size());
    for (const TraceEntry& entry : act.entries) {
      sizes.tokens = std::max(sizes.tokens, entry.token);
      if (!engine::is_send(entry.operation)) continue;
      const std::uint32_t datagrams = datagram_count(entry);
      if (entry.sequence_step != 0) sizes.gathered += kGatheredMax - 1;
      const std::uint32_t frames =
          datagrams *
          sim::fragments_of(entry.segment_bytes == 0 ? entry.payload_bytes : entry.segment_bytes,
                            kSmallestMtu);
      sizes.datagrams += datagrams;
      sizes.frames += frames;
      sizes.frames_at_once = std::max(sizes.frames_at_once, frames);
    }
  }
  return sizes;
}

}  // namespace

sim::KernelConfig kernel_config(const Trace& trace, const sim::KernelProfile& profile) {
  const TraceSetup& setup = trace.setup;
  const Sizes sizes = sizes_of(trace);
  sim::KernelConfig config;
  config.profile = profile;
  config.rings = {{.submissions_max = setup.submissions_max,
                   .completions_max = setup.completions_max,
                   .operations_max = sizes.tokens + 1,
                   .posted_max = sizes.completions + sizes.datagrams + 2 * sizes.tokens + 8,
                   .slices_max = sizes.gathered}};
  config.packet_sockets.clear();
  for (const ReceiverSetup& receiver : setup.receivers) {
    sim::PacketSocketConfig socket;
    socket.frames_max = sizes.datagrams + 1;
    socket.header_bytes = receiver.is_packet_socket ? sim::kHeaderBytes : 0;
    // A UDP socket's buffer is larger than anything that a trace sends.
    socket.buffer_bytes = receiver.is_packet_socket ? receiver.buffer_bytes : kUnlimited;
    config.packet_sockets.push_back(socket);
  }
  for (std::uint32_t index = 0; index < setup.senders.size(); ++index) {
    const SenderSetup& sender = setup.senders[index];
    config.send_sockets.push_back({.link = sender.link,
                                   .flow = index,
                                   .buffer_bytes = sender.buffer_bytes,
                                   .tells_drops = sender.tells_drops,
                                   .forbids_fragments = sender.forbids_fragments,
                                   .port_is_closed = sender.receiver == kNoReceiver});
    config.headers.push_back(sim::make_header(0, index, sim::kTagBytes));
  }
  for (const LinkSetup& from : setup.links) {
    sim::LinkConfig link;
    link.queue = from.is_shaped ? std::min(from.queue, sizes.frames + 1) : sizes.frames_at_once + 1;
    link.delay_ns = std::int64_t{1000} * sizes.frames;  // room for as many on the cable
    config.links.push_back(link);
  }
  config.regions = setup.regions + sizes.tokens + 1;
  config.region_bytes = setup.region_bytes;
  config.visible_bytes = (sizes.gathered > 0 ? kGatheredMax : 1) * sim::kTagBytes;
  config.notices = sizes.tokens;
  return config;
}

std::string ModelState::key() const {
  std::vector<std::byte> bytes;
  bytes.reserve(4096);
  kernel().append_state(bytes);
  std::string key(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  const auto append = [&key](std::uint32_t value) {
    key.append(reinterpret_cast<const char*>(&value), sizeof value);
  };
  for (const std::uint32_t allowance : allowance_bytes) append(allowance);
  append(posted);
  append(in_queue);
  append(submitted);
  append(rounds);
  append(batch);
  append(is_cut ? 1 : 0);
  append(static_cast<std::uint32_t>(phase));
  return key;
}

// The environment.

Environment::Environment(const TraceSetup& setup) : setup_(&setup) {
  for (const ReceiverSetup& receiver : setup.receivers) {
    if (receiver.is_packet_socket) has_packet_socket_[receiver.link] = true;
  }
}

bool Environment::deliver(ModelState& state) const {
  for (std::uint32_t link = 0; link < setup_->links.size(); ++link) {
    const sim::Link& cable = state.kernel().link(link);
    while (cable.carried_count() > 0) {  // it left inside a send
      if (!spend(state, link, state.kernel().step_link(link))) return false;
    }
    if (setup_->links[link].is_shaped) continue;
    while (cable.waiting_count() > 0) {
      if (!move_frame(state, link, true)) return false;
    }
  }
  return true;
}

bool Environment::depart(ModelState& state, std::uint32_t link, bool notice_last) const {
  return state.kernel().link(link).waiting_count() > 0 && move_frame(state, link, notice_last);
}

/// The sender's buffer is free again when the last of those who got the frame has let go of it.
/// Beside a packet socket, IP has a copy, and hands it to its socket first; a packet socket itself
/// lets go before it takes a frame.
bool Environment::move_frame(ModelState& state, std::uint32_t link, bool notice_last) const {
  sim::Kernel& kernel = state.kernel();
  const sim::Packet packet = kernel.depart(link);
  if (notice_last && packet.notice == 0 && setup_->links[link].is_shaped) return false;
  const std::uint32_t receiver = setup_->senders[packet.socket].receiver;
  const bool is_copied = has_packet_socket_[link] &&
                         (receiver == kNoReceiver || !setup_->receivers[receiver].is_packet_socket);
  if (!notice_last) kernel.give_notice(packet.notice);
  if (!is_copied) kernel.release(packet);
  if (!spend(state, link, kernel.step_link(link))) return false;
  if (is_copied) kernel.release(packet);
  if (notice_last) kernel.give_notice(packet.notice);
  return true;
}

/// A frame arrives, if the link may let it go.
bool Environment::spend(ModelState& state, std::uint32_t link,
                        const sim::Kernel::LinkEvent& event) const {
  std::uint32_t& allowance = state.allowance_bytes[link];
  if (allowance != kUnlimited) {
    const std::uint32_t bytes = event.packet.frame_bytes + kCountedHeaderBytes;
    if (bytes > allowance + kSlackBytes) return false;
    allowance -= std::min(bytes, allowance);
  }
  if (!event.delivered) return true;
  const std::uint32_t receiver = setup_->senders[event.packet.socket].receiver;
  if (receiver == kNoReceiver) {
    state.kernel().refuse(event.packet.socket);
  } else {
    state.kernel().arrive(SocketIndex{receiver}, event.packet);
  }
  return true;
}

void Environment::operate(ModelState& state, const Act& act) const {
  sim::Kernel& kernel = state.kernel();
  const bool on = act.value != 0;
  const auto reset_bucket = [&] {
    std::uint32_t& allowance = state.allowance_bytes[act.link];
    if (allowance != kUnlimited) allowance = setup_->links[act.link].burst_bytes;
  };
  switch (act.kind) {
    case ActKind::set_up:
      kernel.set_up(act.link, on);
      reset_bucket();
      return;
    case ActKind::set_carrier:
      kernel.set_carrier(act.link, on);
      reset_bucket();
      for (std::uint32_t receiver = 0; receiver < setup_->receivers.size(); ++receiver) {
        const ReceiverSetup& socket = setup_->receivers[receiver];
        if (on || socket.link != act.link || !socket.is_packet_socket) continue;
        kernel.set_receiver_down(SocketIndex{receiver});
      }
      return;
    case ActKind::set_address: kernel.link(act.link).set_address(on); return;
    case ActKind::set_mtu: kernel.link(act.link).set_mtu(act.value); return;
    case ActKind::set_blocked:
      state.allowance_bytes[act.link] = on ? setup_->links[act.link].burst_bytes : kUnlimited;
      return;
    case ActKind::provide:
    case ActKind::submit:
    case ActKind::wait:
    case ActKind::reap:
    case ActKind::quiesce: break;
  }
  REPRISE_ASSERT(false);  // no operator's act
}

}  // namespace reprise::trial
