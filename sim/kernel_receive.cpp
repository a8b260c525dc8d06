// Receives: frames from the packet socket into provided buffers, and what is read of them there.
#include <algorithm>
#include <cstring>

#include "reprise/sim/kernel.hpp"

namespace reprise::sim {

using engine::Operation;
using engine::Outcome;
using engine::RegionIndex;
using engine::SocketIndex;
using engine::SubmissionFlags;

bool Kernel::arrive(SocketIndex index, const Packet& packet) {
  PacketSocket& socket = packet_sockets_[static_cast<std::uint32_t>(index)];
  if (!socket.take(packet)) return false;
  if (socket.receives == 0 && socket.was_armed != 0) socket.mark_missed();
  if (socket.waiting > 0) wake(index, false, profile_.receives_newest_first);
  return true;
}

void Kernel::reopen(SocketIndex index, const PacketSocketConfig& config, std::uint32_t flow,
                    const HeaderBytes& header) {
  PacketSocket& socket = packet_sockets_[static_cast<std::uint32_t>(index)];
  REPRISE_ASSERT(socket.receives == 0 && socket.waiting == 0);
  while (!socket.frames.empty()) socket.pop();
  socket.arrived = socket.drops = socket.found_no_buffer = 0;
  socket.was_armed = socket.is_down = 0;
  socket.limit_bytes = config.buffer_bytes;
  headers_[flow] = header;
}

void Kernel::set_receiver_down(SocketIndex index) {
  packet_sockets_[static_cast<std::uint32_t>(index)].is_down = 1;
  wake(index, false, profile_.receives_newest_first);
}

Kernel::Ended Kernel::receive(RingIndex ring, const Entry& entry, Executed& executed) {
  const engine::Submission& submission = entry.submission;
  PacketSocket& socket = packet_sockets_[static_cast<std::uint32_t>(submission.socket)];
  const bool is_multishot = (submission.flags & SubmissionFlags::kMultishot) != 0;
  if (entry.tried == 0) ++socket.receives;
  socket.was_armed = 1;
  const auto ended = [&socket](Outcome outcome) {
    --socket.receives;
    return Ended{.outcome = outcome};
  };
  if (socket.is_down != 0) {
    socket.is_down = 0;  // told once
    return ended(Outcome::unreachable);
  }
  while (true) {
    // The buffer is chosen before it looks for a frame (K5).
    const bool needs_region = profile_.receive_ends_with_last_region || !socket.frames.empty();
    if (provided_.empty() && needs_region) {
      socket.mark_missed();
      return ended(Outcome::no_buffer);
    }
    if (socket.frames.empty()) return {.armed = true};
    const Packet packet = socket.pop();
    const RegionIndex region = provided_.pop();
    write_frame(region, packet);
    ++executed.frames;
    executed.frame_bytes += packet.payload_bytes;
    if (kHeaderBytes + packet.payload_bytes > region_bytes_ && !profile_.cuts_long_frames) {
      return ended(Outcome::too_large);
    }
    Posted& posted = post(ring, submission.token, Outcome::ok, is_multishot);
    posted.region = region;
    posted.packet = packet;
    posted.result_bytes = std::min(kHeaderBytes + packet.payload_bytes, region_bytes_);
    if (is_multishot) continue;
    --socket.receives;
    return {.is_posted = true};
  }
}

namespace {

void write_big_endian(std::byte* place, std::uint32_t value) {
  place[0] = static_cast<std::byte>(value >> 8);
  place[1] = static_cast<std::byte>(value);
}

/// Sets the two lengths and the IPv4 checksum (RFC 1071) of a header.
void set_lengths(std::byte* bytes, std::uint32_t payload_bytes) {
  constexpr std::size_t kIp = 14;
  constexpr std::size_t kUdp = 34;
  write_big_endian(bytes + kIp + 2, payload_bytes + 28);
  write_big_endian(bytes + kUdp + 4, payload_bytes + 8);
  write_big_endian(bytes + kIp + 10, 0);
  std::uint32_t sum = 0;
  for (std::size_t place = kIp; place < kUdp; place += 2) {
    sum += std::to_integer<std::uint32_t>(bytes[place]) << 8 |
           std::to_integer<std::uint32_t>(bytes[place + 1]);
  }
  while (sum >> 16 != 0) sum = (sum & 0xffffU) + (sum >> 16);
  write_big_endian(bytes + kIp + 10, ~sum & 0xffffU);
}

std::uint32_t payload_of(const HeaderBytes& header) {
  return (std::to_integer<std::uint32_t>(header[38]) << 8 |
          std::to_integer<std::uint32_t>(header[39])) -
         8;
}

}  // namespace

void Kernel::write_frame(RegionIndex region, const Packet& packet) {
  std::byte* bytes = regions_[static_cast<std::uint32_t>(region)].bytes.data();
  const HeaderBytes& header = headers_[packet.flow];
  std::memcpy(bytes, header.data(), header.size());
  if (payload_of(header) != packet.payload_bytes) set_lengths(bytes, packet.payload_bytes);
  Tag tag = make_tag(packet.sequence, packet.flow, packet.payload_bytes);
  if (packet.damaged != 0) tag.check = ~tag.check;
  std::memcpy(bytes + kHeaderBytes, &tag, sizeof tag);
}

engine::PacketMemory Kernel::memory() const {
  return {regions_.all().data()->bytes.data(), sizeof(RegionBytes), kVisibleBytes, region_bytes_,
          regions_.size()};
}

std::span<std::byte> Kernel::region_bytes(RegionIndex region) {
  return regions_[static_cast<std::uint32_t>(region)].bytes;
}

engine::SocketStatistics Kernel::statistics(SocketIndex socket) const {
  if (!is_packet_socket(socket)) return {};
  return {packet_sockets_[static_cast<std::uint32_t>(socket)].drops};
}

std::uint64_t Kernel::arrived() const {
  std::uint64_t sum = 0;
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    sum += packet_sockets_[index].arrived;
  }
  return sum;
}

std::uint64_t Kernel::kernel_drops() const {
  std::uint64_t sum = 0;
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    sum += packet_sockets_[index].drops;
  }
  return sum;
}

std::uint64_t Kernel::found_no_buffer() const {
  std::uint64_t sum = 0;
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    sum += packet_sockets_[index].found_no_buffer;
  }
  return sum;
}

std::uint32_t Kernel::socket_backlog() const {
  std::uint32_t sum = 0;
  for (std::uint32_t index = 0; index < packet_sockets_.size(); ++index) {
    sum += packet_sockets_[index].frames.size();
  }
  return sum;
}

}  // namespace reprise::sim
