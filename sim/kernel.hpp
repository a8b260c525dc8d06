// The simulated kernel of one node: a ring for each thread, provided buffers, packet sockets, UDP
// send sockets, and the links behind them. A flat value; it moves no time by itself.
//
// It models what was measured (docs/KERNEL_MODEL.md), nothing politer; the differential test holds
// it against the real one. What kernels do differently is in KernelProfile.
//   K1  A send is done inside the submit that hands it over, in order, or refused (do_not_wait), or
//       parked until its socket is writable. What is woken runs newest-armed first.
//   K2  A linked chain goes on when the entry before has ended ok, behind everything that the same
//       call hands over; after one that does not end ok the rest is cancelled.
//   K3  A send buffer refuses at its limit and counts a datagram until it leaves the device; it is
//       writable again when half of it is free.
//   K4  A frame beyond the queueing discipline's length is dropped and success reported.
//   K5  A multishot receive that has taken the last provided buffer ends no_buffer; frames wait in
//       the socket, and beyond its buffer they are dropped and counted.
//   K6  Completions beyond the completion queue's size are kept and returned later, in order.
//   K7  A device that is down or without its address fails sends; without carrier it loses them.
//   Of packet rings: R1 to R5 in packet_ring.hpp. What is in a region: regions.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include <boost/container/small_vector.hpp>

#include "reprise/engine/flat.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/engine/stage.hpp"
#include "reprise/sim/choices.hpp"
#include "reprise/sim/faults.hpp"
#include "reprise/sim/kernel_config.hpp"
#include "reprise/sim/packet_socket.hpp"
#include "reprise/sim/regions.hpp"
#include "reprise/sim/ring.hpp"
#include "reprise/sim/send_socket.hpp"

namespace reprise::sim {

class Kernel {
 public:
  void place(engine::FlatLayout& layout, const KernelConfig& config);
  void start(const KernelConfig& config);

  // What a thread does with its ring. `at` is the instant at which an act happens inside a longer
  // call.

  [[nodiscard]] std::uint32_t room(RingIndex ring) const {
    return at(ring).queue.capacity() - at(ring).queue.size();
  }
  void prepare(RingIndex ring, const engine::Submission& submission,
               std::span<const engine::Slice> slices,
               Malformation malformation = Malformation::none, bool is_async = false);
  void provide(engine::RegionIndex region);
  [[nodiscard]] std::uint32_t prepared_count(RingIndex ring) const { return at(ring).queue.size(); }

  /// One entry that ran: inside a submit, or as work.
  struct Executed {
    engine::Submission taken;  ///< execute_next: what it took from the queue
    engine::Submission submission;
    engine::Outcome outcome = engine::Outcome::ok;
    engine::Slice slice;
    bool ended = false;           ///< it has its last completion
    bool behind_link = false;     ///< it is not the first of its chain
    bool ends_submit = false;     ///< malformed: the call hands nothing more over
    std::uint32_t datagrams = 0;  ///< sends: how many it is
    std::uint32_t payload_bytes = 0;
    std::uint32_t frames = 0;  ///< moved into provided buffers
    std::uint64_t frame_bytes = 0;
  };
  /// Takes the oldest prepared entry and carries it out; of a chain, which is held until it is
  /// whole, the first.
  Executed execute_next(RingIndex ring, engine::Instant at, Choices& choices);
  /// Whether the oldest prepared entry is a receive outside of chains that finds nothing now and
  /// would wait.
  [[nodiscard]] bool next_would_wait(RingIndex ring) const;
  /// Takes the oldest prepared entry as a receive that found nothing, and then, before it waited, a
  /// frame: it looks again as work, behind what the frame has woken. (io_uring_enter: the poll that
  /// it is armed with is ready at once.)
  void arm_too_late(RingIndex ring);
  /// Ends a submit call: what follows in chains becomes work.
  void end_submit(RingIndex ring);
  [[nodiscard]] std::uint32_t work_count(RingIndex ring) const {
    return at(ring).work.size() + at(ring).successors.size();
  }
  /// Of the work there is now, so much is done before what follows in chains becomes work; else
  /// all of it.
  void limit_batch(RingIndex ring, std::uint32_t work_max) {
    queue_successors(at(ring));
    at(ring).batch_left = std::min(work_max, work_count(ring));
  }
  /// Whether what ended in a round of work, or in a submit, has to be followed up before the next
  /// one: its chains go on. follow_up() does it for the oldest.
  [[nodiscard]] bool has_follow_up(RingIndex ring) const {
    return at(ring).batch_left == 0 && !at(ring).successors.empty();
  }
  void follow_up(RingIndex ring) { at(ring).work.push(at(ring).successors.pop()); }
  /// Carries out the oldest work.
  Executed execute_work(RingIndex ring, engine::Instant at, Choices& choices);
  /// Entries that worker threads have to run (IOSQE_ASYNC), at any time and in any order.
  [[nodiscard]] std::uint32_t worker_count(RingIndex ring) const {
    return at(ring).with_workers.size();
  }
  Executed execute_worker(RingIndex ring, engine::Instant at, Choices& choices);
  /// Whether a call of this kind comes to its work at all.
  [[nodiscard]] bool runs_work(bool collects) const {
    return profile_.task_run != TaskRun::deferred || collects;
  }
  /// Whether the oldest work, if it is the rest of a chain, is left to a later call now.
  [[nodiscard]] bool pauses(RingIndex ring, engine::Instant at, Choices& choices);

  [[nodiscard]] std::uint32_t completion_count(RingIndex ring) const {
    return at(ring).completions.size();
  }
  /// What a reap finds: completions, and blocks of packet rings as one.
  [[nodiscard]] std::uint32_t reapable_count(RingIndex ring) const {
    return completion_count(ring) + (has_readable_ring(ring) ? 1 : 0);
  }
  /// What a wait counts: the same; with deferred task run also work, once for each entry.
  [[nodiscard]] std::uint32_t ready_count(RingIndex ring) const {
    return reapable_count(ring) + (profile_.task_run == TaskRun::deferred ? work_count(ring) : 0);
  }
  [[nodiscard]] const Posted& completion(RingIndex ring, std::uint32_t place) const {
    return at(ring).completions[place];
  }
  Posted reap(RingIndex ring) {
    Ring& from = at(ring);
    if (from.overflowed == from.completions.size()) --from.overflowed;
    return from.completions.pop();
  }
  /// What the completion queue's memory shows; the others come with flush_overflow().
  [[nodiscard]] std::uint32_t visible_count(RingIndex ring) const {
    return completion_count(ring) - at(ring).overflowed;
  }
  /// A call that asks for completions moves overflowed ones to where there is room (K6).
  void flush_overflow(RingIndex ring) {
    const std::uint32_t room = at(ring).completions_max - visible_count(ring);
    at(ring).overflowed -= std::min(room, at(ring).overflowed);
  }
  /// Whether a packet socket has a ring, and whether of one's block some frames were read.
  [[nodiscard]] bool has_packet_ring() const;
  [[nodiscard]] bool is_in_block() const;
  /// The packet socket whose ring this thread reads now; kNoSocket: no block is to be read. They
  /// take turns (read_on()).
  [[nodiscard]] engine::SocketIndex readable_ring(RingIndex ring) const;
  [[nodiscard]] bool has_readable_ring(RingIndex ring) const {
    return readable_ring(ring) != engine::kNoSocket;
  }
  [[nodiscard]] PacketRing& packet_ring(engine::SocketIndex socket) {
    return packet_sockets_[static_cast<std::uint32_t>(socket)].ring;
  }
  [[nodiscard]] engine::Token ring_token(engine::SocketIndex socket) const {
    return packet_sockets_[static_cast<std::uint32_t>(socket)].ring_receive.token;
  }
  /// The ring of another socket comes before this one's.
  void read_on(RingIndex ring, engine::SocketIndex socket) {
    at(ring).next_packet_socket = static_cast<std::uint32_t>(socket) + 1;
  }
  [[nodiscard]] engine::PacketMemory memory() { return regions_.memory(); }
  /// Of a buffer.
  [[nodiscard]] std::uint32_t region_bytes() const { return regions_.region_bytes(); }
  [[nodiscard]] std::span<std::byte> region_bytes(engine::RegionIndex region) {
    return regions_.bytes(region);
  }
  [[nodiscard]] engine::SocketStatistics statistics(engine::SocketIndex socket) const;
  [[nodiscard]] engine::Limits limits() const;
  [[nodiscard]] const KernelProfile& profile() const { return profile_; }
  [[nodiscard]] Faults& faults() { return faults_; }
  [[nodiscard]] const Faults& faults() const { return faults_; }
  /// How many faults of this kind happened, here or on the way here.
  [[nodiscard]] std::uint64_t fault_count(FaultKind kind) const;
  /// Faults that last begin and end: what an operator, or a cable, does to the links, and to the
  /// device of `input`. Whether anything changed.
  bool disturb(engine::SocketIndex input, engine::Instant at, Choices& choices);

  // What the world does.

  /// A socket that nothing is open on is made anew; a packet socket's frames have this header.
  /// With `config.ring.blocks` it has a packet ring from `at` on.
  void reopen(engine::SocketIndex socket, const PacketSocketConfig& config, std::uint32_t flow,
              const HeaderBytes& header, engine::Instant at = {});
  /// Its packet ring has no blocks any more.
  void close(engine::SocketIndex socket);
  void reopen(engine::SocketIndex socket, const SendSocketConfig& config);
  /// A frame reaches a packet socket. False: no room, dropped and counted.
  bool arrive(engine::SocketIndex socket, const Packet& packet, engine::Instant at = {});
  /// When a packet ring hands over a block that is not full; kNever: none waits for that.
  [[nodiscard]] engine::Instant next_block_tick() const;
  void tick_blocks(engine::Instant now);
  [[nodiscard]] std::uint32_t link_count() const { return links_.size(); }
  [[nodiscard]] Link& link(std::uint32_t index) { return links_[index]; }
  [[nodiscard]] const Link& link(std::uint32_t index) const { return links_[index]; }
  [[nodiscard]] engine::Instant next_link_instant(std::uint32_t link) const {
    return links_[link].next_instant();
  }
  struct LinkEvent {
    bool delivered = false;  ///< a datagram arrived, whole; else: a frame left, or a part arrived
    Packet packet;
  };
  LinkEvent step_link(std::uint32_t link);
  /// A departure in parts, for who knows their order: a frame leaves the device, its sender's
  /// buffer, and its memory.
  Packet depart(std::uint32_t link) { return links_[link].depart(); }
  void release(const Packet& packet);
  void give_notice(std::uint16_t notice);
  /// A frame that was delivered finds a closed port: its sender is told.
  void refuse(std::uint32_t send_socket);
  void set_port_closed(engine::SocketIndex socket, bool closed);
  [[nodiscard]] bool port_is_closed(std::uint32_t send_socket) const {
    return send_sockets_[send_socket].port_is_closed != 0;
  }
  void set_up(std::uint32_t link, bool up);
  void set_carrier(std::uint32_t link, bool carrier);
  /// The device of a packet socket goes down: a receive that is armed, or the next one, ends so.
  void set_receiver_down(engine::SocketIndex socket);
  /// The earliest armed deadline of a ring; kNever: none.
  [[nodiscard]] engine::Instant next_deadline(RingIndex ring) const;
  /// Deadlines up to `now` become work.
  void expire(RingIndex ring, engine::Instant now);
  [[nodiscard]] std::uint32_t ring_count() const { return rings_.size(); }

  /// Appends everything that decides what it will do: kernels that append the same behave alike.
  /// Left out: telemetry, and the bytes in regions.
  void append_state(std::vector<std::byte>& state) const;

  /// Whether the kernel's regions are those that the stage that receives says the kernel has, each
  /// once, and every arrived frame is in the socket, in the stage or counted.
  [[nodiscard]] bool agrees_with(const engine::Stage& stage) const;

  // Telemetry.

  /// Datagrams that reached the packet sockets, dropped ones included.
  [[nodiscard]] std::uint64_t arrived() const;
  /// Datagrams whose sends ended ok.
  [[nodiscard]] std::uint64_t sent() const { return sent_; }
  /// Datagrams on the links.
  [[nodiscard]] std::uint64_t travelling() const;
  /// Frames that the packet sockets dropped.
  [[nodiscard]] std::uint64_t kernel_drops() const;
  /// Frames that were lost in a block whose receive was cancelled in the middle of it (I9).
  [[nodiscard]] std::uint64_t cancelled_frames() const;
  /// Datagrams that found no provided buffer, or no armed receive, and had to wait in the socket.
  [[nodiscard]] std::uint64_t found_no_buffer() const;
  [[nodiscard]] std::uint64_t queue_drops() const { return queue_drops_; }
  /// Datagrams that a device lost, sent or not: no carrier, or it went down.
  [[nodiscard]] std::uint64_t link_losses() const { return link_losses_; }
  [[nodiscard]] std::uint64_t overflows(RingIndex ring) const { return at(ring).overflows; }
  /// Frames that wait in the packet sockets.
  [[nodiscard]] std::uint32_t socket_backlog() const;
  /// Frames that a receive would find now.
  [[nodiscard]] bool has_frames() const;

 private:
  struct Notice {
    engine::Token token;
    std::uint32_t ring = 0;
    std::uint32_t is_used = 0;
  };
  struct Ended {
    engine::Outcome outcome = engine::Outcome::ok;
    std::uint32_t result_bytes = 0;
    int errno_value = 0;          ///< 0: that of the outcome
    bool armed = false;           ///< it has not ended
    bool is_kept = false;         ///< it has not ended: its socket has it
    bool is_posted = false;       ///< its completion is there already
    bool is_woken = false;        ///< it has not ended: it is work
    bool has_notice = false;      ///< a zero-copy send's second completion follows
    bool notice_is_last = false;  ///< it becomes work behind what follows in a chain
  };

  [[nodiscard]] Ring& at(RingIndex ring) { return rings_[static_cast<std::uint32_t>(ring)]; }
  [[nodiscard]] const Ring& at(RingIndex ring) const {
    return rings_[static_cast<std::uint32_t>(ring)];
  }
  [[nodiscard]] std::uint32_t send_index(engine::SocketIndex socket) const {
    return static_cast<std::uint32_t>(socket) - packet_sockets_.size();
  }
  /// An index beyond all sockets is a bad descriptor.
  [[nodiscard]] bool has_socket(const engine::Submission& submission) const;
  [[nodiscard]] bool is_packet_socket(engine::SocketIndex socket) const {
    return static_cast<std::uint32_t>(socket) < packet_sockets_.size();
  }

  // Running entries (kernel.cpp).
  Executed begin(RingIndex ring, const Entry& entry, engine::Instant at, Choices& choices);
  Executed run(RingIndex ring, const Entry& entry, engine::Instant at, Choices& choices);
  Ended run_operation(RingIndex ring, const Entry& entry, engine::Instant at, Choices& choices,
                      Executed& executed);
  Ended wait(const engine::Submission& submission, std::uint32_t tried, Choices& choices);
  void arm(RingIndex ring, const Entry& entry);
  void disarm(RingIndex ring, std::uint32_t place);
  Entry& armed_entry(RingIndex ring, const Entry& entry);
  void count_waiting(const Entry& entry, std::uint32_t change);
  static bool stays_armed(const Entry& entry);
  void end(RingIndex ring, const Entry& entry, const Ended& ended);
  void go_on(RingIndex ring, const Entry& entry, engine::Outcome outcome);
  static void queue_successors(Ring& ring);
  /// One more completion finds no room: once one has overflowed, all do, to keep their order.
  [[nodiscard]] static bool overflows_next(const Ring& ring) {
    return ring.overflowed > 0 || ring.completions.size() >= ring.completions_max;
  }
  static Entry take_held(Ring& ring, std::uint32_t chain);
  Executed begin_chain(RingIndex ring, std::uint32_t chain, engine::Instant at, Choices& choices);
  engine::Outcome end_unrun(RingIndex ring, const Entry& entry);
  Ended cancel(RingIndex ring, engine::Token target, Choices& choices);
  bool cancel_ring_receive(RingIndex ring, engine::Token target);
  static void keep_slices(Ring& ring, Entry& entry, std::span<const engine::Slice> slices);
  static void give_back_slices(Ring& ring, const Entry& entry);
  /// Entries that wait for this become work.
  void wake(engine::SocketIndex socket, bool for_sending, bool newest_first);
  Posted& post(RingIndex ring, engine::Token token, engine::Outcome outcome, bool more = false);

  // Sending (kernel_send.cpp).
  Ended send(RingIndex ring, const Entry& entry, engine::Instant at, Choices& choices);
  engine::Outcome send_fault(const Entry& entry, engine::Instant at, Choices& choices);
  [[nodiscard]] engine::Outcome refusal(SendSocket& socket, const Entry& entry);
  [[nodiscard]] bool has_room_for_fragments(const SendSocket& socket,
                                            std::uint32_t payload_bytes) const;
  /// Most sends have one: it needs no memory of its own.
  using Datagrams = boost::container::small_vector<Packet, 1>;
  [[nodiscard]] Datagrams datagrams_of(const Ring& ring, const Entry& entry);
  engine::Outcome hand_to_device(SendSocket& socket, std::span<const Packet> packets,
                                 engine::Instant at, Choices& choices);
  bool transmit(SendSocket& socket, Packet packet, engine::Instant at, Choices& choices);
  void make_room(SendSocket& socket, Link& link, engine::Instant at);
  void leave(const Packet& packet);
  void lose_waiting(std::uint32_t link);
  std::uint16_t take_notice(RingIndex ring, engine::Token token);

  // Receiving (kernel_receive.cpp).
  Ended receive(RingIndex ring, const Entry& entry, engine::Instant at, Choices& choices,
                Executed& executed);
  Ended receive_blocks(RingIndex ring, const engine::Submission& submission);
  [[nodiscard]] const PacketRing* ring_of(engine::RegionIndex region) const;

  engine::FlatObjects<Ring> rings_;
  engine::FlatQueue<engine::RegionIndex> provided_;
  Regions regions_;
  engine::FlatObjects<PacketSocket> packet_sockets_;
  engine::FlatArray<SendSocket> send_sockets_;
  engine::FlatObjects<Link> links_;
  engine::FlatArray<Notice> notices_;
  std::uint64_t sent_ = 0;
  std::uint64_t queue_drops_ = 0;
  std::uint64_t link_losses_ = 0;
  Faults faults_;
  KernelProfile profile_;
};

}  // namespace reprise::sim
