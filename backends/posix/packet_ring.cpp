#include "reprise/posix/packet_ring.hpp"

#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "reprise/posix/descriptor.hpp"
#include "reprise/posix/errno_text.hpp"
#include "reprise/posix/mapping.hpp"
#include "reprise/posix/received_frame.hpp"
#include "reprise/posix/socket_option.hpp"

namespace reprise::posix {

using engine::Expected;
using engine::Frame;
using engine::RegionIndex;

namespace {

/// What the kernel asks for and does not use: frames of a TPACKET_V3 ring have any size.
constexpr std::uint32_t kFrameBytes = 2048;
/// How many frames ahead of the one that is read the next headers are fetched. The kernel wrote
/// them on another core.
constexpr std::uint32_t kFramesAhead = 4;

/// Behind the header, aligned (TPACKET_ALIGN).
constexpr std::size_t kLinkAddressAt =
    (sizeof(tpacket3_hdr) + TPACKET_ALIGNMENT - 1) / TPACKET_ALIGNMENT * TPACKET_ALIGNMENT;

constexpr int kVersion = TPACKET_V3;

std::uint32_t timeout_ms(engine::Duration timeout) {
  const std::int64_t millisecond = engine::milliseconds(1).ns;
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(
      (timeout.ns + millisecond - 1) / millisecond, 1, std::int64_t{60'000}));
}

tpacket_req3 request_for(const RingPlace& place, engine::Duration timeout) {
  tpacket_req3 request{};
  request.tp_block_size = place.block_bytes;
  request.tp_block_nr = place.block_count;
  request.tp_frame_size = kFrameBytes;
  request.tp_frame_nr = place.block_bytes / kFrameBytes * place.block_count;
  request.tp_retire_blk_tov = timeout_ms(timeout);
  return request;
}

void prefetch(const std::byte* frame) {
  __builtin_prefetch(frame);
  __builtin_prefetch(frame + kCacheLineBytes);
}

void read_frame(const std::byte* at, const std::byte* block, bool has_segment_header,
                Frame& frame) {
  const auto& header = *reinterpret_cast<const tpacket3_hdr*>(at);
  const auto& link = *reinterpret_cast<const sockaddr_ll*>(at + kLinkAddressAt);
  frame.offset_bytes = static_cast<std::uint32_t>(at - block) + header.tp_mac;
  frame.captured_bytes = header.tp_snaplen;
  frame.original_bytes = header.tp_len;
  frame.format = engine::FrameFormat::ethernet;
  frame.type = packet_type(link.sll_pkttype);
  frame.checksum = checksum_state(header.tp_status);
  if ((header.tp_status & TP_STATUS_VLAN_VALID) != 0) {
    frame.has_vlan = true;
    frame.vlan_tci = static_cast<std::uint16_t>(header.hv1.tp_vlan_tci);
  }
  if (has_segment_header) {
    frame.segment_bytes = segment_bytes_of(at + header.tp_mac - kSegmentHeaderBytes);
  }
}

}  // namespace

Expected<std::unique_ptr<PacketRing>> PacketRing::create(int descriptor, const RingPlace& place,
                                                         engine::Duration timeout,
                                                         bool has_segment_header,
                                                         std::string_view what) {
  if (auto set = set_option(descriptor, SOL_PACKET, PACKET_VERSION, kVersion, what,
                            "PACKET_VERSION 3 (Linux 3.2)");
      !set) {
    return std::unexpected(set.error());
  }
  const tpacket_req3 request = request_for(place, timeout);
  if (auto set = set_option(descriptor, SOL_PACKET, PACKET_RX_RING, request, what,
                            "a packet ring of " + std::to_string(place.block_count) +
                                " blocks of " + std::to_string(place.block_bytes) + " bytes");
      !set) {
    return std::unexpected(set.error());
  }
  const std::size_t size_bytes = std::size_t{place.block_bytes} * place.block_count;
  void* const mapped = ::mmap(place.bytes, size_bytes, PROT_READ | PROT_WRITE,
                              MAP_SHARED | MAP_FIXED | MAP_POPULATE, descriptor, 0);
  if (mapped == MAP_FAILED) {
    const int errno_value = errno;
    return engine::failure(std::string(what) + ": cannot map the packet ring of " +
                               std::to_string(size_bytes) + " bytes: " + errno_text(errno_value) +
                               "; ask for fewer blocks",
                           errno_value);
  }
  return std::unique_ptr<PacketRing>(new PacketRing(place, has_segment_header));
}

PacketRing::~PacketRing() {
  static_cast<void>(::mmap(place_.bytes, std::size_t{place_.block_bytes} * place_.block_count,
                           PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
                           0));
}

/// Returns whether there is one with frames. The kernel hands over an empty one in front of a frame
/// that is larger than a block.
bool PacketRing::open_next_block() {
  while (is_filled(next_block_)) {
    open_block_ = next_block_;
    next_block_ = next_block_ + 1 == place_.block_count ? 0 : next_block_ + 1;
    const tpacket_block_desc* opened = block(open_block_);
    frames_left_ = opened->hdr.bh1.num_pkts;
    next_frame_ = reinterpret_cast<const std::byte*>(opened) + opened->hdr.bh1.offset_to_first_pkt;
    if (frames_left_ > 0) {
      is_held_[open_block_] = 1;
      prefetch(next_frame_);
      return true;
    }
    status(open_block_).store(TP_STATUS_KERNEL, std::memory_order_release);
  }
  return false;
}

void PacketRing::take(engine::CompletionBatch& batch, engine::Token token) {
  if (frames_left_ == 0 && !open_next_block()) return;
  engine::Completion& completion = batch.push();
  completion.token = token;
  completion.region = RegionIndex{place_.first_region + open_block_};
  completion.more = true;
  const auto* const start = reinterpret_cast<const std::byte*>(block(open_block_));
  const std::byte* at = next_frame_;
  std::uint32_t left = frames_left_;
  do {
    const std::uint32_t length_bytes = reinterpret_cast<const tpacket3_hdr*>(at)->tp_next_offset;
    prefetch(at + std::size_t{kFramesAhead} * length_bytes);
    Frame& frame = batch.push_frame();
    read_frame(at, start, has_segment_header_, frame);
    batch.count_from_ring(frame.datagrams_max());
    at += length_bytes;
    --left;
  } while (left > 0 && batch.ring_datagrams_left() > 0 && batch.has_frame_room());
  next_frame_ = at;
  frames_left_ = left;
  completion.region_complete = left == 0;
}

RegionIndex PacketRing::give_up() {
  if (frames_left_ == 0) return engine::kNoRegion;
  frames_left_ = 0;
  return RegionIndex{place_.first_region + open_block_};
}

void PacketRing::give_back(RegionIndex region) {
  const std::uint32_t index = static_cast<std::uint32_t>(region) - place_.first_region;
  REPRISE_ASSERT(index < place_.block_count);
  if (is_held_[index] == 0) return;
  REPRISE_ASSERT(frames_left_ == 0 || index != open_block_);  // it is not complete (I9)
  is_held_[index] = 0;
  status(index).store(TP_STATUS_KERNEL, std::memory_order_release);
}

bool can_have_packet_rings() {
  // Closing a packet socket takes some 20 ms, so a success is remembered.
  static std::atomic<bool> is_known = false;
  if (is_known.load(std::memory_order_relaxed)) return true;
  const Descriptor socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0));
  const bool can = socket.is_open() && ::setsockopt(socket.get(), SOL_PACKET, PACKET_VERSION,
                                                    &kVersion, sizeof(kVersion)) == 0;
  if (can) is_known.store(true, std::memory_order_relaxed);
  return can;
}

}  // namespace reprise::posix
