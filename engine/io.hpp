// The I/O backend interface: the one seam between the engine and a kernel, real or simulated.
//
// Implementations:
//   backends/uring   io_uring (production)
//   backends/asio    Boost.Asio, epoll (hosts that refuse io_uring)
//   sim/             the simulated kernel with virtual time
//
// Words. A submission names an operation; it is *prepared* when it is in the submission queue,
// *submitted* when the kernel has it, *in flight* from there to the reaped completion. A completion
// is data: the backend returns it and never calls the engine.
//
// Invariants, each with a case in tests/contract:
//   I1  An operation ends at its first completion with more == false, and has exactly one such.
//       `provide` alone has no completion: it cannot fail and takes effect at the latest when it is
//       submitted. One that limits() does not name ends `invalid`, and so does one on no socket.
//   I2  A completion carries the token of its submission, unchanged.
//   I3  Operations of a linked chain run in order, one at a time; when one does not end `ok`, the
//       later ones end `cancelled` and did nothing (but see kOrderOnly); a deadline that expired is
//       not `ok`. prepare() takes a chain whole or not at all; the end of its view ends a chain,
//       and a provide inside one does not part it. Unlinked sends on one socket run in the order
//       prepared, as long as they find room.
//   I4  A send with do_not_wait that finds no room ends `refused` and did nothing.
//   I5  A receive completion gives its region to the engine; the kernel does not touch the region
//       again until it is provided anew. A receive that ends without one took none, and no
//       datagram: that waits in the socket for the next receive.
//   I6  submit() never blocks. reap() never blocks, and calls the kernel only where completions
//       overflowed there.
//   I7  wake() makes a concurrent or the next submit_and_wait() return, once; it and steer() are
//       the only calls allowed from another thread.
//   I8  Nothing is lost when the completion queue is full: reap() returns the rest later, in order.
//       A multishot receive may end for it.
//   I9  A packet ring's frames come in order, and only while the batch accepts them: the rest of a
//       block comes with later completions of the same region, the last of which is
//       region_complete. One that is cancelled in the middle of a block ends with that region, no
//       frames and region_complete: the rest of it is lost.
//
// Units: bytes; Instant is absolute on now()'s clock. Errors of operations are Outcomes; errors of
// set-up are Error.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "reprise/engine/address.hpp"
#include "reprise/engine/error.hpp"
#include "reprise/engine/memory.hpp"
#include "reprise/engine/time.hpp"

namespace reprise::engine {

enum class SocketIndex : std::uint32_t {};
inline constexpr SocketIndex kNoSocket{0xffff'ffff};

/// Names an operation. The slot is the engine's; the generation tells two uses of one slot apart.
struct Token {
  std::uint32_t slot = 0;
  std::uint32_t generation = 0;
  friend bool operator==(Token, Token) = default;
};

enum class Operation : std::uint8_t {
  receive,              ///< takes provided regions; `multishot` or one-shot
  packet_ring_receive,  ///< `multishot`: hands over the ring's blocks, in order, each in as many
                        ///< completions as it takes; `provide` gives a block back
  send,                 ///< one slice
  segmented_send,       ///< gathers its slices, leaves as datagrams of segment_bytes (udp(7),
                        ///< UDP_SEGMENT), all of them or none; beyond segments_max: invalid, beyond
                        ///< segmented_bytes_max or with a segment over the MTU: too_large
  zero_copy_send,       ///< two completions: sent (more), then the region may be reused. One that
                        ///< did not end ok may have one only
  provide,              ///< gives the regions of its slices to the kernel for receiving
  wait_readable,        ///< ends when a datagram is there; it takes none
  wait_writable,        ///< ends when the socket takes sends again
  deadline,             ///< ends `expired` at `deadline`, with `value` as given
  cancel,  ///< of the operation named by `target`, slot and generation; ends ok (that one ends
           ///< `cancelled`, before or after), invalid (it has ended, or waits behind a link)
};
inline constexpr std::size_t kOperationCount = 10;

/// Whether it hands datagrams to the network.
constexpr bool is_send(Operation operation) {
  return operation == Operation::send || operation == Operation::segmented_send ||
         operation == Operation::zero_copy_send;
}

struct SubmissionFlags {
  static constexpr std::uint8_t kMultishot =
      1;  ///< stays armed: completions have `more` until it ends
  static constexpr std::uint8_t kDoNotWait =
      2;  ///< refuse instead of waiting for room (MSG_DONTWAIT)
  static constexpr std::uint8_t kLinked =
      4;  ///< the next submission starts when this one has ended `ok`
  /// A linked send: where it ends otherwise than `refused`, the next one may start all the same. A
  /// backend that knows that there is room need not link them then, which costs less.
  static constexpr std::uint8_t kOrderOnly = 8;
};

struct Submission {
  Token token;
  Token target;                     ///< cancel: what to cancel
  Instant deadline;                 ///< deadline: when
  std::int64_t value = 0;           ///< deadline: comes back in the completion
  SocketIndex socket = kNoSocket;   ///< all but provide, deadline and cancel
  std::uint32_t slice_first = 0;    ///< into the slices of the same batch
  std::uint32_t slice_count = 0;    ///< sends, provide
  std::uint16_t segment_bytes = 0;  ///< segmented_send: payload of every datagram but the last
  Operation operation = Operation::receive;
  std::uint8_t flags = 0;  ///< SubmissionFlags
};

/// How an operation ended. Closed: switches over it have no default.
enum class Outcome : std::uint8_t {
  ok,
  refused,      ///< EAGAIN: no room, do_not_wait
  cancelled,    ///< ECANCELED: by a cancel, or earlier in its chain something did not end ok
  no_buffer,    ///< ENOBUFS: receive: nothing provided; send: a queueing discipline dropped it.
                ///< ENOMEM: the kernel had no memory just then
  too_large,    ///< EMSGSIZE
  unreachable,  ///< ENETUNREACH, EHOSTUNREACH, ENETDOWN, EADDRNOTAVAIL, ENODEV, ENXIO
  connection_refused,  ///< ECONNREFUSED: an earlier datagram met a closed port; this one was not
                       ///< sent
  not_permitted,       ///< EPERM, EACCES: a firewall or a broadcast address
  invalid,             ///< EBADF, EFAULT, EINVAL, ENOENT, EOPNOTSUPP
  expired,             ///< a deadline passed
  failed,              ///< anything else; errno_value says what
};
inline constexpr std::size_t kOutcomeCount = 11;

/// "refused", "no_buffer", …
const char* name(Outcome outcome);

enum class ChecksumState : std::uint8_t {
  unverified,  ///< nobody looked: the engine verifies
  valid,       ///< hardware or kernel found it right
  partial,     ///< locally generated, to be filled in by the device: cannot be judged
               ///< (TP_STATUS_CSUMNOTREADY)
};

/// sockaddr_ll's packet type (packet(7)).
enum class PacketType : std::uint8_t { host, broadcast, multicast, other_host, outgoing };

enum class FrameFormat : std::uint8_t { ethernet, ip, udp_payload };

/// One received frame inside a region.
struct Frame {
  std::uint32_t offset_bytes = 0;    ///< of its first byte in the region
  std::uint32_t captured_bytes = 0;  ///< what lies in the region
  std::uint32_t original_bytes = 0;  ///< what was on the wire; more than captured: truncated
  /// Not 0: several datagrams of this payload each, merged by an offload (UDP_L4).
  std::uint16_t segment_bytes = 0;
  std::uint16_t vlan_tci = 0;  ///< stripped tag, where has_vlan
  bool has_vlan = false;
  ChecksumState checksum = ChecksumState::unverified;
  PacketType type = PacketType::host;
  FrameFormat format = FrameFormat::ethernet;
  Address source;  ///< udp_payload: the sender
  std::uint16_t source_port = 0;

  /// How many datagrams of segment_bytes were merged into it; 1 where it is one. Exact for IPv4
  /// without options; with longer headers it may be one more.
  [[nodiscard]] std::uint32_t datagrams_max() const {
    if (segment_bytes == 0) return 1;
    const std::uint32_t headers_bytes = format == FrameFormat::ethernet ? 42 : 28;
    const std::uint32_t payload_bytes = original_bytes - std::min(original_bytes, headers_bytes);
    return std::max((payload_bytes + segment_bytes - 1) / segment_bytes, 1U);
  }
};
/// Datagrams that a merged frame may hold: 65,535 bytes of segments of 512 and more (Linux merges
/// at most 64 received ones and segments at most 128 of its own: UDP_MAX_SEGMENTS, 6.9).
inline constexpr std::uint32_t kMergedDatagramsMax = 129;

struct Completion {
  Token token;
  std::int64_t value = 0;          ///< deadline: as submitted
  std::uint32_t result_bytes = 0;  ///< sends: bytes taken
  RegionIndex region = kNoRegion;  ///< receives
  std::uint32_t frame_first = 0;   ///< into the frames of the same batch
  std::uint32_t frame_count = 0;
  std::int32_t errno_value = 0;  ///< the raw errno, for counters and logs
  Outcome outcome = Outcome::ok;
  bool more = false;            ///< the operation goes on
  bool region_complete = true;  ///< false: more frames of this region follow in another completion
};

/// Filled by prepare-side code of the engine, read by the backend. Fixed capacity.
struct SubmissionView {
  std::span<const Submission> submissions;
  std::span<const Slice> slices;  ///< what slice_first counts in
};

/// Where reap() writes. Owned by the caller, of fixed capacity, overwritten by each reap().
class CompletionBatch {
 public:
  CompletionBatch(std::uint32_t completions_max, std::uint32_t frames_max)
      : completions_(completions_max), frames_(frames_max) {}

  /// From now on a reap() takes frames from packet rings until they hold so many datagrams, and at
  /// most one frame more. Frames that come otherwise are not limited so.
  void accept_from_rings(std::uint32_t datagrams) { ring_datagrams_max_ = datagrams; }
  /// What reap() may still take from packet rings: while it is above 0, one more frame.
  [[nodiscard]] std::uint32_t ring_datagrams_left() const {
    return ring_datagrams_ < ring_datagrams_max_ ? ring_datagrams_max_ - ring_datagrams_ : 0;
  }
  void count_from_ring(std::uint32_t datagrams) { ring_datagrams_ += datagrams; }

  void clear() { completion_count_ = frame_count_ = ring_datagrams_ = 0; }
  [[nodiscard]] bool has_room(std::uint32_t frames = 0) const {
    return completion_count_ < completions_.size() && frame_count_ + frames <= frames_.size();
  }
  /// Room for one more frame of the newest completion.
  [[nodiscard]] bool has_frame_room() const { return frame_count_ < frames_.size(); }
  /// Appends a completion whose frames are those that push_frame() appends next. Needs has_room().
  Completion& push() {
    REPRISE_ASSERT(has_room());
    Completion& completion = completions_[completion_count_++];
    completion = Completion{};
    completion.frame_first = frame_count_;
    return completion;
  }
  /// Appends a frame to the newest completion.
  Frame& push_frame() {
    REPRISE_ASSERT(completion_count_ > 0 && frame_count_ < frames_.size());
    ++completions_[completion_count_ - 1].frame_count;
    Frame& frame = frames_[frame_count_++];
    frame = Frame{};
    return frame;
  }
  [[nodiscard]] std::span<const Completion> completions() const {
    return {completions_.data(), completion_count_};
  }
  [[nodiscard]] std::span<const Frame> frames(const Completion& completion) const {
    return std::span<const Frame>(frames_).subspan(completion.frame_first, completion.frame_count);
  }
  [[nodiscard]] std::uint32_t completions_max() const {
    return static_cast<std::uint32_t>(completions_.size());
  }

 private:
  std::vector<Completion> completions_;
  std::vector<Frame> frames_;
  std::uint32_t completion_count_ = 0;
  std::uint32_t frame_count_ = 0;
  std::uint32_t ring_datagrams_ = 0;
  std::uint32_t ring_datagrams_max_ = 0;
};

/// One (source, destination, port) that a receive socket lets through its filter.
struct WantedTraffic {
  Address source;  ///< unset: any
  Address destination;
  std::uint16_t port = 0;
};

/// What of a fanout group's traffic goes where: a flow goes to member `first` + n, where n < count
/// follows from its addresses and ports. Members are numbered in the order in which they joined.
struct Steering {
  std::uint16_t first = 0;
  std::uint16_t count = 1;
  friend bool operator==(const Steering&, const Steering&) = default;
};

/// Several packet sockets on one interface that share its traffic (packet(7), PACKET_FANOUT).
struct FanoutSpec {
  std::uint16_t group = 0;  ///< the same for its members, and no other's on this host; 0: none
  Steering steering;        ///< as long as nobody calls steer()
  bool is_new = false;      ///< it begins a group; the host finds a number: see fanout_group()
};

/// A packet socket on one interface. Frames that this host sends are not received.
struct PacketSocketSpec {
  std::string interface;
  std::vector<WantedTraffic> wanted;       ///< the filter; empty: nothing passes
  std::uint32_t receive_buffer_bytes = 0;  ///< 0: the host's default
  /// Not 0: it has a packet ring (TPACKET_V3) of so many of the blocks that register_memory()
  /// reserved, the first that no ring has; for packet_ring_receive only.
  std::uint32_t ring_blocks = 0;
  /// An open block with frames is handed over after this at the latest; in steps of a millisecond.
  Duration ring_timeout = milliseconds(1);
  FanoutSpec fanout;
};

/// A UDP socket connected to one destination.
struct SendSocketSpec {
  Address destination;
  std::uint16_t port = 0;
  std::string interface;                ///< empty: by route (unicast only)
  Address source;                       ///< unset: by route
  std::uint8_t hops = 16;               ///< TTL or hop limit, 1…255
  std::uint8_t dscp = 0;                ///< 0…63
  std::uint32_t send_buffer_bytes = 0;  ///< 0: the host's default
};

struct SocketStatistics {
  /// Frames that the kernel dropped on this socket since it was opened; a merged one counts once,
  /// however many datagrams it held.
  std::uint64_t kernel_drops = 0;
  std::uint64_t queued = 0;  ///< packet sockets: frames that it put into the socket since then
};

/// What register_memory() makes: buffers that hold a frame each, and blocks for packet rings.
struct MemorySpec {
  std::uint32_t buffers = 0;
  std::uint32_t buffer_bytes = 0;  ///< a frame of this size fits whole
  std::uint32_t blocks = 0;
  std::uint32_t block_bytes = 0;  ///< a multiple of the page size
};

/// What this backend on this host can do; probed, never assumed.
struct Limits {
  std::uint32_t submissions_max = 0;  ///< entries of the submission queue: the longest chain
  std::uint32_t completions_max = 0;  ///< entries of the completion queue before it overflows
  std::uint32_t segments_max = 1;     ///< datagrams in one segmented send
  std::uint32_t segmented_bytes_max = 0;
  std::uint32_t operations = 0;  ///< bit set by Operation
  [[nodiscard]] bool supports(Operation operation) const {
    return ((operations >> static_cast<unsigned>(operation)) & 1U) != 0;
  }
};

/// What submit() and submit_and_wait() did.
struct SubmitResult {
  std::uint32_t submitted = 0;  ///< submissions that the kernel took
  int errno_value = 0;  ///< 0, or why not all were taken; what is left goes with the next call
  bool woken = false;   ///< submit_and_wait: wake() was called
};

/// How full a backend's two queues are.
struct QueueDepths {
  std::uint32_t submissions = 0;  ///< prepared, not submitted
  std::uint32_t completions = 0;  ///< ready to be reaped
};

/// Hot path: once a batch, never once a packet. All calls but wake() belong to the thread that owns
/// the backend.
class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;

  /// Puts submissions into the submission queue, in order, until it is full. Returns how many it
  /// took; it never splits a chain (I3). The view needs to live only during the call.
  virtual std::uint32_t prepare(SubmissionView view) = 0;

  /// Hands the submission queue to the kernel without waiting (I6).
  virtual SubmitResult submit() = 0;

  /// As submit(), then waits until at least `count` completions can be reaped, `deadline` passes,
  /// or wake() is called. count == 0 collects what is ready without waiting. It may return early:
  /// after a signal, and once more after a wake() that was reported.
  virtual SubmitResult submit_and_wait(std::uint32_t count, Instant deadline) = 0;

  /// Clears `batch` and moves completions into it, oldest first, until there are none or it is
  /// full. Returns how many.
  virtual std::uint32_t reap(CompletionBatch& batch) = 0;

  [[nodiscard]] virtual Instant now() const = 0;

  /// Any thread, async-signal-safe (I7).
  virtual void wake() = 0;

  // Cold path.

  /// Allocates and registers regions; once, before any socket is opened that receives. The backend
  /// owns them. They are the engine's until provided; a block has memory when a ring has it.
  virtual Expected<PacketMemory> register_memory(const MemorySpec& spec) = 0;
  /// Instead of register_memory(): sends from regions that another backend registered and that
  /// outlive this one. It receives nothing into them.
  virtual Expected<void> use_memory(const PacketMemory& memory) = 0;
  virtual Expected<SocketIndex> open(const PacketSocketSpec& spec) = 0;
  virtual Expected<SocketIndex> open(const SendSocketSpec& spec) = 0;
  /// Takes over an open descriptor of either kind (a supervisor's), and closes it on failure too.
  virtual Expected<SocketIndex> adopt(int descriptor) = 0;
  /// Operations on the socket must have ended. What is sent on it afterwards ends `invalid`.
  virtual void close(SocketIndex socket) = 0;
  [[nodiscard]] virtual SocketStatistics statistics(SocketIndex socket) = 0;
  /// The number of a packet socket's fanout group; 0: it is in none.
  [[nodiscard]] virtual std::uint16_t fanout_group(SocketIndex member) {
    static_cast<void>(member);
    return 0;
  }
  /// Changes the steering of a member's fanout group. When it returns no frame is steered as before
  /// any more; that takes some 10 ms. Any thread, while no socket is opened or closed.
  virtual Expected<void> steer(SocketIndex member, Steering steering) {
    static_cast<void>(member);
    static_cast<void>(steering);
    return failure("this backend has no fanout groups");
  }
  [[nodiscard]] virtual Limits limits() const = 0;
  /// Telemetry; zeroes where a backend cannot tell.
  [[nodiscard]] virtual QueueDepths depths() const { return {}; }
};

}  // namespace reprise::engine
