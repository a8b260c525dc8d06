// The I/O backend on Boost.Asio (epoll), for hosts and containers that refuse io_uring. The
// contract is engine/io.hpp's.
//
// What is particular here:
//   - Operations are carried out by system calls that do not wait, within submit() and
//     submit_and_wait() and nowhere else; Asio tells when a socket is worth trying again.
//   - Sends of one socket leave in the order they were submitted. One that waits for room holds up
//     those behind it; a do_not_wait send behind it is refused. (The kernel's io_uring reverses.)
//   - A receive reads while there are regions and the completion queue holds fewer than
//     limits().completions_max; the rest stays in the socket. At most kReadsPerTurn of each
//     socket's datagrams are read before the next one's.
//   - Regions belong to the engine until it provides them, also at the start.
//   - prepare() also stops where operations_in_flight_max or messages_in_flight_max is reached.
//   - There is no zero_copy_send.
#pragma once

#include <memory>
#include <vector>

#include "reprise/asio/completion_queue.hpp"
#include "reprise/asio/deadline_heap.hpp"
#include "reprise/asio/operation_table.hpp"
#include "reprise/asio/provided_regions.hpp"
#include "reprise/asio/reactor.hpp"
#include "reprise/asio/ring_watch.hpp"
#include "reprise/asio/socket_queues.hpp"
#include "reprise/engine/io.hpp"
#include "reprise/posix/fanout.hpp"
#include "reprise/posix/message_pool.hpp"
#include "reprise/posix/monotonic_clock.hpp"
#include "reprise/posix/packet_rings.hpp"
#include "reprise/posix/socket_table.hpp"
#include "reprise/posix/wake_event.hpp"

namespace reprise::asio {

class AsioBackend final : public engine::Backend {
 public:
  /// As many as io_uring does when a socket becomes readable.
  static constexpr std::uint32_t kReadsPerTurn = 32;

  struct Options {
    std::uint32_t submission_entries = 256;           ///< 1…32,768
    std::uint32_t completion_entries = 4096;          ///< at least submission_entries, up to 65,536
    std::uint32_t operations_in_flight_max = 65'536;  ///< from prepare to the reaped completion
    std::uint32_t messages_in_flight_max = 512;  ///< segmented sends; at least submission_entries
  };

  /// Errors: sizes out of range, no descriptor to be had.
  static engine::Expected<std::unique_ptr<AsioBackend>> create(const Options& options);

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
    return {entries_prepared_, completions_.size()};
  }

  /// How close the filter of a packet socket that open() made is to what was wanted.
  [[nodiscard]] posix::FilterLevel filter_level(engine::SocketIndex socket) {
    return sockets_.at(socket).filter_level;
  }

 private:
  /// What became of an operation that was carried out.
  enum class Progress : std::uint8_t { open, ended_ok, ended_otherwise };
  struct ChainNeeds {
    std::uint32_t entries = 0;
    std::uint32_t messages = 0;
  };

  AsioBackend(Reactor reactor, posix::Descriptor wake_descriptor, RingWatch ring_watch,
              const Options& options);
  engine::Expected<engine::SocketIndex> add(engine::Expected<posix::Socket> opened);

  // asio_prepare.cpp
  [[nodiscard]] static ChainNeeds needs_of(std::span<const engine::Submission> chain);
  [[nodiscard]] bool has_room_for(const ChainNeeds& needs) const;
  void take_chain(std::span<const engine::Submission> chain, std::span<const engine::Slice> slices);
  OperationIndex take_operation(const engine::Submission& submission,
                                std::span<const engine::Slice> slices);

  // asio_operations.cpp
  std::uint32_t carry_out_prepared();
  void run_chain(OperationIndex index, engine::SocketIndex in_front_at = engine::kNoSocket);
  void cancel_chain(OperationIndex index);
  void follow(OperationIndex index, Progress progress,
              engine::SocketIndex in_front_at = engine::kNoSocket);
  Progress start(OperationIndex index, bool in_front);
  Progress end(OperationIndex index, int errno_value, std::uint32_t result_bytes = 0,
               engine::RegionIndex region = engine::kNoRegion);
  Progress start_cancel(OperationIndex index);
  engine::RegionIndex take_out(OperationIndex index);
  void expire_deadlines();

  // asio_send.cpp
  Progress start_send(OperationIndex index, bool in_front);
  int try_send(const OperationRecord& record, std::uint32_t& result_bytes);
  void send_waiting(engine::SocketIndex socket);

  // asio_receive.cpp
  Progress start_ring_receive(OperationIndex index);
  engine::RegionIndex stop_ring_receive(OperationIndex index);
  enum class Reading : std::uint8_t { goes_on, waits, ended_ok, ended_otherwise };
  Progress start_receive(OperationIndex index);
  void read_unread();
  bool read_some(engine::SocketIndex socket);
  Reading read_one(OperationIndex index);
  void complete_receive(OperationIndex index, std::uint32_t length_bytes);
  [[nodiscard]] bool has_room_to_read() const {
    return completions_.size() < limits_.completions_max;
  }

  // asio_wait.cpp
  /// Frames of packet rings that can be reaped count as one.
  [[nodiscard]] std::uint32_t reapable() const {
    return completions_.size() + (rings_.has_ready() ? 1 : 0);
  }
  Progress start_wait(OperationIndex index);
  void end_waits(OperationList& waits, int errno_value);
  void collect();
  void act_on_events();
  void act_on_room(engine::SocketIndex socket);
  int want(engine::SocketIndex socket, Readiness readiness);

  ProvidedRegions regions_;  ///< in front of the sockets, whose rings lie in it
  posix::SocketTable sockets_;
  posix::PacketRings rings_;
  SocketQueueTable queues_;
  OperationTable operations_;
  posix::MessagePool messages_;
  posix::Message received_;
  CompletionQueue completions_;
  DeadlineHeap deadlines_;
  std::vector<OperationIndex> chains_prepared_;  ///< their first operations
  std::uint32_t entries_prepared_ = 0;
  std::uint32_t provides_unsubmitted_ = 0;
  posix::WakeEvent wake_event_;
  RingWatch ring_watch_;
  engine::Limits limits_;
  std::uint32_t operations_in_flight_max_;
  Reactor reactor_;  ///< last, so that it goes first: it watches descriptors of the others
};

}  // namespace reprise::asio
