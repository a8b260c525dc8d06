#include "reprise/sim/regions.hpp"

#include <algorithm>
#include <cstring>

#include "reprise/sim/kernel_config.hpp"

namespace reprise::sim {

using engine::RegionIndex;
using engine::Slice;

void Regions::place(engine::FlatLayout& layout, const KernelConfig& config) {
  layout.place(bytes_, config.regions * config.visible_bytes);
  layout.place(block_bytes_, config.blocks * config.block_bytes);
  layout.place(headers_, static_cast<std::uint32_t>(config.headers.size()));
}

void Regions::start(const KernelConfig& config) {
  count_ = config.regions;
  region_bytes_ = config.region_bytes;
  visible_bytes_ = config.visible_bytes;
  block_count_ = config.blocks;
  block_size_bytes_ = config.block_bytes;
  for (std::uint32_t flow = 0; flow < headers_.size(); ++flow) {
    headers_[flow] = config.headers[flow];
  }
}

namespace {

void write_big_endian(std::byte* place, std::uint32_t value) {
  place[0] = static_cast<std::byte>(value >> 8);
  place[1] = static_cast<std::byte>(value);
}

/// Sets the two lengths and the IPv4 checksum (RFC 1071) of a header.
void set_lengths(HeaderBytes& header, std::uint32_t payload_bytes) {
  constexpr std::size_t kIp = 14;
  constexpr std::size_t kUdp = 34;
  std::byte* bytes = header.data();
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

/// What of `from` fits, counted from its beginning.
void write_part(std::span<std::byte> to, std::size_t offset_bytes,
                std::span<const std::byte> from) {
  if (offset_bytes >= to.size()) return;
  std::memcpy(to.data() + offset_bytes, from.data(),
              std::min(from.size(), to.size() - offset_bytes));
}

}  // namespace

void Regions::write_frame(RegionIndex region, std::uint32_t offset_bytes,
                          std::uint32_t captured_bytes, const Packet& packet) {
  const std::span<std::byte> all = bytes(region);
  if (offset_bytes >= all.size()) return;
  const std::span<std::byte> frame =
      all.subspan(offset_bytes, std::min<std::size_t>(captured_bytes, all.size() - offset_bytes));
  HeaderBytes header = headers_[packet.flow];
  if (payload_of(header) != packet.payload_bytes) set_lengths(header, packet.payload_bytes);
  write_part(frame, 0, header);
  const std::uint32_t step_bytes =
      packet.segment_bytes != 0 ? packet.segment_bytes : packet.payload_bytes;
  std::uint64_t sequence = packet.sequence;
  std::uint32_t done_bytes = 0;
  do {
    const std::uint32_t payload_bytes = std::min(step_bytes, packet.payload_bytes - done_bytes);
    Tag tag = make_tag(sequence++, packet.flow, payload_bytes);
    if (packet.damaged != 0) tag.check = ~tag.check;
    write_part(frame, kHeaderBytes + done_bytes, std::as_bytes(std::span(&tag, 1)));
    done_bytes += payload_bytes;
  } while (done_bytes < packet.payload_bytes && kHeaderBytes + done_bytes < frame.size());
}

Packet Regions::read_tag(Slice slice, std::uint32_t payload_bytes) {
  Packet packet;
  packet.payload_bytes = payload_bytes;
  if (slice.region == engine::kNoRegion) return packet;
  const std::span<const std::byte> bytes =
      memory().bytes({slice.region, slice.offset_bytes, std::min(slice.length_bytes, kTagBytes)});
  Tag tag{};
  if (bytes.size() < sizeof tag) {
    packet.damaged = 1;
    return packet;
  }
  std::memcpy(&tag, bytes.data(), sizeof tag);
  packet.sequence = tag.sequence;
  packet.flow = tag.flow;
  packet.damaged = tag.check == make_tag(tag.sequence, tag.flow, payload_bytes).check ? 0 : 1;
  if (packet.flow >= headers_.size()) packet.flow = 0;
  return packet;
}

}  // namespace reprise::sim
