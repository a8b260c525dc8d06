// The I/O backend on io_uring (Linux 6.0 or later). The contract is engine/io.hpp's.
//
// What is particular here:
//   - A send that finds room, and a linked chain of such sends, has run when submit() returns.
//   - A region has kRegionOverheadBytes more than register_memory() was asked for, because
//     the kernel writes its own header in front of the frame: a frame of the asked size fits.
//   - Regions belong to the engine until it provides them, also at the start.
//   - prepare() also stops where operations_in_flight_max or messages_in_flight_max is reached.
//   - submit_and_wait() may return early: after a signal, and once after a wake() that an earlier
//     call has reported already.
//   - Operations belong to the thread that submitted them: one thread for all of them.
//   - Of two packet_ring_receives on one ring the later one has the frames.
#pragma once

#include <liburing.h>

#include <memory>
#include <optional>
#include <vector>

#include "reprise/engine/io.hpp"
#include "reprise/posix/fanout.hpp"
#include "reprise/posix/message_pool.hpp"
#include "reprise/posix/monotonic_clock.hpp"
#include "reprise/posix/packet_rings.hpp"
#include "reprise/posix/segmentation.hpp"
#include "reprise/posix/send_room.hpp"
#include "reprise/posix/socket_table.hpp"
#include "reprise/posix/wake_event.hpp"
#include "reprise/uring/features.hpp"
#include "reprise/uring/operation_table.hpp"
#include "reprise/uring/provided_regions.hpp"
#include "reprise/uring/ring.hpp"

namespace reprise::uring {

class UringBackend final : public engine::Backend {
 public:
  struct Options {
    std::uint32_t submission_entries = 256;           ///< 1…32,768; rounded up to a power of two
    std::uint32_t completion_entries = 4096;          ///< at least submission_entries, up to 65,536
    std::uint32_t operations_in_flight_max = 65'536;  ///< from prepare to the reaped completion
    /// Segmented sends and one-shot receives among them; at least the submission entries.
    std::uint32_t messages_in_flight_max = 512;
  };

  /// Errors: the host refuses io_uring (which setting), the kernel lacks something (what).
  static engine::Expected<std::unique_ptr<UringBackend>> create(const Options& options);

  std::uint32_t prepare(engine::SubmissionView view) override;
  engine::SubmitResult submit() override;
  engine::SubmitResult submit_and_wait(std::uint32_t count, engine::Instant deadline) override;
  std::uint32_t reap(engine::CompletionBatch& batch) override;
  [[nodiscard]] engine::Instant now() const override { return posix::monotonic_now(); }
  void wake() override { wake_event_.request(); }

  engine::Expected<engine::PacketMemory> register_memory(const engine::MemorySpec& spec) override;
  engine::Expected<void> use_memory(const engine::PacketMemory& memory) override;
  engine::Expected<engine::SocketIndex> open(const engine::PacketSocketSpec& spec) override;
  engine::Expected<engine::SocketIndex> open(const engine::SendSocketSpec& spec) override;
  engine::Expected<engine::SocketIndex> adopt(int descriptor) override;
  void close(engine::SocketIndex socket) override;
  [[nodiscard]] engine::SocketStatistics statistics(engine::SocketIndex socket) override;
  [[nodiscard]] std::uint16_t fanout_group(engine::SocketIndex member) override {
    return posix::fanout_group_of(sockets_.descriptor(member));
  }
  engine::Expected<void> steer(engine::SocketIndex member, engine::Steering steering) override {
    return sockets_.steer(member, steering);
  }
  [[nodiscard]] engine::Limits limits() const override { return limits_; }

  [[nodiscard]] engine::QueueDepths depths() const override {
    return {::io_uring_sq_ready(ring_.get()), ::io_uring_cq_ready(ring_.get())};
  }

  /// How close the filter of a packet socket that open() made is to what was wanted.
  [[nodiscard]] posix::FilterLevel filter_level(engine::SocketIndex socket) {
    return sockets_.at(socket).filter_level;
  }

 private:
  struct ChainNeeds {
    std::uint32_t entries = 0;
    std::uint32_t messages = 0;
  };

  UringBackend(Ring ring, posix::Descriptor wake_descriptor, const Options& options,
               const Features& features);

  [[nodiscard]] static ChainNeeds needs_of(std::span<const engine::Submission> chain);
  [[nodiscard]] bool has_room_for(const ChainNeeds& needs);
  void write_chain(std::span<const engine::Submission> chain,
                   std::span<const engine::Slice> slices);
  [[nodiscard]] posix::SendRoom send_room_for(std::span<const engine::Submission> chain);
  void provide(engine::RegionIndex region);
  void write_entry(io_uring_sqe* entry, const engine::Submission& submission,
                   std::span<const engine::Slice> slices);
  void write_receive(io_uring_sqe* entry, OperationRecord& record,
                     const engine::Submission& submission);
  void write_packet_ring_receive(io_uring_sqe* entry, std::uint64_t user_data,
                                 const engine::Submission& submission);
  void write_segmented_send(io_uring_sqe* entry, OperationRecord& record,
                            const engine::Submission& submission,
                            std::span<const engine::Slice> slices);
  void write_deadline(io_uring_sqe* entry, engine::Instant deadline);
  void write_cancel(io_uring_sqe* entry, engine::Token target);

  void arm_polls();
  void arm_ring_polls();
  bool arm_poll(int descriptor, std::uint64_t user_data);
  [[nodiscard]] bool are_polls_armed() const { return is_wake_poll_armed_ && polls_ended_.empty(); }
  void drop_events();
  bool take_event(const io_uring_cqe& entry);
  [[nodiscard]] std::uint32_t reapable() const;
  engine::SubmitResult hand_over(bool also_collect);
  int wait_for_more_than(std::uint32_t ready, std::optional<engine::Duration> remaining);

  void reap_queue(engine::CompletionBatch& batch);
  void complete(const io_uring_cqe& entry, engine::CompletionBatch& batch);
  void complete_receive(const io_uring_cqe& entry, OperationRecord& record,
                        engine::CompletionBatch& batch, engine::Completion& completion);

  ProvidedRegions regions_;  ///< in front of the sockets, whose rings lie in it
  posix::SocketTable sockets_;
  posix::PacketRings rings_;
  OperationTable operations_;
  posix::MessagePool messages_;
  msghdr multishot_header_{};  ///< sizes for all multishot receives; the kernel copies it
  std::vector<__kernel_timespec> deadlines_;  ///< by submission queue entry, until it is taken
  posix::WakeEvent wake_event_;
  engine::Limits limits_;
  std::vector<std::uint64_t> polls_ended_;     ///< of packet_ring_receives that have not
  std::uint32_t own_entries_unsubmitted_ = 0;  ///< polls, which the engine does not count
  std::uint32_t provides_unsubmitted_ = 0;     ///< which the kernel does not count
  bool is_wake_poll_armed_ = false;
  Ring ring_;  ///< last, so that it goes first: the kernel lets go of the rest
};

}  // namespace reprise::uring
