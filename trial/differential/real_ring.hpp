// One io_uring of the differential test with its provided buffers: prepares entries of any shape,
// enters the kernel exactly as told, and reads the completion queue's memory.
#pragma once

#include <liburing.h>

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "reprise/engine/error.hpp"
#include "reprise/posix/mapping.hpp"
#include "reprise/trial/differential/trace.hpp"

namespace reprise::trial {

/// Operations of one trace, from token 1.
inline constexpr std::uint32_t kTokensMax = 128;

class RealRing {
 public:
  static engine::Expected<std::unique_ptr<RealRing>> create(const TraceSetup& setup);
  RealRing(const RealRing&) = delete;
  RealRing& operator=(const RealRing&) = delete;
  ~RealRing();

  /// Whether it is what such a trace needs.
  [[nodiscard]] bool fits(const TraceSetup& setup) const;
  /// Begins a trace: no buffer is provided, no token is known.
  engine::Expected<void> begin(const TraceSetup& setup);

  void provide(std::uint32_t region);
  /// False: the submission queue is full.
  bool prepare(const TraceSetup& setup, const TraceEntry& entry, int socket);
  /// What io_uring_enter(2) returned: entries taken, or a negative errno.
  int enter(bool collects);
  int wait(std::uint32_t count, std::int64_t timeout_ns);
  /// Takes what the queue's memory shows now.
  void reap(const TraceSetup& setup, std::vector<TraceCompletion>& completions);
  [[nodiscard]] bool has_overflow() const;
  [[nodiscard]] bool has_completions() const;
  [[nodiscard]] std::uint32_t prepared_count() const;
  /// Whether every entry that was taken has had its last completion.
  [[nodiscard]] bool is_idle() const { return open_ == 0; }
  /// Asks for the end of everything that is open.
  void cancel_all();

 private:
  RealRing() = default;
  void prepare_operation(const TraceSetup& setup, const TraceEntry& entry, int socket,
                         io_uring_sqe* sqe);
  void prepare_send(const TraceSetup& setup, const TraceEntry& entry, int socket,
                    io_uring_sqe* sqe);
  void write_payload(const TraceSetup& setup, const TraceEntry& entry);
  [[nodiscard]] TraceCompletion read(const TraceSetup& setup, const io_uring_cqe& cqe) const;

  struct Message {
    msghdr header{};
    std::array<iovec, kGatheredMax> slices{};
    alignas(cmsghdr) std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> control{};
  };
  /// Of each token: what it is, and whether the kernel has it.
  struct Issued {
    TraceEntry entry;
    bool is_open = false;
  };

  io_uring ring_{};
  bool is_open_ = false;
  sim::TaskRun task_run_ = sim::TaskRun::plain;
  std::uint32_t completions_max_ = 0;
  posix::Mapping buffer_ring_;
  posix::Mapping regions_;
  posix::Mapping payloads_;
  std::uint32_t region_bytes_ = 0;
  bool has_buffers_ = false;
  std::vector<Message> messages_;
  std::vector<Issued> operations_;
  std::vector<std::uint32_t> prepared_;  ///< tokens in the submission queue
  std::uint32_t open_ = 0;
};

}  // namespace reprise::trial
