#include "reprise/lab/packet_capture_observer.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <span>
#include <utility>

namespace reprise::lab {
namespace {

constexpr std::uint32_t kCapturedBytesMax = sim::kHeaderBytes + sim::kTagBytes;
constexpr std::size_t kEthernetBytes = 14;
constexpr std::size_t kIpv4Bytes = 20;
constexpr std::uint32_t kUdpBytes = 8;

void put16(std::span<std::byte> bytes, std::size_t at, std::uint32_t value) {
  bytes[at] = static_cast<std::byte>(value >> 8U & 0xffU);
  bytes[at + 1] = static_cast<std::byte>(value & 0xffU);
}

/// RFC 791: the ones' complement of the ones' complement sum of the header.
std::uint32_t checksum_of(std::span<const std::byte> header) {
  std::uint32_t sum = 0;
  for (std::size_t at = 0; at < header.size(); at += 2) {
    sum += std::to_integer<std::uint32_t>(header[at]) << 8U |
           std::to_integer<std::uint32_t>(header[at + 1]);
  }
  while (sum > 0xffffU) sum = (sum & 0xffffU) + (sum >> 16U);
  return ~sum & 0xffffU;
}

/// Makes the header of a whole datagram that of one of its fragments.
void make_fragment(std::span<std::byte> ip, const sim::Packet& packet) {
  constexpr std::uint32_t kMoreFragments = 0x2000;
  const std::uint32_t offset_bytes = packet.is_last()
                                         ? packet.payload_bytes - packet.frame_bytes
                                         : packet.fragment * (packet.frame_bytes + kUdpBytes);
  put16(ip, 2, static_cast<std::uint32_t>(kIpv4Bytes) + kUdpBytes + packet.frame_bytes);
  put16(ip, 4, static_cast<std::uint32_t>(packet.sequence));  // what belongs together
  put16(ip, 6, offset_bytes / 8 | (packet.is_last() ? 0 : kMoreFragments));
  put16(ip, 10, 0);
  put16(ip, 10, checksum_of(ip));
}

}  // namespace

std::vector<std::byte> captured_bytes(std::uint32_t node, std::uint32_t group,
                                      const sim::Packet& packet) {
  const sim::HeaderBytes header =
      sim::make_header(node + 1, group, packet.payload_bytes, sim::source_of(packet.flow));
  std::vector<std::byte> bytes(header.begin(), header.end());
  if (packet.fragments > 1)
    make_fragment(std::span(bytes).subspan(kEthernetBytes, kIpv4Bytes), packet);
  if (packet.fragment > 0) {
    bytes.resize(kEthernetBytes + kIpv4Bytes);  // the UDP header went with the first
    return bytes;
  }
  const std::uint32_t datagram_bytes =
      packet.segment_bytes != 0 ? packet.segment_bytes : packet.payload_bytes;
  sim::Tag tag = sim::make_tag(packet.sequence, packet.flow, datagram_bytes);
  if (packet.damaged != 0) tag.check = ~tag.check;
  const std::size_t tag_bytes = std::min<std::size_t>(sizeof tag, packet.frame_bytes);
  bytes.resize(sim::kHeaderBytes + tag_bytes);
  std::memcpy(bytes.data() + sim::kHeaderBytes, &tag, tag_bytes);
  return bytes;
}

void PacketCaptureObserver::start(const sim::World& world) {
  std::uint32_t group = 0;
  const auto& traffic = world.config().traffic;
  for (std::size_t flow = 0; flow < traffic.size(); ++flow) {
    if (flow > 0 && !traffic[flow].shares_group) ++group;
    groups_.push_back(group);
  }
  std::uint32_t interface = 0;
  for (std::uint32_t node = 0; node < world.node_count(); ++node) {
    std::vector<SeenLink> links;
    for (std::uint32_t link = 0; link < world.node(node).kernel.link_count(); ++link) {
      file_.add_interface(
          fmt::format("{}{}-output{}", kind_of_node(world.config()), node + 1, link + 1),
          kCapturedBytesMax);
      links.push_back({interface++, 0});
    }
    links_.push_back(std::move(links));
  }
}

void PacketCaptureObserver::see(const sim::World& world, const Measurement&,
                                const sim::Event& event) {
  if (links_.empty()) start(world);
  const std::uint32_t acted = node_of(world, event);
  // What leaves one relay may make the next one send within the same event.
  for (std::uint32_t node = acted; node < world.node_count() && node <= acted + 1; ++node)
    look_at(world, node);
  write_up_to(event.time);
}

/// Frames that a link's cable has more than when it was last looked at have left the device since:
/// a step in which one arrives at the cable's end is no step in which others leave.
void PacketCaptureObserver::look_at(const sim::World& world, std::uint32_t node) {
  for (std::uint32_t number = 0; number < links_[node].size(); ++number) {
    const sim::Link& link = world.node(node).kernel.link(number);
    SeenLink& seen = links_[node][number];
    const std::uint32_t carried = link.carried_count();
    for (std::uint32_t place = seen.carried; place < carried; ++place) {
      const sim::Link::Carried frame = link.carried(place);
      waiting_.push({frame.departed, seen_++, node, seen.interface, frame.packet});
    }
    seen.carried = carried;
  }
}

void PacketCaptureObserver::write_up_to(engine::Instant at) {
  while (!waiting_.empty() && waiting_.top().at <= at) {
    write(waiting_.top());
    waiting_.pop();
  }
}

void PacketCaptureObserver::write(const Captured& captured) {
  const sim::Packet& packet = captured.packet;
  file_.add(captured.interface, captured.at,
            captured_bytes(captured.node, groups_[packet.flow], packet),
            sim::kHeaderBytes + packet.frame_bytes);
}

engine::Expected<void> PacketCaptureObserver::close() {
  write_up_to(engine::kNever);
  return file_.close();
}

}  // namespace reprise::lab
