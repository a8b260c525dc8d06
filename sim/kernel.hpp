// The simulated kernel of one node: a ring (submission and completion queue) for each thread,
// provided buffers, one packet socket, UDP sockets with send buffers, and the links behind them. A
// flat value; it moves no time by itself.
//
// It models what was measured (docs/KERNEL_MODEL.md), nothing politer:
//   K1  A send is done inside the submit that hands it over, in order, or refused (do_not_wait).
//   K2  A linked chain stops at the first send that does not end ok; the rest is cancelled.
//   K3  A send buffer refuses at its limit and counts a datagram until it leaves the device; a wait
//       for "writable" ends when the buffer is less than half full.
//   K4  A frame beyond the queueing discipline's length is dropped and success reported. A frame
//       that has left the device is not in that queue; a link carries one per µs of its delay.
//   K5  A multishot receive that has taken the last provided buffer ends no_buffer; frames wait in
//       the socket, and beyond its buffer they are dropped and counted.
//   K6  Completions beyond the completion queue's size are kept and returned later, in order.
//
// Region bytes: the first kVisibleBytes of each region are real (headers and the datagram's tag),
// the rest symbolic.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/world_config.hpp"

namespace reprise::sim {

inline constexpr std::uint32_t kHeaderBytes = 42;  ///< Ethernet, IPv4, UDP
inline constexpr std::uint32_t kVisibleBytes = 64;
inline constexpr std::uint32_t kTagBytes = 16;

/// A datagram on the wire or in a socket buffer.
struct Packet {
  std::uint64_t sequence = 0;
  std::uint32_t flow = 0;
  std::uint32_t payload_bytes = 0;
  std::uint32_t damaged = 0;  ///< its tag was not what was sent: the payload is not the original
  std::uint32_t socket = 0;   ///< on a link: whose send buffer it occupies
};

using HeaderBytes = std::array<std::byte, kHeaderBytes>;

/// Ethernet, IPv4 and UDP header of a flow's frames as they arrive at a node.
engine::Address group_of(std::uint32_t node, std::uint32_t flow);
inline constexpr std::uint16_t kPort = 5000;
HeaderBytes make_header(std::uint32_t node, std::uint32_t flow, std::uint32_t payload_bytes);

/// What a frame or datagram occupies in a socket buffer. Measured: a send buffer of 32,768 held 17
/// of 1400 bytes.
constexpr std::uint32_t buffer_bytes(std::uint32_t payload_bytes) { return payload_bytes + 576; }

/// One of a node's rings: that of the thread with the same number.
enum class RingIndex : std::uint32_t {};

struct KernelConfig {
  NodeConfig node;
  std::uint32_t index = 0;  ///< of the node in its chain
  KernelProfile profile;
  std::vector<std::uint32_t> payload_bytes;  ///< by flow
  std::uint32_t send_errors_per_million = 0;
};

class Kernel {
 public:
  void place(engine::FlatLayout& layout, const KernelConfig& config);
  void start(const KernelConfig& config);

  // What the ring does (KernelBackend). `at` is the instant at which an act happens inside a longer
  // call.

  [[nodiscard]] std::uint32_t room(RingIndex ring) const {
    return at(ring).queue.capacity() - at(ring).queue.size();
  }
  void prepare(RingIndex ring, const engine::Submission& submission, engine::Slice slice);
  void provide(engine::RegionIndex region) { provided_.push(region); }
  [[nodiscard]] std::uint32_t prepared_count(RingIndex ring) const { return at(ring).queue.size(); }
  struct Executed {
    engine::Submission submission;
    engine::Outcome outcome = engine::Outcome::ok;  ///< of sends
    engine::Slice slice;
    bool pauses = false;  ///< the rest of its chain is to be left for later: pause_chain()
  };
  /// Carries out the oldest prepared submission.
  Executed execute_next(RingIndex ring, engine::Instant at, Choices& choices);
  /// Sets the prepared rest of a chain aside.
  void pause_chain(RingIndex ring);
  [[nodiscard]] std::uint32_t paused_count(RingIndex ring) const { return at(ring).paused.size(); }
  [[nodiscard]] std::uint32_t paused_slot(RingIndex ring, std::uint32_t place) const {
    return at(ring).paused[place].submission.token.slot;
  }
  /// Carries out the oldest submission that was set aside.
  Executed execute_paused(RingIndex ring, engine::Instant at, Choices& choices);
  struct Moved {
    std::uint32_t frames = 0;
    std::uint64_t payload_bytes = 0;
  };
  /// Moves what waits in the packet socket into provided buffers. `ring`: who enters the kernel;
  /// only the ring with the receive does something.
  Moved receive(RingIndex ring);
  [[nodiscard]] std::uint32_t completion_count(RingIndex ring) const {
    return at(ring).completions.size();
  }
  struct Posted {
    engine::Token token;
    Packet packet;
    engine::RegionIndex region = engine::kNoRegion;
    engine::Outcome outcome = engine::Outcome::ok;
    std::uint8_t more = 0;
    std::uint16_t errno_value = 0;
    std::uint32_t result_bytes = 0;
    std::uint32_t reserved = 0;
  };
  Posted reap(RingIndex ring) { return at(ring).completions.pop(); }
  [[nodiscard]] engine::PacketMemory memory() const;
  [[nodiscard]] engine::SocketStatistics statistics(engine::SocketIndex socket) const;
  [[nodiscard]] engine::Limits limits() const;

  // What the world does.

  /// A frame reaches the packet socket. False: no room, dropped and counted. `waiting`: the thread
  /// that receives waits in the kernel.
  bool arrive(const Packet& packet, bool waiting);
  /// The next instant at which a link does something; kNever where none has frames.
  [[nodiscard]] engine::Instant next_link_instant(std::uint32_t link) const;
  struct LinkEvent {
    bool delivered = false;  ///< else: left the sender's buffer
    Packet packet;
  };
  LinkEvent step_link(std::uint32_t link);
  [[nodiscard]] std::uint32_t link_count() const { return links_.size(); }

  /// Whether the kernel's regions are those that the stage that receives says the kernel has, each
  /// once, and every arrived frame is in the socket, in the stage or counted.
  [[nodiscard]] bool agrees_with(const engine::Stage& stage) const;

  // Telemetry.

  /// Frames that reached the packet socket, dropped ones included.
  [[nodiscard]] std::uint64_t arrived() const { return arrived_; }
  /// Sends that ended ok.
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  /// Frames on the links.
  [[nodiscard]] std::uint64_t travelling() const;
  [[nodiscard]] std::uint64_t kernel_drops() const { return kernel_drops_; }
  /// Datagrams that found no provided buffer, or no armed receive, and had to wait in the socket.
  [[nodiscard]] std::uint64_t found_no_buffer() const { return found_no_buffer_; }
  [[nodiscard]] std::uint64_t queue_drops() const { return queue_drops_; }
  [[nodiscard]] std::uint64_t overflows(RingIndex ring) const { return at(ring).overflows; }
  [[nodiscard]] std::uint32_t socket_backlog() const { return socket_queue_.size(); }

 private:
  struct Prepared {
    engine::Submission submission;
    engine::Slice slice;
    std::uint32_t reserved = 0;
  };
  struct SendSocket {
    std::uint32_t used_bytes = 0;
    std::uint32_t wait_armed = 0;
    engine::Token wait;
    RingIndex wait_ring{};
    std::uint32_t reserved = 0;
  };
  struct Ring {
    void place(engine::FlatLayout& layout, const KernelConfig& config);
    engine::FlatQueue<Prepared> queue;
    engine::FlatQueue<Prepared> paused;
    engine::FlatQueue<Posted> completions;
    std::uint64_t overflows = 0;
    std::uint32_t completions_max = 0;
    std::uint32_t chain_broken = 0;
  };
  struct Travelling {
    Packet packet;
    engine::Instant departs;
    engine::Instant arrives;
  };
  struct RegionBytes {
    std::array<std::byte, kVisibleBytes> bytes{};
  };
  struct Link {
    void place(engine::FlatLayout& layout, const LinkConfig& config);
    engine::FlatQueue<Travelling> frames;
    engine::FlatArray<std::int64_t> stalls;  ///< start and end of each
    std::uint64_t bits_per_second = 0;
    std::int64_t delay_ns = 0;
    engine::Instant free_at;
    std::uint32_t departed = 0;   ///< of the frames: they have left the device
    std::uint32_t queue_max = 0;  ///< frames that have not
    [[nodiscard]] bool is_full() const {
      return frames.full() || frames.size() - departed >= queue_max;
    }
    [[nodiscard]] bool departs_by(engine::Instant at) const {
      return departed < frames.size() && frames[departed].departs <= at;
    }
  };

  [[nodiscard]] Ring& at(RingIndex ring) { return rings_[static_cast<std::uint32_t>(ring)]; }
  [[nodiscard]] const Ring& at(RingIndex ring) const {
    return rings_[static_cast<std::uint32_t>(ring)];
  }
  Executed execute(RingIndex ring, const Prepared& prepared, engine::Instant at, Choices& choices);
  engine::Outcome send(const Prepared& prepared, engine::Instant at, Choices& choices);
  /// The next frame leaves the device and its sender's buffer.
  const Packet& depart(Link& link);
  void transmit(Link& link, const Packet& packet, engine::Instant at);
  engine::Outcome cancel(RingIndex ring, engine::Token target);
  Posted& post(RingIndex ring, engine::Token token, engine::Outcome outcome, bool more = false);
  void mark_missed();
  [[nodiscard]] Packet read_tag(engine::Slice slice) const;
  void write_frame(engine::RegionIndex region, const Packet& packet);

  engine::FlatObjects<Ring> rings_;
  engine::FlatQueue<engine::RegionIndex> provided_;
  engine::FlatArray<RegionBytes> regions_;
  engine::FlatArray<HeaderBytes> headers_;  ///< by flow
  engine::FlatQueue<Packet> socket_queue_;
  engine::FlatArray<SendSocket> send_sockets_;
  engine::FlatObjects<Link> links_;
  engine::Token receive_token_;
  std::uint64_t arrived_ = 0;
  std::uint64_t sent_ = 0;
  std::uint64_t kernel_drops_ = 0;
  std::uint64_t found_no_buffer_ = 0;
  std::uint64_t queue_drops_ = 0;
  std::uint32_t receive_armed_ = 0;
  std::uint32_t receive_was_armed_ = 0;
  std::uint32_t socket_used_bytes_ = 0;
  std::uint32_t missed_count_ = 0;  ///< of the waiting packets, from the front
  RingIndex receive_ring_{};
  std::uint32_t region_bytes_ = 0;
  std::uint32_t receive_buffer_bytes_ = 0;
  std::uint32_t send_buffer_bytes_ = 0;
  std::uint32_t reserved_ = 0;
  std::uint32_t fan_out_ = 0;
  std::uint32_t receives_at_enter_ = 0;
  std::uint32_t send_errors_per_million_ = 0;
  std::uint32_t chain_pauses_per_million_ = 0;
};

}  // namespace reprise::sim
