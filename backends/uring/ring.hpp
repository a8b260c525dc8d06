// Owner of one io_uring instance (io_uring_setup(2)).
//
// The flag IORING_SETUP_COOP_TASKRUN (Linux 5.19) was chosen by measurement: like a plain ring, and
// unlike IORING_SETUP_DEFER_TASKRUN, it has run a whole linked chain when io_uring_enter(2)
// returns, because task work runs on the way back to user space; a deferred ring takes one enter
// per link unless it is told how many completions to wait for. It spares the plain ring's
// interrupts. IORING_SETUP_SINGLE_ISSUER gains nothing measurable and would tie the ring to the
// thread that made it.
#pragma once

#include <liburing.h>

#include <cstdint>
#include <string>

#include "reprise/engine/error.hpp"

namespace reprise::uring {

class Ring {
 public:
  /// Entries are rounded up to powers of two. The error says which setting of the host refuses.
  static engine::Expected<Ring> create(std::uint32_t submission_entries,
                                       std::uint32_t completion_entries);

  Ring(Ring&& other) noexcept;
  Ring(const Ring&) = delete;
  Ring& operator=(const Ring&) = delete;
  Ring& operator=(Ring&&) = delete;
  ~Ring();

  [[nodiscard]] io_uring* get() { return &ring_; }
  [[nodiscard]] const io_uring* get() const { return &ring_; }
  [[nodiscard]] std::uint32_t submission_entries() const { return ring_.sq.ring_entries; }
  [[nodiscard]] std::uint32_t completion_entries() const { return ring_.cq.ring_entries; }

 private:
  Ring() = default;

  io_uring ring_{};
  bool is_open_ = false;
};

/// Why io_uring_setup(2) failed, in one line with the next step. `disabled_setting` is what
/// kernel.io_uring_disabled reads, empty where the host does not have it.
engine::Error ring_setup_error(int errno_value, const std::string& disabled_setting);

}  // namespace reprise::uring
