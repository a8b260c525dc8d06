// The same path as the relay's fast one with nothing around it: a packet ring in, segmented sends
// gathered from its blocks out. No counters, no checks, no configuration, no back-pressure.
#include <liburing.h>
#include <linux/if_packet.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <array>

#include "prototype.hpp"
#include "reprise/traffic/system_error.hpp"

namespace reprise::bench::peers {
namespace {

using engine::Expected;

constexpr std::size_t kBlockBytes = 256UL << 10U;
constexpr std::size_t kBlocks = 32;
constexpr std::size_t kSegmentsMax = 128;
constexpr std::size_t kSendBytesMax = 65'507;
constexpr std::size_t kRunsMax = 512;
constexpr unsigned kEntries = 1024;

/// What PACKET_VNET_HDR puts in front of a frame; linux/virtio_net.h is no C++.
struct Offload {
  std::uint8_t flags;
  std::uint8_t segmentation;
  std::uint16_t header_bytes;
  std::uint16_t segment_bytes;
  std::uint16_t checksum_start;
  std::uint16_t checksum_offset;
};
constexpr std::uint8_t kUdpSegments = 5;  ///< VIRTIO_NET_HDR_GSO_UDP_L4, Linux 6.2

/// Consecutive datagrams of one flow: equal lengths, but the last may be shorter.
struct Run {
  std::size_t flow = 0;
  std::size_t count = 0;
  std::size_t bytes = 0;
  std::uint16_t segment_bytes = 0;
  std::array<iovec, kSegmentsMax> vectors;
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(std::uint16_t))> control;
  msghdr message;
};

class BareRelay {
 public:
  BareRelay() : runs_(kRunsMax) {}
  BareRelay(const BareRelay&) = delete;
  BareRelay& operator=(const BareRelay&) = delete;
  ~BareRelay() {
    if (has_ring_) io_uring_queue_exit(&ring_);
  }

  Expected<void> open(std::span<const engine::Rule> rules) {
    auto sockets = open_prototype_sockets(rules, map_ring);
    if (!sockets) return std::unexpected(sockets.error());
    sockets_ = std::move(*sockets);
    void* const mapped = ::mmap(nullptr, kBlockBytes * kBlocks, PROT_READ | PROT_WRITE, MAP_SHARED,
                                sockets_.in.get(), 0);
    if (mapped == MAP_FAILED) return traffic::system_failure("mapping a packet ring");
    blocks_ = static_cast<std::byte*>(mapped);
    if (const int error = io_uring_queue_init(kEntries, &ring_, 0); error < 0)
      return traffic::system_failure("io_uring", -error);
    has_ring_ = true;
    open_runs_.assign(rules.size(), nullptr);
    return {};
  }

  void relay(const std::atomic<bool>& stop) {
    for (std::size_t index = 0; !stop.load(std::memory_order_relaxed);) {
      auto* const block = reinterpret_cast<tpacket_block_desc*>(blocks_ + index * kBlockBytes);
      std::atomic_ref status(block->hdr.bh1.block_status);
      if ((status.load(std::memory_order_acquire) & TP_STATUS_USER) == 0) {
        pollfd event{sockets_.in.get(), POLLIN | POLLERR, 0};
        ::poll(&event, 1, kLookMs);
        continue;
      }
      relay_block(reinterpret_cast<std::byte*>(block), block->hdr.bh1);
      status.store(TP_STATUS_KERNEL, std::memory_order_release);
      index = (index + 1) % kBlocks;
    }
  }

 private:
  static Expected<void> map_ring(int socket) {
    const int version = TPACKET_V3;
    const int on = 1;
    tpacket_req3 request{};
    request.tp_block_size = kBlockBytes;
    request.tp_block_nr = kBlocks;
    request.tp_frame_size = 2048;
    request.tp_frame_nr = kBlockBytes / 2048 * kBlocks;
    request.tp_retire_blk_tov = 1;
    if (::setsockopt(socket, SOL_PACKET, PACKET_VERSION, &version, sizeof version) != 0 ||
        ::setsockopt(socket, SOL_PACKET, PACKET_VNET_HDR, &on, sizeof on) != 0 ||
        ::setsockopt(socket, SOL_PACKET, PACKET_RX_RING, &request, sizeof request) != 0) {
      return traffic::system_failure("a packet ring");
    }
    return {};
  }

  void relay_block(std::byte* block, const tpacket_hdr_v1& header) {
    std::byte* at = block + header.offset_to_first_pkt;
    for (std::uint32_t left = header.num_pkts; left > 0; --left) {
      const auto& packet = *reinterpret_cast<const tpacket3_hdr*>(at);
      Offload offload;
      std::memcpy(&offload, at + packet.tp_mac - sizeof offload, sizeof offload);
      add(read_frame(at + packet.tp_mac), offload);
      at += packet.tp_next_offset;
    }
    finish();
  }

  void add(const ReadFrame& frame, const Offload& offload) {
    if (frame.flow >= open_runs_.size()) return;
    Run*& run = open_runs_[frame.flow];
    const bool is_giant = offload.segmentation == kUdpSegments;
    if (run != nullptr &&
        (is_giant || frame.bytes > run->segment_bytes || run->count == kSegmentsMax ||
         run->bytes + frame.bytes > kSendBytesMax)) {
      send(run);
    }
    if (run == nullptr) {
      if (used_ == kRunsMax) finish();
      run = &runs_[used_++];
      run->flow = frame.flow;
      run->count = run->bytes = 0;
      run->segment_bytes =
          is_giant ? offload.segment_bytes : static_cast<std::uint16_t>(frame.bytes);
    }
    run->vectors[run->count++] = {frame.payload, frame.bytes};
    run->bytes += frame.bytes;
    if (is_giant || frame.bytes < run->segment_bytes) send(run);
  }

  /// Of a flow: to each of its outputs, in one submission with the others of the block.
  void send(Run*& run) {
    run->message = {};
    run->message.msg_iov = run->vectors.data();
    run->message.msg_iovlen = run->count;
    if (run->bytes > run->segment_bytes) {
      run->message.msg_control = run->control.data();
      run->message.msg_controllen = run->control.size();
      cmsghdr* const control = CMSG_FIRSTHDR(&run->message);
      control->cmsg_level = SOL_UDP;
      control->cmsg_type = UDP_SEGMENT;
      control->cmsg_len = CMSG_LEN(sizeof run->segment_bytes);
      std::memcpy(CMSG_DATA(control), &run->segment_bytes, sizeof run->segment_bytes);
    }
    for (std::size_t output = 0; output < sockets_.outputs; ++output) {
      if (pending_ == kEntries) submit();
      io_uring_prep_sendmsg(io_uring_get_sqe(&ring_),
                            sockets_.out[run->flow * sockets_.outputs + output].get(),
                            &run->message, 0);
      ++pending_;
    }
    run = nullptr;
  }

  void submit() {
    while (pending_ > 0) {
      io_uring_submit_and_wait(&ring_, pending_);
      const unsigned ready = io_uring_cq_ready(&ring_);
      io_uring_cq_advance(&ring_, ready);
      pending_ -= ready;
    }
  }

  void finish() {
    for (Run*& run : open_runs_) {
      if (run != nullptr) send(run);
    }
    submit();
    used_ = 0;
  }

  PrototypeSockets sockets_;
  std::byte* blocks_ = nullptr;
  io_uring ring_{};
  bool has_ring_ = false;
  std::vector<Run> runs_;
  std::vector<Run*> open_runs_;  ///< by flow
  std::size_t used_ = 0;         ///< runs of this block
  unsigned pending_ = 0;         ///< sends
};

}  // namespace

Expected<void> relay_bare(std::span<const engine::Rule> rules, const std::function<void()>& ready,
                          const std::atomic<bool>& stop) {
  BareRelay relay;
  if (auto opened = relay.open(rules); !opened) return opened;
  ready();
  relay.relay(stop);
  return {};
}

}  // namespace reprise::bench::peers
